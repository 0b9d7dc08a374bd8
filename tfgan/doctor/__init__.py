"""The run doctor: what is wrong with a run, the evidence, and what to try.

    from tfgan import doctor

    for finding in doctor.diagnose("runs/tutorial"):
        print(finding)

`examiner` takes evidence of a model, `record` keeps that of a run, and `diagnoses` reads it: pure
functions from records to findings.
"""

import pathlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tfgan.doctor.diagnoses import Finding


def diagnose(workdir: str | pathlib.Path) -> "list[Finding]":
    """Names what is wrong with a run; nothing, if all is well.

    It reads what the run recorded (`--monitor_every`), and if the newest checkpoint is not among
    that, looks at it now, which takes seconds and needs the data. It writes nothing.

    Raises:
        UserError: if there is no run, nothing in it yet to look at, or something is damaged.
    """
    from tfgan.doctor import diagnoses, examination

    return diagnoses.diagnose(examination.history(str(workdir)))
