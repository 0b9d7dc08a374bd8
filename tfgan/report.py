"""`report.html`: a run in one file for a browser."""

import dataclasses
import shlex
from typing import Any

from tfgan.datasets.image_set import OWN
from tfgan.doctor import diagnoses, record
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.run import recipes
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir, exported_step
from tfgan.web import html

_PARTS = ("report", "training", "settings")
# Which way is better; of the other metrics, the nearer to the floor.
_BETTER = dict.fromkeys(
    ("fcd", "fsd", "kid", "swd", "class_kl", "class_error", "repeats"), "lower"
) | dict.fromkeys(
    (
        *("precision", "recall", "density", "coverage", "classifier_score", "classes", "parzen"),
        "label_accuracy",
    ),
    "higher",
)


def write_report(workdir: Workdir) -> None:
    """Writes `workdir.report` from what lies in the run's folder, and from nothing else.

    Args:
        workdir: of a run that is done.

    Raises:
        UserError: if there is no run, or one of its files is damaged.
        OSError: if a file cannot be read or written; a report that was there stays.
    """
    recorded = workdir.existing_run()
    try:  # not where folders lie: reports are passed on
        config = TrainConfig.from_recorded(recorded["config"]).shown()
    except UserError as error:
        raise UserError(f"{workdir.config}: {error}") from None
    defaults = {name: value for name, value in TrainConfig().to_dict().items() if name in config}
    environment = dict(recorded["environment"])
    fixed = workdir.fixed_pictures()
    best = recorded.get("best")
    last = _epoch_of(workdir, best) if best else max(fixed, default=None)
    evaluation = _evaluation(workdir)
    data = {
        # No more of them than of the generated ones: a batch may be of thousands.
        "real": html.picture(
            workdir.samples / "real.png",
            None if last is None else pictures.load_png(fixed[last]).shape[0],
        ),
        # Drawn by what is exported and scored: the weights' average, or the best, if it has one.
        "fake": None if last is None else html.picture(fixed[last]),
        "fakeEpoch": last,
        "epochsDone": len(workdir.epochs()),
        "exported": workdir.generator.exists(),  # not if the run diverged
        "averaged": bool(config.get("ema")),
        "best": best,
        **_doctor(workdir, evaluation),
        "evaluation": evaluation,
        "better": _BETTER,
        "history": html.history(workdir),
        "recipe": _recipe(config, defaults),
        "command": _command(config, defaults, _given(environment)),
        "parameters": environment.pop("parameters", None),
        "config": config,
        "defaults": defaults,
        "environment": environment,
    }
    write_file(workdir.report, html.compose(f"{config['dataset']}: a run of tfgan", _PARTS, data))


def _epoch_of(workdir: Workdir, best: dict[str, Any]) -> int:
    """The epoch, from 0, at whose end the best generator was scored."""
    try:
        return next(
            int(row["epoch"]) for row in workdir.epochs() if int(row["step"]) == best["step"]
        )
    except (LookupError, TypeError, StopIteration):
        raise UserError(
            f"{workdir.config}: names a best step that is not in {workdir.metrics}"
        ) from None


def _given(environment: dict[str, Any]) -> list[str]:
    """What a script gave the run that no command can; taken out, but for the class's name."""
    names: list[str] = [name for name in ("networks", "gan_class") if name in environment]
    environment.pop("networks", None)  # pages of it
    return names


def _command(config: dict[str, Any], defaults: dict[str, Any], given: list[str]) -> str:
    """The command that makes such a run, for a shell; without where folders lie.

    Of a run that a script made, the call.
    """
    given = [*given, *(["data"] if config["dataset"] == OWN else [])]
    if given:
        return f"tfgan.train_and_export(config, {', '.join(f'{name}=...' for name in given)})"
    changed = [f"--{name}={value}" for name, value in config.items() if value != defaults[name]]
    return shlex.join(["python", "-m", "tfgan.train", *changed, "--workdir=RUN"])


def _recipe(config: dict[str, Any], defaults: dict[str, Any]) -> str | None:
    """The named recipe that the settings are, whatever the seed and the number of threads.

    Or that goes on for longer.
    """

    def decides(settings: dict[str, Any], *but: str) -> dict[str, Any]:
        return {n: settings[n] for n in defaults if n not in ("seed", "threads", *but)}

    own = defaults | config
    named = {name: TrainConfig(**recipes.options(name)).to_dict() for name in recipes.names()}
    for but in ((), ("epochs",)):
        for name, settings in named.items():
            if decides(own, *but) == decides(settings, *but):
                return name
    return None


def _evaluation(workdir: Workdir) -> dict[str, Any] | None:
    """The scores, if the run has been evaluated after its export, or else its last epoch."""
    epochs = workdir.epochs()
    step = exported_step(workdir.generator) or (int(epochs[-1]["step"]) if epochs else 0)
    content = record.evaluation(workdir, step)
    if content is None:
        return None
    try:
        shown = ("protocol", "samples", "collapsed", "rows", "metrics")
        return {
            **{name: content[name] for name in shown},
            "collapse": content.get("collapse", "some classes are missing from its samples"),
            "warnings": content.get("warnings", []),
        }
    except LookupError:
        file = workdir.evaluation / "evaluation.json"
        raise UserError(f"{file}: is damaged; remove it to write the report without it") from None


def _doctor(workdir: Workdir, evaluation: dict[str, Any] | None) -> dict[str, Any]:
    """What the doctor says of what the run recorded, and the evaluation of the same generator.

    "findings" is None if neither has anything to go by; "skipped" is what was not looked for.
    """
    history = record.read(workdir)
    history = dataclasses.replace(history, collapsed=record.collapsed(evaluation))
    found = [dataclasses.asdict(finding) for finding in diagnoses.diagnose(history)]
    for warning in (evaluation or {}).get("warnings", []):
        evidence, _, rest = warning.partition("; ")
        advice = rest or "--split=train"
        found.append({"title": "its scores are too good", "evidence": evidence, "advice": advice})
    skipped = [dataclasses.asdict(each) for each in diagnoses.skipped(history)]
    return {"findings": found if found or history.evidence else None, "skipped": skipped}
