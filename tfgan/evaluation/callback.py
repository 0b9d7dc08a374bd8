"""`--evaluate_every` and `--keep_best`: scores during training."""

import time
from typing import Any

import numpy as np

from tfgan.conditional import ConditionalGAN
from tfgan.evaluation import by_class, judges, report, samples
from tfgan.evaluation.judges import SampleQuality
from tfgan.evaluation.validation import Validation
from tfgan.ground.console import duration, say
from tfgan.noise import Stream
from tfgan.run.best import Best
from tfgan.run.callbacks import EpochCallback
from tfgan.run.run import Run


class Evaluation(EpochCallback):
    """Adds scores to the logs of every N-th epoch, and prints them with the time they took.

    It comes before the callbacks that write logs. It draws and scores the same samples as
    `python -m tfgan.evaluate --quick`, and does not affect the training.

    Args:
        run: the run that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__(run)
        self._every = run.config.evaluate_every
        self._judge = judges.judge(run.config.image_set, quick=True, say=say)
        for warning in self._judge.warnings(run.config.image_set):
            say(f"Warning: --evaluate_every={self._every}: {warning}")
        if run.data.classes and not isinstance(self._judge, SampleQuality):
            say(f"--evaluate_every={self._every}: {judges.UNTOLD}")

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if (epoch + 1) % self._every:
            return
        start = time.perf_counter()
        judge, metrics = self._judge, self._judge.metrics
        drawn = samples.from_gan(self.model, judge.count)
        seen: Any = judge.look(drawn)
        by_classes: dict[str, float] = {}
        if isinstance(self.model, ConditionalGAN) and isinstance(judge, SampleQuality):
            labels = samples.labels(judge.count, self.model.shares)
            row, (told,) = judge.labelled_row(drawn, seen, labels)
            metrics = metrics | by_class.ACCURACY
            by_classes = dict(zip(by_class.columns(judge.names), told.accuracies, strict=True))
        else:
            row = judge.row(drawn, seen)
        values = {name: row[name]["mean"] for name in metrics}
        logs.update({name: value for name, value in values.items() if value is not None})
        logs.update({name: value for name, value in by_classes.items() if np.isfinite(value)})
        found = ", ".join(
            f"{metric.label} {report.number(values[name], metric)}"
            for name, metric in metrics.items()
        )
        collapsed = "; collapsed" if judge.collapsed(row) else ""
        took = duration(time.perf_counter() - start)
        say(f"Evaluation after epoch {epoch + 1}: {found}{collapsed}; took {took}")


class KeepBest(EpochCallback):
    """Scores every N-th epoch on validation images, and keeps the generator that scored best.

    It adds the score, and the step of the best so far, to the logs, so it comes before the
    callbacks that write them. The latents of the samples are a separate stream, the same at each
    scoring.

    Args:
        run: the run that it belongs to.
        validation: computes the score.
        best: keeps the best generator.
    """

    def __init__(self, run: Run, validation: Validation, best: Best):
        super().__init__(run)
        self._every = run.config.evaluate_every
        self._validation = validation
        self._best = best

    def on_whole_epoch(self, epoch: int, logs: dict[str, float]) -> None:
        if (epoch + 1) % self._every:
            return
        start = time.perf_counter()
        validation, best = self._validation, self._best
        score = validation.score(samples.from_gan(self.model, validation.count, Stream.SELECTION))
        better = best.offer(score)
        if np.isfinite(score):
            logs[validation.column] = score
        if best.step:
            logs["best_step"] = float(best.step)
        shown = validation.shown
        compared = (
            "the best so far"
            if better
            else f"not better than {report.number(best.score, shown)} after step {best.step:,}"
        )
        say(
            f"Validation after epoch {epoch + 1}: {shown.label} {report.number(score, shown)}, "
            f"{compared}; took {duration(time.perf_counter() - start)}"
        )
