"""The files of a run for the doctor, and how to read them."""

import dataclasses
import json
from typing import Any

from tfgan.doctor.evidence import Evidence
from tfgan.ground.errors import Diverged, UserError
from tfgan.ground.files import write_file
from tfgan.run.workdir import Workdir

_CROSS_ENTROPY = ("non_saturating", "minimax")  # losses of which D's is -V(D, G)


@dataclasses.dataclass(frozen=True)
class History:
    """The records of a run from its beginning.

    Attributes:
        evidence: one record for each examination, in order of the steps.
        diverged: the step and name of a value that became NaN or infinite and ended the run.
        value: V(D, G) in nats, the mean over the batches of the last complete epoch; None before
            the end of the first, or if D minimises another objective.
        collapsed: whether `python -m tfgan.evaluate` has found a collapse; None if it has not
            scored the current generator.
        class_names: the names of the classes of a conditional run.
    """

    evidence: tuple[Evidence, ...] = ()
    diverged: str | None = None
    value: float | None = None
    collapsed: bool | None = None
    class_names: tuple[str, ...] = ()


def read(workdir: Workdir) -> History:
    """Reads the run's own records.

    Raises:
        UserError: if a file is damaged.
    """
    diverged = workdir.diverged.read_text().strip() if workdir.diverged.exists() else None
    return History(
        tuple(read_evidence(workdir)),
        diverged,
        _last_value(workdir),
        class_names=_class_names(workdir),
    )


def _class_names(workdir: Workdir) -> tuple[str, ...]:
    recorded = workdir.recorded()
    data = recorded["environment"].get("data", {}) if recorded else {}
    return tuple(data["classes"]["names"]) if "classes" in data else ()


def _last_value(workdir: Workdir) -> float | None:
    recorded = workdir.recorded()
    if recorded is None or recorded["config"].get("loss") not in _CROSS_ENTROPY:
        return None
    try:
        rows = workdir.epochs()
        return -float(rows[-1]["D_loss"]) if rows else None
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{workdir.metrics}: is damaged; remove it to run the doctor without it"
        ) from None


def read_evidence(workdir: Workdir) -> list[Evidence]:
    """The monitors' records.

    Raises:
        UserError: if the file is damaged.
    """
    if not workdir.monitors.exists():
        return []
    try:
        lines = workdir.monitors.read_text().splitlines()
        return [Evidence.from_dict(json.loads(line)) for line in lines]
    except (ValueError, KeyError, TypeError):
        raise UserError(
            f"{workdir.monitors}: is damaged; remove it to run the doctor without it"
        ) from None


def evaluation(workdir: Workdir, step: int) -> dict[str, Any] | None:
    """The content of `evaluation.json`, if it is of the generator after a step.

    Raises:
        UserError: if the file is damaged.
    """
    file = workdir.evaluation / "evaluation.json"
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_bytes())
        if content.get("step") != step or "metrics" not in content:  # or an older version's
            return None
        if not isinstance(content["collapsed"], list):
            raise ValueError("no verdict")
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UserError(f"{file}: is damaged; remove it to write the report without it") from None
    return content


def collapsed(scores: dict[str, Any] | None) -> bool | None:
    """Whether an evaluation has found a collapse of the exported generator; None without one."""
    return None if scores is None else "generator" in scores["collapsed"]


def append(workdir: Workdir, new: Evidence) -> None:
    """Adds one record, and removes those that a killed run wrote after its checkpoint.

    Raises:
        OSError: if it cannot be written.
    """
    kept = [old for old in read_evidence(workdir) if old.step < new.step]
    lines = "".join(f"{json.dumps(each.to_dict())}\n" for each in [*kept, new])
    write_file(workdir.monitors, lines.encode())


def note_divergence(workdir: Workdir, error: Diverged) -> None:
    """Records why the run ended; `Workdir.create` removes the record when it resumes."""
    write_file(workdir.diverged, f"{error.what}\n".encode())
