"""`python -m tfgan.project`: finds images in an exported generator."""

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
        raise UserError("--images=: give pictures, a folder, a .npy file or a slice like test[:16]")
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
        "What to find: pictures with commas between; a folder or an archive of them; a .npy file, "
        "uint8 (count, height, width, channels); or a slice of the set that the generator was "
        "trained on, such as test[:16].",
    )
    flags.DEFINE_string(
        "output",
        "projected.png",
        "What to write: .png, each image with the generator's version below it; .npz, the latents "
        "too.",
    )
    flags.DEFINE_string(
        "label",
        "",
        "Classes to try, of a generator trained with --conditional: 7, or sneaker, or 7,1. Empty: "
        "all.",
    )
    flags.DEFINE_integer(
        "restarts",
        8,
        "Searches for each image, and each class, of which the best counts. More find images that "
        "fewer miss.",
    )
    flags.DEFINE_integer("steps", 500, "Steps of each search. More come nearer.")
    flags.DEFINE_integer("seed", 1, "Another seed begins the searches elsewhere.")
    config.define_flags(
        "data_dir",
        "manual_dir",
        dataset="The set that --images names a slice of. Empty: what the SavedModel was trained "
        "on, if it records that, else mnist.",
    )
    flags.FLAGS.set_default("dataset", "")
    cli.run(_prepare, topics=topics.PROJECT)


if __name__ == "__main__":
    main()
