"""`python -m tfgan.project` finds the latents whose images come nearest to given images."""

from collections.abc import Callable

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.exports import pretrained, targets
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file
from tfgan.run import config, topics

_MOST_RESTARTS, _MOST_STEPS = 1000, 1_000_000


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    model, given, output, label, restarts, steps, seed = (
        values[name] for name in ("model", "images", "output", "label", "restarts", "steps", "seed")
    )
    pretrained.check_model(model, label)
    if not given:
        raise UserError(
            "--images=: name pictures, a folder, a .npy file or a slice such as test[:16]"
        )
    for name, most in (("restarts", _MOST_RESTARTS), ("steps", _MOST_STEPS)):
        if not 1 <= values[name] <= most:
            raise UserError(f"--{name}={values[name]}: must lie between 1 and {most:,}")
    if not 0 <= seed < 2**63:
        raise UserError(f"--seed={seed}: must lie between 0 and 2^63 - 1")
    if not output.lower().endswith((".png", ".npz")):
        raise UserError(f"--output={output}: must end in .png or .npz")
    folders = {name: values[name] for name in ("data_dir", "manual_dir")}
    found = targets.find(given, ImageSet(values["dataset"], **folders), model)
    check_file(output, "--output")

    def work() -> None:
        from tfgan.exports import projecting

        projecting.project(model, found, output, label, restarts, steps, seed)
        print(f"Wrote {output}")

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_string("model", pretrained.NAMES[0], pretrained.FLAG)
    flags.DEFINE_string(
        "images",
        "",
        "Images to project: picture files separated by commas; a folder or archive of pictures; a "
        ".npy file, uint8 (count, height, width, channels); or a slice of the set that the "
        "generator was trained on, such as test[:16].",
    )
    flags.DEFINE_string(
        "output",
        "projected.png",
        "File to write. .png: each image above the generator's version of it. .npz: both, and the "
        "latents.",
    )
    flags.DEFINE_string(
        "label",
        "",
        "Classes to try, for a generator trained with --conditional: 7, or sneaker, or 7,1. Empty: "
        "all.",
    )
    flags.DEFINE_integer(
        "restarts",
        8,
        "Searches for each image and class; the best one is kept. With more of them, the search "
        "fails less often.",
    )
    flags.DEFINE_integer("steps", 500, "Steps of each search. More steps come nearer to the image.")
    flags.DEFINE_integer("seed", 1, "Seed of the latents that searches start from.")
    config.define_flags(
        "data_dir",
        "manual_dir",
        dataset="Image set that --images is a slice of. Empty: the set that the SavedModel "
        "records, else mnist.",
    )
    flags.FLAGS.set_default("dataset", "")
    cli.run(_prepare, topics=topics.PROJECT)


if __name__ == "__main__":
    main()
