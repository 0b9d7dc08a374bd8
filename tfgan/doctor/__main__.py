"""`python -m tfgan.doctor` says what is wrong with a run, the evidence, and what to try."""

from collections.abc import Callable

from absl import flags

from tfgan.ground import cli
from tfgan.run import topics
from tfgan.run.workdir import Workdir

SICK = 1


def _prepare() -> Callable[[], int]:
    workdir = flags.FLAGS.workdir
    Workdir(workdir).existing_run()

    def work() -> int:
        from tfgan.doctor import diagnoses, examination

        history = examination.history(workdir)
        findings = diagnoses.diagnose(history)
        for finding in findings:
            print(f"{finding.title}\n  evidence: {finding.evidence}\n  try: {finding.advice}")
        if not findings:
            print(f"{workdir}: the doctor found nothing wrong")
        for each in diagnoses.skipped(history):
            print(f"not checked: {each}")
        return SICK if findings else 0

    return work


def main() -> None:
    """Entry point of the command: exit status 0 for a healthy run, 1 if there are findings."""
    flags.DEFINE_string("workdir", "runs/tutorial", "Folder of the run to examine.")
    cli.run(_prepare, topics=topics.DOCTOR)


if __name__ == "__main__":
    main()
