"""The run doctor: what is wrong with a run, how one sees it, and what to try.

    from tfgan import doctor

    for finding in doctor.diagnose("runs/tutorial"):
        print(finding)

`evidence` takes numbers of a model, `record` keeps those of a run, and `diagnoses` reads them: pure
functions from records to findings.
"""

import dataclasses
import pathlib


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a run.

    Attributes:
        title: what it is, e.g. "mode collapse".
        evidence: the numbers that show it.
        advice: what to try.
    """

    title: str
    evidence: str
    advice: str

    def __str__(self) -> str:
        return f"{self.title}: {self.evidence}. Try: {self.advice}."


def diagnose(workdir: str | pathlib.Path) -> list[Finding]:
    """Names what is wrong with a run; nothing, if all is well.

    It reads what the run recorded (`--monitor_every`), and if the newest checkpoint is not among
    that, looks at it now, which takes seconds and needs the data. It writes nothing.

    Raises:
        UserError: if there is no run, nothing in it yet to look at, or something is damaged.
    """
    from tfgan.doctor import diagnoses, examination

    return diagnoses.diagnose(examination.history(str(workdir)))
