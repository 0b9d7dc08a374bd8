"""Reads and writes the doctor's records in a run's folder."""

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
    """A run from its beginning.

    Attributes:
        evidence: one for each time that the run was looked at, in order of its steps.
        diverged: what ended the run, if that were numbers that are not finite.
        value: V(D, G) in nats, the mean over the batches of the last whole epoch; None before
            its end, or for an objective whose D minimises something else.
        collapsed: whether `python -m tfgan.evaluate` finds that classes are missing from the
            generator's samples; None if it has not scored the generator of now.
    """

    evidence: tuple[Evidence, ...] = ()
    diverged: str | None = None
    value: float | None = None
    collapsed: bool | None = None


def read(workdir: Workdir) -> History:
    """Reads what the run itself has recorded.

    Raises:
        UserError: if a file is damaged.
    """
    diverged = workdir.diverged.read_text().strip() if workdir.diverged.exists() else None
    return History(tuple(read_evidence(workdir)), diverged, _last_value(workdir))


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
    """What the monitors recorded.

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
    """The verdict of an evaluation on what the run draws with; None without one."""
    return None if scores is None else "generator" in scores["collapsed"]


def append(workdir: Workdir, new: Evidence) -> None:
    """Adds one record. Those that a killed run left behind its checkpoint fall away.

    Raises:
        OSError: if it cannot be written.
    """
    kept = [old for old in read_evidence(workdir) if old.step < new.step]
    lines = "".join(f"{json.dumps(each.to_dict())}\n" for each in [*kept, new])
    write_file(workdir.monitors, lines.encode())


def note_divergence(workdir: Workdir, error: Diverged) -> None:
    """Notes why the run ended; `Workdir.create` removes the note when the run goes on."""
    write_file(workdir.diverged, f"{error.what}\n".encode())
