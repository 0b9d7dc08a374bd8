"""Logs a run to MLflow, in an SQLite database.

    pip install -e '.[examples]'
    python examples/track_mlflow.py
    mlflow ui --backend-store-uri=sqlite:///runs/mlflow.db  # needs pip install mlflow

If you interrupt and rerun it, the run resumes, also in MLflow, and each epoch is logged once.
"""

import csv
import pathlib
import time

import keras
import mlflow
from mlflow.entities import Metric, Param

import tfgan


class FollowInMLflow(keras.callbacks.Callback):
    """Logs the rows of `metrics.csv` that MLflow does not have yet, one step per epoch.

    The run writes that file before it calls callbacks. A killed run may have logged epochs that its
    checkpoint does not have; they are trained again with the same values, and not logged twice.

    Args:
        config: of the run. MLflow's run gets the name of its folder.
        store: MLflow's tracking URI.
    """

    def __init__(self, config: tfgan.TrainConfig, store: str):
        super().__init__()
        self._config = config
        self._metrics = pathlib.Path(config.workdir, "metrics.csv")
        self._client = mlflow.MlflowClient(store)

    def on_train_begin(self, logs=None):
        folder = pathlib.Path(self._config.workdir).resolve()
        known = self._client.get_experiment_by_name("tfgan")
        experiment = known.experiment_id if known else self._client.create_experiment("tfgan")
        found = self._client.search_runs([experiment], f"tags.folder = '{folder}'")
        if found:
            self._run = found[0].info.run_id
            self._client.update_run(self._run, status="RUNNING")
        else:
            tags = {"folder": str(folder), "mlflow.runName": folder.name}
            self._run = self._client.create_run(experiment, tags=tags).info.run_id
            options = self._config.deciding().items()
            self._client.log_batch(self._run, params=[Param(n, str(v)) for n, v in options])
        self._has = {
            (name, metric.step)
            for name in self._client.get_run(self._run).data.metrics
            for metric in self._client.get_metric_history(self._run, name)
        }
        self._catch_up()

    def on_epoch_end(self, epoch, logs=None):
        self._catch_up()

    def on_train_end(self, logs=None):
        self._client.set_terminated(self._run)

    def _catch_up(self):
        if not self._metrics.exists():
            return
        now = int(1000 * time.time())
        for row in csv.DictReader(self._metrics.read_text().splitlines()):
            epoch = int(row["epoch"])
            new = {
                name.replace("(", "_").replace(")", ""): float(value)  # MLflow takes no parentheses
                for name, value in row.items()
                if value and name != "epoch"
            }
            missing = [name for name in new if (name, epoch) not in self._has]
            self._client.log_batch(self._run, [Metric(n, new[n], now, epoch) for n in missing])
            self._has |= {(name, epoch) for name in missing}


def main(
    config: tfgan.TrainConfig | None = None, store: str = "sqlite:///runs/mlflow.db"
) -> tfgan.GAN:
    """Trains or resumes, and logs to `store`."""
    config = config or tfgan.TrainConfig(epochs=20, workdir="runs/mlflow")
    pathlib.Path(config.workdir).parent.mkdir(parents=True, exist_ok=True)
    return tfgan.train_and_export(config, callbacks=[FollowInMLflow(config, store)])


if __name__ == "__main__":
    main()
