"""The run doctor: what is wrong with a run, the evidence, and what to try.

    from tfgan import doctor

    for finding in doctor.diagnose("runs/tutorial"):
        print(finding)

`examiner` collects evidence about a model, `record` stores that of a run, and `diagnoses` has pure
functions from records to findings.
"""

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgan.doctor.diagnoses import Finding


def diagnose(workdir: str | pathlib.Path) -> "list[Finding]":
    """Finds what is wrong with a run; the list is empty for a healthy run.

    It reads the run's records (`--monitor_every`). If they lack the newest checkpoint, it examines
    that now, which takes seconds and needs the data. It writes nothing.

    Raises:
        UserError: if there is no run, nothing to examine yet, or a file is damaged.
    """
    from tfgan.doctor import diagnoses, examination

    return diagnoses.diagnose(examination.history(str(workdir)))
