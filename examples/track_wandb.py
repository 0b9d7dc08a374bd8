"""A run whose epochs Weights & Biases follows, offline.

    pip install -e '.[examples]'
    python examples/track_wandb.py
    wandb sync runs/wandb/wandb/offline-run-*  # sends what was recorded, in order

Interrupt it and call it again: the run goes on under the same id, in a folder more, and each epoch
is recorded once. WANDB_MODE=online sends at once.
"""

import csv
import hashlib
import os
import pathlib

import keras
import wandb

import tfgan


class FollowInWandb(keras.callbacks.Callback):
    """Logs what Weights & Biases lacks of `metrics.csv`, one step an epoch.

    The run has written it before. Which epoch was logged last, a file in the run's folder of W&B
    says: what is recorded offline cannot be asked.

    Args:
        config: of the run. Its folder decides the run's id.
    """

    def __init__(self, config: tfgan.TrainConfig):
        super().__init__()
        self._config = config
        self._folder = pathlib.Path(config.workdir).resolve()
        self._last = self._folder / "wandb" / "last_epoch.txt"

    def on_train_begin(self, logs=None):
        (self._folder / "wandb").mkdir(exist_ok=True)
        self._run = wandb.init(
            project="tfgan",
            id=hashlib.sha256(os.fsencode(self._folder)).hexdigest()[:8],
            name=self._folder.name,
            resume="allow",
            dir=self._folder,
            config=self._config.deciding(),
            mode=os.environ.get("WANDB_MODE", "offline"),
        )
        self._catch_up()

    def on_epoch_end(self, epoch, logs=None):
        self._catch_up()

    def on_train_end(self, logs=None):
        self._run.finish()

    def _catch_up(self):
        metrics = self._folder / "metrics.csv"
        rows = csv.DictReader(metrics.read_text().splitlines()) if metrics.exists() else ()
        last = int(self._last.read_text()) if self._last.exists() else -1
        for row in rows:
            epoch = int(row["epoch"])
            if epoch > last:
                self._run.log({name: float(row[name]) for name in row if row[name]}, step=epoch)
                self._last.write_text(str(epoch))


def main(config: tfgan.TrainConfig | None = None) -> tfgan.GAN:
    """Trains, or goes on, and records it below the run's folder."""
    config = config or tfgan.TrainConfig(epochs=20, workdir="runs/wandb")
    return tfgan.train_and_export(config, callbacks=[FollowInWandb(config)])


if __name__ == "__main__":
    main()
