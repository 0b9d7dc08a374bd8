"""`python -m tfgan.evaluate` scores a generator or images, next to scores of real images."""

from collections.abc import Callable

from absl import flags

from tfgan.datasets.image_set import ImageSet
from tfgan.exports import pretrained, truncation
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder, user_path
from tfgan.run import config, topics
from tfgan.run.workdir import Workdir


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    workdirs = values["workdir"]
    given = [
        f"--{name}={value}"
        for name in ("workdir", "model", "samples")
        for value in ([values[name]] if isinstance(values[name], str) else values[name][:1])
        if value
    ]
    if len(given) != 1:
        raise UserError(
            f"{' and '.join(given) or 'nothing to evaluate'}: name one of --workdir, --model and "
            f"--samples"
        )
    for name in ("dataset", "output"):
        if workdirs and flags.FLAGS[name].present:
            raise UserError(
                f"--{name}={values[name]}: not with --workdir; a run has its own {name}"
            )
    for workdir in workdirs:
        place = Workdir(workdir)
        place.existing_run()
        check_folder(place.evaluation)
    if values["model"]:
        pretrained.check_model(values["model"])
    if values["samples"] and not user_path(values["samples"], "--samples").exists():
        raise UserError(f"--samples={values['samples']}: does not exist")
    if not workdirs:
        check_folder(values["output"], "--output")
    truncations = truncation.thresholds(values["truncation"])
    if truncations and values["samples"]:
        raise UserError(
            f"--truncation={','.join(values['truncation'])}: needs a generator, --model or "
            f"--workdir; --samples={values['samples']} are images"
        )
    data_dir, manual_dir, output = (values[n] for n in ("data_dir", "manual_dir", "output"))
    image_set = ImageSet(values["dataset"], data_dir=data_dir, manual_dir=manual_dir)

    def work() -> None:
        from tfgan import report
        from tfgan.evaluation import harness

        if workdirs:
            subjects = [harness.run(each, data_dir, manual_dir, truncations) for each in workdirs]
        elif values["model"]:
            subjects = [harness.model(values["model"], output, image_set, truncations)]
        else:
            subjects = [harness.images(values["samples"], output, image_set)]
        harness.evaluate(subjects, values["quick"])
        for workdir in workdirs:  # the report of a run has its scores too
            report.write_report(Workdir(workdir))

    return work


def main() -> None:
    """Entry point of the command."""
    flags.DEFINE_multi_string(
        "workdir",
        [],
        "Folder of a finished run; results go to its evaluation/. Repeat the flag to compare runs, "
        "with means over runs that differ only in their seed.",
    )
    flags.DEFINE_string(
        "model",
        "",
        "A generator instead of a run: a SavedModel with the signature `sample`, or mnist, which "
        "comes with tfgan.",
    )
    flags.DEFINE_string(
        "samples",
        "",
        "Images from any program instead of a run: a folder of pictures, .npy or .npz; uint8, or "
        "floats in [0, 1] or [-1, 1]; channels last or first. If the set has classes: 50,000 "
        "images, or 10,000 with --quick. If not: five times as many as are held out, or, with "
        "--quick, as many as are held out.",
    )
    flags.DEFINE_list(
        "truncation",
        [],
        "Also score the generator of --workdir or --model with truncated z, for each of these "
        "thresholds: 0.5,0.7,1 gives a curve of precision against recall. See python -m "
        "tfgan.sample --help.",
    )
    flags.DEFINE_string("output", "evaluation", "Folder for the results of --model or --samples.")
    flags.DEFINE_boolean(
        "quick", False, "Score one set of samples instead of five, by the fast metrics only."
    )
    config.define_flags(
        "data_dir",
        "manual_dir",
        dataset="Image set to compare --model or --samples with, by its TensorFlow Datasets name. "
        "Empty: the set that the SavedModel records, else mnist.",
    )
    flags.FLAGS.set_default("dataset", "")
    cli.run(_prepare, topics=topics.EVALUATE)


if __name__ == "__main__":
    main()
