"""`evaluate(...)`: the library entry point of `python -m tfgan.evaluate`."""

import dataclasses
import json
import os
import pathlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tfgan.datasets import pipeline, sources
from tfgan.datasets.classes import Classes
from tfgan.datasets.image_set import ImageSet
from tfgan.evaluation import by_class, figures, given, judges, report, samples
from tfgan.evaluation.by_class import Labelled
from tfgan.evaluation.judges import Judge, SampleQuality
from tfgan.evaluation.protocol import SEED, Metric, Row
from tfgan.evaluation.samples import Source
from tfgan.exports import loading
from tfgan.ground.console import duration
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder, user_path, write_file
from tfgan.ground.machine import cores
from tfgan.ground.version import versions
from tfgan.run import checkpointing
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir, exported_step

DATASET = "mnist"  # where nothing says which
_SHOWN_NAMES = 5


@dataclasses.dataclass(frozen=True)
class Subject:
    """What is evaluated: a run, a model or given samples.

    Attributes:
        name: its name in tables.
        sources: the source of the samples of each of its rows.
        output: the folder for the results.
        image_set: the set that it imitates.
        split: the split of that set that it was trained on, if it is known.
        config: the options of the run that made it, if they are known.
        step: the training step of that run after which it was exported.
    """

    name: str
    sources: Mapping[str, Source]
    output: pathlib.Path
    image_set: ImageSet
    split: str | None = None
    config: dict[str, Any] | None = None
    step: int | None = None


def run(
    workdir: str, data_dir: str = "", manual_dir: str = "", truncations: Sequence[float] = ()
) -> Subject:
    """A run's exported generators: `generator`, and `generator_raw` if it exists.

    Args:
        workdir: the run's folder.
        data_dir: the folder where its set is prepared; empty for that of the run.
        manual_dir: folder of the set's original files, or empty.
        truncations: thresholds, for each of which `generator` has a row; see
            `tfgan.noise.truncated`.

    Raises:
        UserError: if there is no finished run, or it is being extended.
    """
    place = Workdir(workdir)
    config = place.existing_run()["config"]
    if not place.generator.is_dir():
        raise UserError(f"--workdir={workdir}: its run has not ended yet, so it has no generator")
    step, newest = (
        exported_step(place.generator),
        checkpointing.newest(place.checkpoints),
    )
    if newest is not None and int(newest.name) != step:
        raise UserError(
            f"--workdir={workdir}: its run has continued since its generator was exported and has "
            f"not ended yet; to score that generator anyway, use --model={place.generator}"
        )
    models = _truncated(str(place.generator), f"--workdir={workdir}: its generator", truncations)
    if place.raw_generator.is_dir():
        raw = str(place.raw_generator)
        models["generator_raw"] = samples.FromModel(raw, f"--workdir={workdir}: its generator_raw")
    image_set = ImageSet(config["dataset"], data_dir=data_dir or config.get("data_dir", ""))
    if not data_dir:
        image_set = sources.where_prepared(image_set)
    image_set = dataclasses.replace(image_set, manual_dir=manual_dir)
    split = config.get("split", "train")
    return Subject(str(place.path), models, place.evaluation, image_set, split, config, step)


def _truncated(path: str, named: str, truncations: Sequence[float]) -> dict[str, samples.FromModel]:
    """A generator without truncation, and with each truncation, all with the same seed."""
    found = {"generator": samples.FromModel(path, named)}
    for threshold in truncations:
        name = f"{figures.TRUNCATED}{threshold:.15g}"
        found[name] = samples.FromModel(path, named, threshold)
    return found


def model(
    path: str, output: str, image_set: ImageSet, truncations: Sequence[float] = ()
) -> Subject:
    """A SavedModel with the signature `sample`, like those that a run exports.

    Args:
        path: its folder, or one of `pretrained.NAMES`.
        output: the folder for the results.
        image_set: the set that it imitates; without a name, the one that the export records, or
            else MNIST.
        truncations: thresholds; see `run`.

    Raises:
        UserError: if the export records another set.
    """
    recorded = loading.trained_on(path)
    if not image_set.name:
        image_set = dataclasses.replace(image_set, name=recorded.name if recorded else DATASET)
    elif recorded and not recorded.is_same_set(image_set):
        raise UserError(
            f"--dataset={image_set.name}: --model={path} was trained on {recorded.name}; leave "
            f"--dataset out, or use {recorded.name}"
        )
    found = _truncated(path, "", truncations)
    split = recorded.split if recorded else None
    return Subject(path, found, user_path(output, "--output"), image_set, split)


def images(
    path: str, output: str, image_set: ImageSet, say: Callable[[str], None] = print
) -> Subject:
    """Images of any program: a folder, a .npy or a .npz; see `given.Given`.

    Args:
        path: the file or folder.
        output: the folder for the results.
        image_set: the set that they imitate; without a name, MNIST.
        say: called with a line that says how they are read, if that is not obvious.
    """
    image_set = dataclasses.replace(image_set, name=image_set.name or DATASET)
    found = {"samples": given.Given(path, say)}
    return Subject(path, found, user_path(output, "--output"), image_set)


def evaluate(
    subjects: Sequence[Subject],
    quick: bool = False,
    say: Callable[[str], None] = print,
) -> list[dict[str, Any]]:
    """Evaluates each subject, writes `evaluation.json` and pictures, and prints tables.

    Args:
        subjects: what to evaluate, all for the same set of images.
        quick: whether to score one set of samples (10,000 by `tfgan-eval-v2`) without the slow
            metrics.
        say: called with each line of output.

    Returns:
        The content of each subject's `evaluation.json`.

    Raises:
        UserError: if a subject cannot be evaluated.
    """
    first = subjects[0]
    for other in subjects:
        if not other.image_set.is_same_set(first.image_set):
            raise UserError(
                f"--workdir={other.name}: is of {other.image_set.name}, but {first.name} is of "
                f"{first.image_set.name}; scores of different sets cannot be compared"
            )
    _check_distinct(subjects)
    for subject in subjects:
        _check(subject, quick)
    judge = judges.judge(first.image_set, quick, say)
    contents = [_evaluate(subject, judge, quick, say) for subject in subjects]
    if len(subjects) > 1:
        runs = [
            (
                _title(subject, name, content),
                (name, _recipe(subject.config)),
                (subject.config or {}).get("seed"),
                content["rows"][name],
            )
            for subject, content in zip(subjects, contents, strict=True)
            for name in subject.sources
        ]
        told = any("by_class" in content for content in contents)
        say(report.comparison(runs, *_beside(judge, told)))
    return contents


def _check_distinct(subjects: Sequence[Subject]) -> None:
    folders: dict[str, Subject] = {}
    for subject in subjects:
        folder = os.path.realpath(subject.output)
        if folder in folders:
            raise UserError(
                f"--workdir={subject.name}: is the same run as --workdir={folders[folder].name}; "
                "name each run once"
            )
        folders[folder] = subject


def _check(subject: Subject, quick: bool) -> None:
    """Makes sure in advance that a subject can be scored and its results written."""
    check_folder(subject.output, "" if subject.config else "--output")
    kind = judges.kind(subject.image_set)
    count, wanted = kind.wanted(subject.image_set, quick), kind.shape(subject.image_set)
    shapes = [source.check(count, wanted) for source in subject.sources.values()]
    for shape in shapes:
        if shape != wanted:
            raise UserError(
                f"{subject.name}: has images {shape}, but those of {subject.image_set.name} are "
                f"{wanted}; --dataset names the set that it imitates"
            )
    for source in subject.sources.values():
        if classes := source.classes():
            _check_classes(subject, classes)


def _check_classes(subject: Subject, classes: Classes) -> None:
    """Makes sure that a conditional generator and its judge have the same classes."""
    image_set = subject.image_set
    names = pipeline.class_names(sources.prepare(image_set, lambda line: None), image_set)
    if classes.names != names:
        raise UserError(
            f"{subject.name}: draws the classes {_few(classes.names)}, but {image_set.name} has "
            f"{_few(names)}; --dataset names the set that it imitates"
        )


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_SHOWN_NAMES])
    return f"{shown} ... ({len(names)})" if len(names) > _SHOWN_NAMES else shown


def _title(subject: Subject, name: str, content: dict[str, Any]) -> str:
    which = {"generator": "", "samples": "", "generator_raw": ", raw"}.get(name, f", {name}")
    seen = ", saw test images" if content["warnings"] else ""
    collapsed = ", collapsed" if name in content["collapsed"] else ""
    return f"{subject.name}{which}{seen}{collapsed}"


def _evaluate(
    subject: Subject, judge: Judge, quick: bool, say: Callable[[str], None]
) -> dict[str, Any]:
    start = time.perf_counter()
    say(f"{subject.name}: {judge.count:,} samples, {judge.protocol}{' --quick' if quick else ''}")
    rows: dict[str, Row] = {}
    asked: dict[str, list[Labelled]] = {}  # by the names of rows: what sets of samples look like
    for name, source in subject.sources.items():
        drawn, classes = source.draw(judge.count), source.classes()
        seen: Any = judge.look(drawn)  # what it is, only the judge knows
        if classes and isinstance(judge, SampleQuality):
            labels = samples.labels(judge.count, classes.shares)
            rows[name], sets = judge.labelled_row(drawn, seen, labels)
            if not name.startswith(figures.TRUNCATED):  # of those the curve is enough
                asked[name] = sets
        else:
            rows[name] = judge.row(drawn, seen)
        if classes and not asked:
            say(f"{subject.name}: {name}: {judges.UNTOLD}")
        if len(rows) == 1:
            shown = drawn, seen
    trained_on = subject.split and subject.image_set.with_split(subject.split)
    warnings = judge.warnings(trained_on) if trained_on else []
    collapsed = [name for name, row in rows.items() if judge.collapsed(row)]
    references, shown_metrics = _beside(judge, bool(asked))
    rows |= references
    by_classes = _by_class(judge, asked) if isinstance(judge, SampleQuality) and asked else {}
    content = {
        "protocol": judge.protocol,
        "quick": quick,
        "subject": subject.name,
        "dataset": subject.image_set.name,
        "split": subject.split,
        "config": subject.config,
        "step": subject.step,
        "samples": judge.count,
        "seed": SEED,
        f"{judge.eyes}_sha256": judge.sha256,
        "rows": report.finite(rows),
        "metrics": {name: metric[:2] for name, metric in shown_metrics.items()},
        **({"by_class": by_classes} if by_classes else {}),
        "collapsed": collapsed,
        "collapse": judge.collapse,
        "warnings": warnings,
        "seconds": round(time.perf_counter() - start, 1),
        "environment": versions() | {"cores": cores()},
    }
    say(report.table(rows, shown_metrics))
    for name in asked:
        said = (
            "as many samples of each class as there are real images of it; real images next to them"
        )
        say(f"{name} by class; {said}:\n{_class_table(by_classes, name)}")
    for warning in warnings:
        say(f"Warning: {subject.name}: {warning}")
    for name in collapsed:
        say(f"{subject.name}: {name} has collapsed: {judge.collapse}")
    try:
        subject.output.mkdir(parents=True, exist_ok=True)
        file = subject.output / "evaluation.json"
        write_file(file, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())
        missing = judge.draw(subject.output, *shown, rows)
        if by_classes:
            matrices = {name: np.array(each) for name, each in by_classes["confusion"].items()}
            figures.save_confusion(
                subject.output / "confusion.png", matrices, by_classes["classes"]
            )
    except OSError as error:
        raise UserError(f"{subject.output}: cannot be written: {error.strerror}") from None
    if missing:
        say(missing)
    say(f"Wrote {file} and pictures; took {duration(time.perf_counter() - start)}")
    return content


def _beside(judge: Judge, told: bool) -> tuple[dict[str, Row], dict[str, Metric]]:
    """The reference rows and the metrics to show, with those of a conditional generator."""
    rows, metrics = judge.reference_rows, judge.metrics
    if not (told and isinstance(judge, SampleQuality)):
        return rows, metrics
    floor = rows["floor"] | by_class.accuracy([judge.real])
    return rows | {"floor": floor}, metrics | by_class.ACCURACY


def _by_class(judge: SampleQuality, asked: dict[str, list[Labelled]]) -> dict[str, Any]:
    """The scores of each class for `evaluation.json`, in the order of the labels.

    "images" are the numbers of samples of each class that are scored, in each set.
    """
    rows: dict[str, list[Row]] = {}
    confusion = {}
    for name, sets in asked.items():
        images, rows[name], rows["floor"] = by_class.compared(sets, judge.floor, judge.real)
        confusion[name] = np.sum([each.confusion for each in sets], axis=0).tolist()
    confusion["test images"] = judge.real.confusion.tolist()
    metrics = {name: metric[:2] for name, metric in by_class.METRICS.items()}
    content = {"classes": judge.names, "images": images, "rows": rows}
    return report.finite(content | {"confusion": confusion, "metrics": metrics})


def _class_table(found: dict[str, Any], name: str) -> str:
    rows = found["rows"]
    return report.class_table(
        found["classes"], found["images"], rows[name], rows["floor"], by_class.METRICS
    )


def _recipe(config: dict[str, Any] | None) -> Any:
    """The settings that runs of a group share, which differ only in the seed; None for no group.

    The numbers of threads, which only affect rounding, may also differ.
    """
    if config is None:
        return object()
    return TrainConfig.from_recorded(config).deciding() | {"seed": None, "threads": None}
