"""`--evaluate_every`: the quick rows of the protocol while a run trains."""

import time

from tfgan.evaluation import judges, report, samples, splits
from tfgan.ground.console import duration, say
from tfgan.run.callbacks import EpochCallback
from tfgan.run.run import Run


class Evaluation(EpochCallback):
    """Adds scores to the logs of every N-th epoch, and says them and what they cost.

    It comes before the callbacks that write logs. It draws and scores what
    `python -m tfgan.evaluate --quick` would, and leaves the training as it is.

    Args:
        run: that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__(run)
        self._every = run.config.evaluate_every
        self._judge = judges.judge(run.config.image_set, quick=True, say=say)
        for warning in splits.warnings(run.config.image_set):
            say(f"Warning: --evaluate_every={self._every}: {warning}")

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if (epoch + 1) % self._every:
            return
        start = time.perf_counter()
        row = self._judge.row(samples.from_gan(self.model, self._judge.count))
        values = {name: row[name]["mean"] for name in self._judge.metrics}
        logs.update({name: value for name, value in values.items() if value is not None})
        found = ", ".join(
            f"{metric.label} {report.number(values[name], metric)}"
            for name, metric in self._judge.metrics.items()
        )
        collapsed = "; collapsed" if self._judge.collapsed(row) else ""
        took = duration(time.perf_counter() - start)
        say(f"Evaluation after epoch {epoch + 1}: {found}{collapsed}; took {took}")
