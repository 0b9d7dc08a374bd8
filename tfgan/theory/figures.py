"""Pictures of a toy run: the paper's Figure 1, and a similar one for the plane.

matplotlib is an extra, and imported only when something is drawn.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from tfgan.ground.errors import UserError
from tfgan.theory import observation
from tfgan.theory.by_class import ClassObservation, optimal_probability
from tfgan.theory.densities import GaussianMixture
from tfgan.theory.observation import Observation

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's palette, which the colour-blind tell apart.
DATA, FAKE, D, BEST = "#333333", "#009E73", "#0072B2", "#D55E00"
STYLE: Any = {
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlesize": 10,
    "font.size": 9,
    "legend.fontsize": 8,
    "legend.frameon": False,
}
_DPI = 90
_LINES = 31  # drawn from z to x
_DOTS = 1000


def require_matplotlib() -> None:
    """Imports matplotlib.

    Raises:
        UserError: if it is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise UserError(
            "matplotlib: is needed for the figures; pip install -e '.[plots]'"
        ) from None


def new(width: float, height: float) -> "Figure":
    """An empty figure, with a size in inches."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08)
    return Figure(figsize=(width, height), dpi=_DPI, layout=layout)


def pixels(figure: "Figure") -> np.ndarray:
    """The figure as uint8 `(height, width, 3)`."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[..., :3].copy()


def frame(p: GaussianMixture, seen: list[Observation], steps: int) -> np.ndarray:
    """Draws the last observation, and the divergences up to it.

    Args:
        p: the density that is learnt.
        seen: the observations so far.
        steps: number of steps of the whole run.

    Returns:
        uint8 `(height, width, 3)`.
    """
    import matplotlib

    draw = {1: _on_the_line, 2: _in_the_plane}[p.dim]
    if isinstance(seen[-1], ClassObservation):
        draw = _by_class
    with matplotlib.rc_context(STYLE):
        figure = new(9, 4.5)
        draw(figure, p, seen, steps)
        return pixels(figure)


def _on_the_line(figure: "Figure", p: GaussianMixture, seen: list[Observation], steps: int) -> None:
    look = seen[-1]
    places = figure.subplot_mosaic(
        [["densities", "jsd"], ["map", "jsd"]], width_ratios=[3, 2], height_ratios=[3, 1]
    )
    axes = places["densities"]
    x, edges = observation.plot_points(p), observation.cell_edges(p)
    shares = np.histogram(look.fakes, edges)[0] / len(look.fakes)
    best = observation.optimal_in_cells(p, look.fakes, edges)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    density = np.exp(p.log_density(x[:, np.newaxis]))
    axes.fill_between(middles, shares / width, step="mid", color=FAKE, alpha=0.35, lw=0)
    axes.plot(middles, shares / width, color=FAKE, lw=1, label="$p_g$")
    axes.plot(x, density, color=DATA, ls=":", lw=2, label=r"$p_{\mathrm{data}}$")
    axes.set(xlim=(x[0], x[-1]), ylim=(0, 2 * density.max()), yticks=[])
    axes.set_title(f"step {look.step:,}", loc="left")
    axes.set_ylabel("density")
    axes.tick_params(labelbottom=False)
    twin = axes.twinx()
    twin.plot(x, look.probability, color=D, ls="--", lw=1.8, label="$D$")
    twin.plot(middles, best, color=BEST, lw=1.2, label="$D^*$")
    twin.axhline(0.5, color="0.8", lw=0.8, zorder=0)
    twin.set(ylim=(0, 1.02), yticks=[0, 0.5, 1])
    twin.set_ylabel("D(x)", color=D)
    twin.spines["right"].set_visible(True)
    handles = [*axes.get_lines(), *twin.get_lines()[:2]]
    twin.legend(
        handles=handles,
        ncols=4,
        loc="upper right",
        fontsize=9,
        columnspacing=1.4,
        borderaxespad=0.1,
    )
    _map(places["map"], look, (x[0], x[-1]))
    _divergences(places["jsd"], seen, steps)


def _by_class(figure: "Figure", p: GaussianMixture, seen: list[Any], steps: int) -> None:
    """A row for each class: its density, a histogram of its fakes, D and D*."""
    look = seen[-1]
    classes = range(len(p.weights))
    rows: list[Any] = [[str(label), "jsd"] for label in classes]
    places = figure.subplot_mosaic(rows, width_ratios=[3, 2])
    x, edges = observation.plot_points(p), observation.cell_edges(p)
    middles, width = (edges[1:] + edges[:-1]) / 2, edges[1] - edges[0]
    for label in classes:
        axes, of_class = places[str(label)], p.of_mode(label)
        fakes = look.fakes[look.labels == label]
        shares = np.histogram(fakes, edges)[0] / len(fakes) / width
        density = np.exp(of_class.log_density(x[:, np.newaxis]))
        axes.fill_between(middles, shares, step="mid", color=FAKE, alpha=0.35, lw=0)
        axes.plot(middles, shares, color=FAKE, lw=1, label="$p_g(x|y)$")
        axes.plot(x, density, color=DATA, ls=":", lw=2, label=r"$p_{\mathrm{data}}(x|y)$")
        axes.set(xlim=(x[0], x[-1]), ylim=(0, 2 * density.max()), yticks=[])
        axes.set_ylabel(f"y = {label}")
        twin = axes.twinx()
        twin.plot(x, look.probability[label], color=D, ls="--", lw=1.8, label="$D(x|y)$")
        best = optimal_probability(look, p, label)
        twin.plot(middles, best, color=BEST, lw=1.2, label="$D^*(x|y)$")
        twin.axhline(0.5, color="0.8", lw=0.8, zorder=0)
        twin.set(ylim=(0, 1.02), yticks=[0, 0.5, 1])
        axes.tick_params(labelbottom=label == classes[-1])
    first = places["0"]
    first.set_title(f"step {look.step:,}", loc="left")
    handles = [*axes.get_lines(), *twin.get_lines()[:2]]
    twin.legend(handles=handles, ncols=2, loc="upper left", borderaxespad=0.1)
    _divergences(places["jsd"], seen, steps)
    at, marginal = [each.step for each in seen], [each.marginal_jsd for each in seen]
    places["jsd"].plot(at, marginal, color=DATA, lw=1, ls="-.", label="JSD of x alone")
    places["jsd"].legend(loc="upper right", bbox_to_anchor=(1, 0.9))


def _map(axes: "Axes", look: Observation, limits: tuple[float, float]) -> None:
    """Equally likely steps of z, above, and where G maps them, below, as in Figure 1."""
    order = np.argsort(look.latents[:, 0])
    ranks = ((np.arange(_LINES) + 0.5) / _LINES * len(order)).astype(int)
    z, x = look.latents[order[ranks], 0], look.fakes[order[ranks], 0]
    low, high = limits
    centre, half = (low + high) / 2, (high - low) / 2
    at = centre + half * z / 3  # z's axis, from -3 to 3, is as long as that of x
    axes.plot(np.stack([at, x]), [[0] * _LINES, [1] * _LINES], color=FAKE, lw=0.7)
    axes.plot(at, [0] * _LINES, "|", color=DATA, ms=4)
    axes.set(xlim=limits, ylim=(0, 1), yticks=[0, 1], yticklabels=["z", "x"])
    axes.set_xlabel("equally likely values of z, and x = G(z) for each")
    axes.spines["top"].set_visible(True)


def _in_the_plane(
    figure: "Figure", p: GaussianMixture, seen: list[Observation], steps: int
) -> None:
    look = seen[-1]
    places = figure.subplot_mosaic([["plane", "jsd"], ["plane", "modes"]], width_ratios=[4, 3])
    axes = places["plane"]
    x = observation.plot_points(p)
    levels = np.linspace(0, 1, 11)
    filled = axes.contourf(x, x, look.probability.T, levels, cmap="RdBu", alpha=0.6)
    bar = figure.colorbar(filled, ax=axes, shrink=0.8, pad=0.02, ticks=[0, 0.5, 1])
    bar.ax.set_title("D(x)", fontsize=9)
    bar.outline.set_visible(False)
    axes.plot(*p.means.T, "o", mfc="none", mec=DATA, ms=9, mew=0.9, label="modes of the data")
    axes.plot(*look.fakes[:_DOTS].T, ".", color=FAKE, ms=2.5, label="G(z)")
    _arrows(axes, look, x[-1] - x[0])
    axes.set(xlim=(x[0], x[-1]), ylim=(x[0], x[-1]), xticks=[], yticks=[], aspect="equal")
    axes.set_title(f"step {look.step:,}", loc="left")
    axes.legend(
        loc="lower right", bbox_to_anchor=(1, 1), ncols=2, borderaxespad=0.2, handletextpad=0.2
    )
    axes.set_xlabel("arrows: direction in which G's gradient moves G(z)")
    _divergences(places["jsd"], seen, steps)
    places["jsd"].tick_params(labelbottom=False)
    places["jsd"].set_xlabel("")
    _modes(places["modes"], p, seen, steps)


def _arrows(axes: "Axes", look: Observation, width: float) -> None:
    lengths = np.linalg.norm(look.pushes, axis=1)
    unit = max(float(np.quantile(lengths, 0.9)), 1e-12)
    arrows = look.pushes * np.minimum(1, unit / np.maximum(lengths, 1e-12))[:, np.newaxis] / unit
    tails = look.fakes[: len(arrows)]
    axes.quiver(
        *tails.T,
        *(arrows * width / 12).T,
        angles="xy",
        scale_units="xy",
        scale=1,
        width=0.003,
        color="0.15",
        zorder=3,
    )


def _divergences(axes: "Axes", seen: list[Observation], steps: int) -> None:
    at = [look.step for look in seen]
    axes.axhline(np.log(2), color="0.6", lw=0.8, ls=":")
    axes.text(steps, np.log(2), "log 2 ", ha="right", va="bottom", color="0.4", fontsize=8)
    axes.plot(at, [look.jsd for look in seen], color=BEST, label="JSD, from a histogram")
    axes.plot(
        at, [look.bound for look in seen], color=D, ls="--", label=r"$\log 2 + \frac{1}{2}V(D, G)$"
    )
    axes.plot(at[-1:], [seen[-1].jsd], "o", color=BEST, ms=4)
    axes.set(xlim=(0, steps), ylim=(-0.05, 0.78), xlabel="step")
    axes.set_title("divergence and D's lower bound, in nats", loc="left")
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.9))


def _modes(axes: "Axes", p: GaussianMixture, seen: list[Observation], steps: int) -> None:
    at = [look.step for look in seen]
    last = seen[-1].coverage
    modes = [look.coverage.covered / len(p.means) for look in seen]
    quality = [look.coverage.high_quality for look in seen]
    axes.plot(at, modes, color=DATA, drawstyle="steps-post", label="modes covered")
    axes.plot(at, quality, color=FAKE, label="high-quality share")
    axes.set(xlim=(0, steps), ylim=(0, 1.05), xlabel="step", yticks=[0, 0.5, 1])
    axes.set_title(
        f"modes {last.covered} of {len(p.means)}, high quality {last.high_quality:.0%}", loc="left"
    )
    axes.legend(loc="lower right")


def save(path: Any, figure: "Figure") -> None:
    """Writes a figure as PNG."""
    from tfgan.ground import pictures

    pictures.save_png(path, pixels(figure))
