"""`python -m tfgan.sample`: draws pictures with an exported generator."""

from collections.abc import Callable

from absl import flags

from tfgan.exports import class_names
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file, user_path

_MOST = 10_000


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    model, n, seed, output, label = (
        values[name] for name in ("model", "n", "seed", "output", "label")
    )
    interpolate = values["interpolate"]
    if n is not None and not 1 + interpolate <= n <= _MOST:
        raise UserError(f"--n={n}: must lie between {1 + interpolate} and {_MOST:,}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: must lie between 0 and 2^63 - 1")
    endings = (".png", ".gif") if interpolate else (".png", ".npy")
    if not output.lower().endswith(endings):
        raise UserError(f"--output={output}: must end in {' or '.join(endings)}")
    if not (user_path(model, "--model") / "saved_model.pb").is_file():
        raise UserError(f"--model={model}: no SavedModel there; a run leaves one in its generator/")

    class_names.check(label, user_path(model, "--model"))
    check_file(output, "--output")

    def work() -> None:
        from tfgan.exports import sampling

        if interpolate:
            sampling.interpolate(model, n or sampling.DEFAULT, seed, output, label)
        else:
            sampling.sample(model, n, seed, output, label)
        print(f"Wrote {output}")

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_string("model", "runs/tutorial/generator", "The SavedModel that a run exported.")
    flags.DEFINE_integer(
        "n",
        None,
        "How many images; of each class, where --label has several; with --interpolate, how many "
        "latents to visit. 64, but 8 of each of several classes, if you do not say.",
    )
    flags.DEFINE_integer("seed", 1, "Another seed draws other images, the same seed the same ones.")
    flags.DEFINE_string(
        "output",
        "samples.png",
        "What to write: .png; .npy, uint8 (count, height, width, channels); .png or .gif with "
        "--interpolate.",
    )
    flags.DEFINE_string(
        "label",
        "",
        "Classes to draw, of a generator trained with --conditional: 7, or sneaker, or 7,1,3 for a "
        "row each, or all. With --interpolate, the walks lead from class to class. Empty: any; "
        "with --interpolate, all.",
    )
    flags.DEFINE_boolean(
        "interpolate",
        False,
        "Walks from each latent to the next on the sphere instead: .png gets a row for each walk, "
        ".gif an endless tour.",
    )
    cli.run(_prepare)


if __name__ == "__main__":
    main()
