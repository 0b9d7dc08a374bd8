"""Log lines and the progress bar."""

import time
from typing import Any

import keras

from tfgan.ground.console import bar, duration, say
from tfgan.run.run import Run


class Progress(keras.callbacks.Callback):
    """The tutorial's log line, the time of the first steps, speed, and a bar with time left.

    Args:
        run: that it belongs to.
    """

    def __init__(self, run: Run):
        super().__init__()
        self._epochs, self._steps_per_epoch = run.config.epochs, run.steps_per_epoch
        self._images_a_step = run.config.images_a_step
        self._log_every = run.config.log_every
        self._bar: Any = None
        self._step = 0

    def on_train_begin(self, logs: Any = None) -> None:
        if self._bar is not None:
            return  # a resumed run fits the rest of its epoch first, then all others
        self._step = int(self.model.step.numpy())
        self._start = time.perf_counter()
        self._warm: Any = None  # when and at which step the first call ended
        self._told_speed = False
        self._bar = bar(
            total=self._epochs * self._steps_per_epoch * self._images_a_step,
            initial=self._step * self._images_a_step,
            unit="img",
            unit_scale=True,
            smoothing=0.05,
        )

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        count = len(self.model.step_logs)
        if self._warm is None:
            self._warm = (time.perf_counter(), self._step + count)
            say(
                f"First {f'{count} steps' if count > 1 else 'step'}, compilation included: "
                f"{duration(self._warm[0] - self._start)}"
            )
        for values in self.model.step_logs:
            epoch, index = divmod(self._step, self._steps_per_epoch)
            self._step += 1
            if (index + 1) % self._log_every == 0:
                d_loss, g_loss, d_real, d_fake = values
                say(
                    f"Epoch: [{epoch + 1}/{self._epochs}], "
                    f"Step: [{index + 1}/{self._steps_per_epoch}], "
                    f"D_loss: {d_loss:.4f}, G_loss: {g_loss:.4f}, "
                    f"D(x): {d_real:.2f}, D(G(z)): {d_fake:.2f}"
                )
        self._bar.update(count * self._images_a_step)

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        # The first call into TensorFlow built the graph, so it does not count.
        since, first = self._warm
        if self._told_speed or self._step == first:
            return
        self._told_speed = True
        speed = (self._step - first) * self._images_a_step / (time.perf_counter() - since)
        images_left = (self._epochs * self._steps_per_epoch - self._step) * self._images_a_step
        left = f"; about {duration(images_left / speed)} left" if images_left else ""
        say(f"{speed:,.0f} images a second{left}")

    def close(self) -> None:
        """Ends the bar where it is."""
        if self._bar is not None:
            self._bar.close()
