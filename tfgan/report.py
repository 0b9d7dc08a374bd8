"""`report.html`: what a finished run did, in one file that opens in a browser."""

import dataclasses
import json
from typing import Any

from tfgan.doctor import diagnoses, record
from tfgan.ground.errors import UserError
from tfgan.ground.files import write_file
from tfgan.run.config import TrainConfig
from tfgan.run.workdir import Workdir
from tfgan.web import html

_PARTS = ("report", "training", "settings")


def write_report(workdir: Workdir) -> None:
    """Writes `workdir.report` from what lies in the run's folder, and from nothing else.

    Args:
        workdir: of a run that is done.

    Raises:
        UserError: if there is no run, or one of its files is damaged.
        OSError: if a file cannot be read or written; a report that was there stays.
    """
    recorded = workdir.existing_run()
    defaults = TrainConfig().deciding()
    # Not where folders lie: reports are passed on.
    try:
        every = TrainConfig.from_recorded(recorded["config"]).to_dict()
    except UserError as error:
        raise UserError(f"{workdir.config}: {error}") from None
    config = {name: value for name, value in every.items() if name in defaults}
    data = {
        "real": html.picture(workdir.samples / "real.png"),
        "fake": html.picture(workdir.samples / f"fake_{config['epochs'] - 1}.png"),
        "findings": _findings(workdir),
        "evaluation": _evaluation(workdir),
        "history": html.history(workdir),
        "config": config,
        "defaults": defaults,
        "environment": recorded["environment"],
    }
    write_file(workdir.report, html.compose(f"{config['dataset']}: a run of tfgan", _PARTS, data))


def _evaluation(workdir: Workdir) -> dict[str, Any] | None:
    """The scores, if the run has been evaluated after its last epoch."""
    file = workdir.evaluation / "evaluation.json"
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_bytes())
        if content.get("step") != int(workdir.epochs()[-1]["step"]):  # the run was extended
            return None
        if "metrics" not in content:  # an older version's
            return None
        shown = ("protocol", "samples", "collapsed", "rows", "metrics")
        return {name: content[name] for name in shown}
    except (ValueError, LookupError, TypeError, AttributeError):
        raise UserError(f"{file}: is damaged; remove it, and the report does without") from None


def _findings(workdir: Workdir) -> list[dict[str, str]] | None:
    """What the doctor says of what the run recorded; None if it was not to record anything."""
    history = record.read(workdir)
    if not history.evidence and history.diverged is None:
        return None
    return [dataclasses.asdict(finding) for finding in diagnoses.diagnose(history)]
