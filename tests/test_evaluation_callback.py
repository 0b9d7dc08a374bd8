import csv
import dataclasses

import numpy as np
import pytest
from fingerprint import outcome
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tfgan import TrainConfig, UserError, training
from tfgan.evaluation import judges, protocol, samples
from tfgan.run.workdir import Workdir


@pytest.fixture
def config(tiny_data_dir, tmp_path, monkeypatch):
    monkeypatch.setattr(judges, "SET_SIZE", 1000)

    def make(name, **options):
        return TrainConfig(
            data_dir=str(tiny_data_dir),
            workdir=str(tmp_path / name),
            batch_size=15,
            hidden_size=16,
            jit_compile=False,
            **options,
        )

    return make


def test_evaluations_in_training(config, capsys):
    options = config("run", epochs=4, evaluate_every=2)
    gan = training.train_and_export(options)
    with open(Workdir(options.workdir).metrics, newline="") as file:
        rows = list(csv.DictReader(file))
    quick = [name for name, metric in protocol.METRICS.items() if metric.quick]
    base = ["epoch", "step", "D_loss", "G_loss", "D(x)", "D(G(z))"]
    assert list(rows[0]) == base + quick
    assert [bool(row["fcd"]) for row in rows] == [False, True, False, True]
    assert all(row["D_loss"] for row in rows)
    # The last ones are those of the trained generator.
    judge = judges.judge(options.image_set, quick=True, say=lambda line: None)
    drawn = samples.from_gan(gan, 1000)
    row = judge.row(drawn, judge.look(drawn))
    assert float(rows[-1]["fcd"]) == pytest.approx(row["fcd"]["mean"], rel=1e-5)
    events = EventAccumulator(str(Workdir(options.workdir).tensorboard), {"tensors": 0})
    events.Reload()
    steps = [int(row["step"]) for row in rows if row["fcd"]]
    assert [event.step for event in events.Tensors("evaluation/fcd")] == steps
    output = capsys.readouterr().out
    assert output.count("Evaluation after epoch") == 2
    assert "Evaluation after epoch 4: FCD " in output
    assert "; took " in output

    # Training itself does not notice.
    plain = training.train_and_export(config("plain", epochs=4))
    for mine, theirs in zip(gan.generator.weights, plain.generator.weights, strict=True):
        np.testing.assert_array_equal(mine.numpy(), theirs.numpy())
    header = Workdir(config("plain").workdir).metrics.read_text().splitlines()[0]
    assert header == ",".join(base)


@pytest.mark.slow  # test_monitors.py kills a run that is looked at
def test_resumed_run_ends_as_the_unbroken_one(config):
    training.train_and_export(config("unbroken", epochs=3, evaluate_every=2))
    training.train_and_export(config("resumed", epochs=1, evaluate_every=2))
    training.train_and_export(config("resumed", epochs=3, evaluate_every=2))
    unbroken, resumed = (
        outcome(Workdir(config(name).workdir).path) for name in ("unbroken", "resumed")
    )
    assert unbroken.keys() == resumed.keys()
    for name, value in unbroken.items():
        # A checkpoint's bookkeeping counts the models of a process; the weights are in "generator".
        if not name.startswith("checkpoints/"):
            assert resumed[name] == value, name


def test_what_cannot_be_evaluated_is_said_before_the_old_run_is_removed(config, monkeypatch):
    options = config("kept", epochs=1)
    training.train_and_export(options)
    before = outcome(Workdir(options.workdir).path)

    def no_labels(*args, **kwargs):
        raise UserError("has no labels")

    monkeypatch.setattr(judges, "judge", no_labels)
    with pytest.raises(UserError, match="has no labels"):
        training.train_and_export(dataclasses.replace(options, evaluate_every=1), overwrite=True)
    assert outcome(Workdir(options.workdir).path) == before
