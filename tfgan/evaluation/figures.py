"""Pictures of an evaluation."""

import io
import pathlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tfgan.evaluation import neighbours
from tfgan.evaluation.protocol import Row
from tfgan.ground import pictures
from tfgan.ground.files import write_file

TRUNCATED = "truncated at "  # begins the names of rows that form a curve
_PAIRS = 32  # samples, each above its nearest training image
# Of a picture of confusions: pixels; classes that are named; letters of a name beside and below.
_CELL, _LETTERS, _MARGIN = 34, 13, 12
_MOST_WRITTEN, _MOST_LETTERS, _MOST_BELOW = 30, 14, 4


def save_neighbours(
    path: pathlib.Path,
    samples: np.ndarray,
    training: np.ndarray,
    small: Callable[[np.ndarray], np.ndarray] = lambda images: images,
) -> None:
    """Writes rows of samples, with the nearest training image below each sample.

    Args:
        path: the PNG.
        samples: uint8 `(count, height, width, channels)`; the first 32 are shown.
        training: uint8 `(size, height, width, channels)`.
        small: a function that reduces images before the comparison.
    """
    shown = samples[:_PAIRS]
    nearest, _ = neighbours.nearest(small(shown), small(training))
    columns = pictures.COLUMNS
    rows = [
        part[start : start + columns]
        for start in range(0, len(shown), columns)
        for part in (shown, training[nearest])
    ]
    pictures.save_png(path, pictures.grid(np.concatenate(rows)))


def save_confusion(
    path: pathlib.Path, matrices: dict[str, np.ndarray], names: Sequence[str]
) -> None:
    """Writes confusion matrices side by side: requested classes as rows, recognised as columns.

    A cell shows its share of the row in percent, and is darker if that is larger.

    Args:
        path: the PNG.
        matrices: counts `(classes, classes)` by title.
        names: names of the classes. Names and numbers are shown for up to 30 classes.
    """
    count = len(names)
    written = count <= _MOST_WRITTEN
    cell = _CELL if written else max(2, _CELL * _MOST_WRITTEN // count)
    font = ImageFont.load_default(_LETTERS)
    short = [" ".join(name.split())[:_MOST_LETTERS] for name in names]
    left = _MARGIN + (int(max(map(font.getlength, short))) if written else 0)
    top = 3 * _MARGIN
    titles = [f"{name}: % seen as" for name in matrices]
    width = left + max(count * cell, *(int(font.getlength(title)) for title in titles)) + _MARGIN
    height = top + count * cell + 2 * _MARGIN
    picture = Image.new("L", (width * len(matrices), height), 255)
    draw = ImageDraw.Draw(picture)
    for index, (title, matrix) in enumerate(zip(titles, matrices.values(), strict=True)):
        x0 = index * width + left
        draw.text((x0, _MARGIN), title, 0, font)
        shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
        for (row, column), share in np.ndenumerate(shares):
            x, y = x0 + column * cell, top + row * cell
            shade = round(255 * (1 - share))
            draw.rectangle((x, y, x + cell - 1, y + cell - 1), shade)
            if written and share >= 0.005:
                ink = 255 if shade < 128 else 0
                middle = (x + cell / 2, y + cell / 2)
                draw.text(middle, f"{100 * share:.0f}", ink, font, "mm")
        draw.rectangle((x0 - 1, top - 1, x0 + count * cell, top + count * cell), outline=128)
        for at, name in enumerate(short if written else ()):
            along = (at + 0.5) * cell
            draw.text((x0 - 6, top + along), name, 0, font, "rm")
            draw.text((x0 + along, top + count * cell + 4), name[:_MOST_BELOW], 0, font, "ma")
    pictures.save_png(path, np.asarray(picture)[..., np.newaxis])


def save_plots(
    folder: pathlib.Path, shares: np.ndarray, real_shares: np.ndarray, rows: dict[str, Row]
) -> str:
    """Writes `classes.png` and `precision_recall.png`.

    Args:
        folder: the folder.
        shares: shares of the classes among the samples, `(classes,)`.
        real_shares: shares among the test images.
        rows: rows of scores; those with "precision" and "recall" are shown.

    Returns:
        An empty string, or a line that says how to get the plots, if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return (
            "Pictures: classes.png and precision_recall.png need matplotlib: "
            "pip install -e '.[plots]'"
        )

    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    positions = np.arange(len(shares))
    axes.bar(positions - 0.2, 100 * real_shares, 0.4, label="test images")
    axes.bar(positions + 0.2, 100 * shares, 0.4, label="samples")
    axes.set(xlabel="class", ylabel="% of the images")
    if len(shares) <= 30:
        axes.set_xticks(positions)
    axes.legend()
    _save(folder / "classes.png", figure)
    return save_manifolds(folder, rows)


def save_manifolds(folder: pathlib.Path, rows: dict[str, Row]) -> str:
    """Writes `precision_recall.png`; see `save_plots`."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        return "Pictures: precision_recall.png needs matplotlib: pip install -e '.[plots]'"
    figure = Figure(figsize=(4.5, 4.5), layout="constrained")
    axes = figure.subplots()
    places = {
        name: [row[each]["mean"] or 0 for each in ("recall", "precision")]
        for name, row in rows.items()
        if "precision" in row
    }
    curve = [name for name in places if name.startswith(TRUNCATED)]
    if curve:
        axes.plot(*zip(*(places[name] for name in ("generator", *curve)), strict=True), "C0-")
    for name, place in places.items():
        axes.plot(*place, "o", label=name)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="recall", ylabel="precision", aspect="equal")
    axes.grid(alpha=0.3)
    axes.legend(loc="lower left")
    _save(folder / "precision_recall.png", figure)
    return ""


def _save(file: pathlib.Path, figure: Any) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=120)
    write_file(file, buffer.getvalue())
