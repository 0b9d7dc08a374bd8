"""`python -m tfgan.sample`: draws pictures with an exported generator."""

from collections.abc import Callable

from absl import flags

from tfgan.exports import outputs, pretrained, truncation
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.run import topics

_MOST_STOPS = 10_000  # of a walk


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    model, n, seed, output, label = (
        values[name] for name in ("model", "n", "seed", "output", "label")
    )
    interpolate, threshold = values["interpolate"], values["truncation"]
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: must lie between 0 and 2^63 - 1")
    outputs.check(output, interpolate, values["overwrite"])
    least, most = (2, _MOST_STOPS) if interpolate else (1, outputs.most(output))
    if n is not None and not least <= n <= most:
        raise UserError(f"--n={n}: must lie between {least} and {most:,} for --output={output}")
    if threshold is not None:
        truncation.check(threshold)
    pretrained.check_model(model, label)

    def work() -> None:
        from tfgan.exports import sampling

        if interpolate:
            stops = n or sampling.DEFAULT
            sampling.interpolate(model, stops, seed, output, label, threshold)
        else:
            sampling.sample(model, n, seed, output, label, threshold, values["overwrite"])
        print(f"Wrote {output}")

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_string("model", pretrained.NAMES[0], pretrained.FLAG)
    flags.DEFINE_integer(
        "n",
        None,
        "How many images; of each class, where --label has several; with --interpolate, how many "
        "latents to visit. 64, but 8 of each of several classes, if you do not say.",
    )
    flags.DEFINE_integer(
        "seed",
        1,
        "Another seed draws other images, the same seed the same ones, as far as --n reaches.",
    )
    flags.DEFINE_string(
        "output",
        "samples.png",
        "What to write. A name that ends in / or has no suffix: a folder of PNGs, one image each, "
        "several classes in sub-folders; rerun the command to resume after an interruption. "
        ".png: one picture of all. .npy or .npz: uint8 (count, height, width, channels). .gif, "
        ".webp or .mp4: images as frames.",
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
        "Walks from each latent to the next on the sphere instead: .png gets a row for each walk; "
        ".gif, .webp and .mp4 an endless tour.",
    )
    flags.DEFINE_float(
        "truncation",
        None,
        "Draws truer images that vary less: each number of z from N(0, 1) truncated to [-t, t], "
        "for this t above 0. Try 2, then 1.5. The same seed gives similar images. None if you do "
        "not say.",
    )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Replaces what is at --output: a file, or the pictures of another draw in a folder.",
    )
    cli.run(_prepare, topics=topics.SAMPLE)


if __name__ == "__main__":
    main()
