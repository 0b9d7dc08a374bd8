"""examples/track_mlflow.py, track_wandb.py and sweep_optuna.py: each step stands there once."""

import importlib
import json
import signal

import forked
import pytest
from conftest import small_config
from fingerprint import outcome

from tfgan.run.workdir import Workdir


def example(name, package):
    pytest.importorskip(package, reason=f"{package} is not installed: pip install '.[examples]'")
    return importlib.import_module(f"examples.{name}")


class CutOffError(Exception):
    """What a kill is in a test."""


@pytest.fixture
def config(tiny_data_dir, tmp_path):
    return small_config(tiny_data_dir, tmp_path / "run", epochs=3, checkpoint_every_steps=4)


def d_losses(config):
    return [float(row["D_loss"]) for row in Workdir(config.workdir).epochs()]


def cut(monkeypatch, callback, epoch, call):
    told = callback.on_epoch_end

    def on_epoch_end(self, at, logs=None):
        told(self, at, logs)
        if at == epoch:
            raise CutOffError

    with monkeypatch.context() as patch:
        patch.setattr(callback, "on_epoch_end", on_epoch_end)
        with pytest.raises(CutOffError):
            call()


def mlflow_rows(store):
    """Steps and values of D_loss of the one run, its state and its options."""
    import mlflow

    client = mlflow.MlflowClient(store)
    (experiment,) = client.search_experiments(filter_string="name = 'tfgan'")
    (run,) = client.search_runs([experiment.experiment_id])
    history = client.get_metric_history(run.info.run_id, "D_loss")
    return [(each.step, each.value) for each in history], run


@pytest.mark.slow
def test_mlflow_has_each_epoch_of_an_interrupted_run_once(config, tmp_path, monkeypatch):
    track = example("track_mlflow", "mlflow")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    cut(monkeypatch, track.FollowInMLflow, 1, lambda: track.main(config, store))
    assert [step for step, _ in mlflow_rows(store)[0]] == [0, 1]
    track.main(config, store)
    rows, run = mlflow_rows(store)
    assert rows == list(enumerate(d_losses(config)))
    assert run.info.status == "FINISHED"
    assert run.data.params["hidden_size"] == "16"
    assert run.data.metrics["D_x"] > 0


def wandb_rows(folder):
    """The rows that Weights & Biases has recorded below a folder, in order.

    Its files have blocks of 32 KiB, of records with seven bytes before each: checksum, length and
    whether it is whole (1), or the first, a middle or the last part.
    """
    from wandb.proto import wandb_internal_pb2

    rows = []
    for file in sorted(folder.glob("wandb/offline-run-*/*.wandb")):
        content, at, record = file.read_bytes(), 7, b""
        while at + 7 <= len(content):
            if 2**15 - at % 2**15 < 7:
                at += 2**15 - at % 2**15
            length, kind = int.from_bytes(content[at + 4 : at + 6], "little"), content[at + 6]
            record += content[at + 7 : at + 7 + length]
            at += 7 + length
            if kind in (1, 4):
                parsed = wandb_internal_pb2.Record.FromString(record)
                record = b""
                if parsed.WhichOneof("record_type") == "history":
                    items = {
                        each.key or each.nested_key[0]: json.loads(each.value_json)
                        for each in parsed.history.item
                    }
                    rows.append((items["_step"], items["D_loss"]))
    return rows


@pytest.mark.parametrize("epoch", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_wandb_has_each_epoch_of_an_interrupted_run_once(epoch, config, monkeypatch):
    track = example("track_wandb", "wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    cut(monkeypatch, track.FollowInWandb, epoch, lambda: track.main(config))
    track.wandb.finish()  # the process's end
    track.main(config)
    assert wandb_rows(Workdir(config.workdir).path) == list(enumerate(d_losses(config)))


@pytest.fixture
def sweep(tiny_data_dir, tmp_path, monkeypatch):
    """A sweep of runs of two epochs; scores of an image's brightness, which cost nothing."""
    module = example("sweep_optuna", "optuna")
    monkeypatch.setattr("tfgan.evaluation.judges.SET_SIZE", 20)
    monkeypatch.setattr(
        "tfgan.evaluation.validation.Validation.score", lambda self, drawn: float(drawn.mean())
    )

    def base(name):
        usual = {"batch_size": 10, "split": "train[:50]", "keep_best": "fcd", "evaluate_every": 1}
        return small_config(tiny_data_dir, tmp_path / name, epochs=2, **usual)

    return module, base


def trials(study):
    return [
        (each.state.name, each.params, each.intermediate_values, each.value)
        for each in study.trials
    ]


@pytest.mark.slow
def test_an_interrupted_search_ends_as_the_unbroken_one(sweep, tmp_path, monkeypatch):
    module, base = sweep
    cut(monkeypatch, module.Report, 0, lambda: module.main(base("cut"), trials=2))
    study = module.main(base("cut"), trials=2)
    whole = module.main(base("whole"), trials=2)
    assert trials(study) == trials(whole)
    assert [sorted(each.intermediate_values) for each in study.trials] == [[0, 1]] * 2
    for number in range(2):
        folders = [tmp_path / name / f"trial_{number}" for name in ("cut", "whole")]
        one, other = map(outcome, folders)
        assert one["generator"] == other["generator"]


# An example whose run is killed once its callback was told of an epoch.
SUICIDE = """
import importlib, os, signal, sys
import tfgan
module, name, epoch = sys.argv[1], sys.argv[2], int(sys.argv[3])
track = importlib.import_module(module)
callback = getattr(track, name)
told = callback.on_epoch_end
def on_epoch_end(self, at, logs=None):
    told(self, at, logs)
    if at == epoch:
        os.kill(os.getpid(), signal.SIGKILL)
callback.on_epoch_end = on_epoch_end
options = dict(epochs=3, batch_size=15, hidden_size=16, jit_compile=False)
config = tfgan.TrainConfig(
    data_dir=sys.argv[4], workdir=sys.argv[5], checkpoint_every_steps=4, **options
)
track.main(config, *sys.argv[6:])
"""


@pytest.mark.slow
@pytest.mark.parametrize("epoch", [0, 1, 2])
@pytest.mark.parametrize(
    ("package", "name"), [("mlflow", "FollowInMLflow"), ("wandb", "FollowInWandb")]
)
def test_a_killed_process_leaves_no_gap_and_no_double(epoch, package, name, config, tmp_path):
    track = example(f"track_{package}", package)
    store = [f"sqlite:///{tmp_path}/mlflow.db"] if package == "mlflow" else []
    arguments = (track.__name__, name, str(epoch), config.data_dir, config.workdir, *store)
    killed = forked.Python("-c", SUICIDE, *arguments).finish()
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    track.main(config, *store)
    rows = mlflow_rows(*store)[0] if store else wandb_rows(Workdir(config.workdir).path)
    assert rows == list(enumerate(d_losses(config)))
