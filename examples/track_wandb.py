"""Logs a run to Weights & Biases, offline.

    pip install -e '.[examples]'
    python examples/track_wandb.py
    wandb sync runs/wandb/wandb/offline-run-*  # uploads the records, in order

If you interrupt and rerun it, the run resumes under the same id, in another folder, and each epoch
is logged once. WANDB_MODE=online uploads at once.
"""

import csv
import hashlib
import os
import pathlib

import keras
import wandb

import tfgan


class FollowInWandb(keras.callbacks.Callback):
    """Logs the rows of `metrics.csv` that Weights & Biases does not have yet, one step per epoch.

    The run writes that file before it calls callbacks. Offline records cannot be queried, so a file
    in W&B's folder of the run says which epoch was logged last.

    Args:
        config: of the run. The id is made from its folder.
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
    """Trains or resumes, and logs to the run's folder."""
    config = config or tfgan.TrainConfig(epochs=20, workdir="runs/wandb")
    return tfgan.train_and_export(config, callbacks=[FollowInWandb(config)])


if __name__ == "__main__":
    main()
