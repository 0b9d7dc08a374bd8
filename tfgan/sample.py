"""`python -m tfgan.sample` draws images with an exported generator."""

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
            sampling.interpolate(model, n, seed, output, label, threshold)
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
        "How many images to draw (of each class, if --label names several); with --interpolate, "
        "how many latents to pass through. If not given: 64, or 8 of each class.",
    )
    flags.DEFINE_integer(
        "seed",
        1,
        "Seed of the latents. The same seed draws the same images, whatever --n is; without "
        "--interpolate, a larger --n only adds to them.",
    )
    flags.DEFINE_string(
        "output",
        "samples.png",
        "File or folder to write. .png: one grid of all images. .npy, .npz: a uint8 array (count, "
        "height, width, channels). .gif, .webp, .mp4: one image a frame; .mp4 needs pip install -e "
        "'.[video]'. A name that ends in / or has no suffix: a folder with one PNG per image, and "
        "a sub-folder per class if there are several; rerun the command to resume it.",
    )
    flags.DEFINE_string(
        "label",
        "",
        "Classes to draw, for a generator trained with --conditional: 7, or sneaker, or 7,1,3 for "
        "one row each, or all. With --interpolate, go from class to class. Empty: classes at "
        "random; with --interpolate, all.",
    )
    flags.DEFINE_boolean(
        "interpolate",
        False,
        "Interpolate on the sphere from each latent to the next. .png: one row for each pair. "
        ".gif, .webp, .mp4: a loop.",
    )
    flags.DEFINE_float(
        "truncation",
        None,
        "Draw more typical images that vary less: truncate N(0, 1) to [-t, t] for each number in "
        "z, for this t > 0. Try 2, then 1.5. Images stay similar to those of the same seed without "
        "truncation. If not given: no truncation.",
    )
    flags.DEFINE_boolean(
        "overwrite",
        False,
        "Replace the file at --output, or the images in that folder.",
    )
    cli.run(_prepare, topics=topics.SAMPLE)


if __name__ == "__main__":
    main()
