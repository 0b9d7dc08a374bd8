"""`python -m tfgan.evaluate`: how good samples are, by the protocol that their set has."""

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
            f"{' and '.join(given) or 'nothing to evaluate'}: give one of --workdir, --model and "
            f"--samples"
        )
    for name in ("dataset", "output"):
        if workdirs and flags.FLAGS[name].present:
            raise UserError(f"--{name}={values[name]}: a run in --workdir has its own")
    for workdir in workdirs:
        place = Workdir(workdir)
        place.existing_run()
        check_folder(place.evaluation)
    for name in ("model", "samples"):
        if name == "model" and pretrained.comes_with_tfgan(values[name]):
            continue
        if values[name] and not user_path(values[name], f"--{name}").exists():
            raise UserError(f"--{name}={values[name]}: there is nothing of that name")
    if not workdirs:
        check_folder(values["output"], "--output")
    truncations = truncation.thresholds(values["truncation"])
    if truncations and values["samples"]:
        raise UserError(
            f"--truncation={','.join(values['truncation'])}: --samples={values['samples']} are "
            f"drawn already; give --model or --workdir"
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
        "A finished run's folder; results go to its evaluation/. Repeat to compare runs: one more "
        "table, with means over runs that differ only in their seed.",
    )
    flags.DEFINE_string(
        "model",
        "",
        "Instead: a SavedModel with the signature `sample`, or mnist, which comes with tfgan.",
    )
    flags.DEFINE_string(
        "samples",
        "",
        "Instead: images of whatever made them: a folder of pictures and sub-folders, a .npy or a "
        ".npz, of uint8, or of floats in [0, 1] or [-1, 1], channels last or first. 50,000 (10,000 "
        "with --quick) of a set with classes; five times as many as are held out (as many with "
        "--quick) of any other.",
    )
    flags.DEFINE_list(
        "truncation",
        [],
        "Scores of --workdir's or --model's generator with z truncated as well, for each of these "
        "thresholds: 0.5,0.7,1 gives a curve of precision and recall. See tfgan.sample.",
    )
    flags.DEFINE_string("output", "evaluation", "Folder for what is found of --model or --samples.")
    flags.DEFINE_boolean(
        "quick", False, "One set of samples instead of five, and only the fast metrics."
    )
    config.define_flags(
        "data_dir",
        "manual_dir",
        dataset="The set that --model or --samples imitate, by its TensorFlow Datasets name. "
        "Empty: what the SavedModel was trained on, if it records that, else mnist.",
    )
    flags.FLAGS.set_default("dataset", "")
    cli.run(_prepare, topics=topics.EVALUATE)


if __name__ == "__main__":
    main()
