"""`--init_from`: a run starts from another one's networks, and is then a run like any other."""

import dataclasses
import json
import shutil

import numpy as np
import pytest
from conftest import small_config
from fingerprint import outcome, tree

from tfgan import UserError, training
from tfgan.datasets.classes import Classes
from tfgan.run import building, initialising, restoring
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def other(tiny_data_dir, tmp_path_factory):
    """A run with a moving average, and its networks."""
    config = small_config(
        tiny_data_dir, tmp_path_factory.mktemp("runs") / "other", epochs=1, ema=0.5
    )
    return config, training.train_and_export(config)


@pytest.fixture
def make(tiny_data_dir, tmp_path, other):
    def config(name, **options):
        usual = {"init_from": other[0].workdir, "epochs": 2}
        return small_config(tiny_data_dir, tmp_path / name, **usual | options)

    return config


def at_start(config):
    """The networks that a run began with."""
    folder = Workdir(config.workdir)
    for checkpoint in folder.checkpoints.iterdir():
        if checkpoint.name != "000000000":
            shutil.rmtree(checkpoint)
    return restoring.restore(folder, pytest.fail).gan


def assert_alike(mine, theirs):
    assert len(mine.weights) == len(theirs.weights)
    for one, two in zip(mine.weights, theirs.weights, strict=True):
        np.testing.assert_array_equal(one.numpy(), two.numpy())


def environment(config):
    return json.loads(Workdir(config.workdir).config.read_text())["environment"]


def test_all_networks_are_taken_and_nothing_else(make, other, capsys):
    config = make("run", ema=0.9, d_learning_rate=1e-5, epochs=1)
    training.train_and_export(config)
    output = capsys.readouterr().out
    assert (
        f"--init_from={other[0].workdir}: loaded the weights of all 6 layers from step 4\n"
        in output
    )
    assert "Resuming" not in output
    recorded = environment(config)["init_from"]
    assert {**recorded, "sha256": ""} == {"step": 4, "sha256": "", "taken": 6, "fresh": []}
    gan = at_start(config)
    for name in ("generator", "discriminator", "ema_generator"):
        assert_alike(getattr(gan, name), getattr(other[1], name))
    assert int(gan.step.numpy()) == 0
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert int(optimizer.iterations.numpy()) == 0
        assert not any(np.any(slot.numpy()) for slot in optimizer.variables[2:])


def take(config, shape=(28, 28, 1), classes=None):
    """What a run's networks become, without a run; and the lines that are said."""
    gan = building.build(config, shape, 1, classes=classes)
    lines = []
    recorded = initialising.take(gan, Workdir(config.init_from, "--init_from"), lines.append)
    return gan, recorded, [line.partition(": ")[2] for line in lines]


def test_without_their_average_ours_starts_at_what_g_took(make, other, tmp_path):
    plain = Workdir(str(tmp_path / "plain"))
    shutil.copytree(other[0].workdir, plain.path)
    plain.config.write_text(plain.config.read_text().replace('"ema": 0.5', '"ema": 0.0'))
    gan, *_ = take(make("run", ema=0.9, init_from=str(plain.path)))
    assert_alike(gan.ema_generator, other[1].generator)


def test_layers_of_other_shapes_start_afresh_and_are_named(make, other):
    gan, recorded, lines = take(make("run", dataset="cifar10", ema=0.9), (32, 32, 3))
    assert lines == [
        "generator Dense 3 is initialised as usual: its weights have the shapes (16, 3072) and "
        "(3072,), those of the other run (16, 784) and (784,)",
        "discriminator Dense 1 is initialised as usual: its weights have the shapes (3072, 16) and "
        "(16,), those of the other run (784, 16) and (16,)",
        "loaded the weights of 4 layers from step 4; 2 are initialised as usual",
    ]
    assert recorded["fresh"] == ["generator Dense 3", "discriminator Dense 1"]
    taken, fresh = gan.generator.layers[2], gan.generator.layers[4]
    np.testing.assert_array_equal(taken.kernel, other[1].generator.layers[2].kernel)
    np.testing.assert_array_equal(fresh.kernel, gan.ema_generator.layers[4].kernel)


def test_a_conditional_run_takes_what_it_has_in_common(make):
    *_, lines = take(make("run", conditional=True), classes=Classes.of_numbers(10))
    assert "generator Beside 1 is initialised as usual: the other run has no such layer" in lines
    assert lines[-1] == "loaded the weights of 4 layers from step 4; 4 are initialised as usual"


def test_a_resumed_run_needs_the_other_no_more(make, other, tmp_path, capsys, monkeypatch):
    copy = tmp_path / "copy"
    shutil.copytree(other[0].workdir, copy)
    configs = [make(name, init_from=str(copy)) for name in ("unbroken", "run")]
    training.train_and_export(configs[0])

    class Killed(BaseException):
        pass

    def kill(*arguments, **named):
        raise Killed

    fit = training._fit
    monkeypatch.setattr(training, "_fit", kill)  # before its first step
    with pytest.raises(Killed):
        training.train_and_export(configs[1])
    monkeypatch.setattr(training, "_fit", fit)
    recorded = environment(configs[1])["init_from"]
    shutil.rmtree(copy)
    capsys.readouterr()
    training.train_and_export(dataclasses.replace(configs[1], epochs=1))
    assert "Resuming after step 0 of 4" in capsys.readouterr().out
    training.train_and_export(configs[1])
    assert environment(configs[1])["init_from"] == recorded == environment(configs[0])["init_from"]
    found, expected = (outcome(Workdir(config.workdir).path) for config in configs)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert name.startswith("checkpoints/") or found[name] == value, name
    with pytest.raises(UserError, match=r"--init_from is '' but the run has '.*copy'"):
        training.train_and_export(dataclasses.replace(configs[1], init_from=""))


def test_the_newest_whole_checkpoint_counts(make, other, tmp_path, capsys):
    copy = Workdir(str(tmp_path / "copy"))
    shutil.copytree(other[0].workdir, copy.path)
    newer = copy.checkpoints / "000000008"
    shutil.copytree(copy.checkpoints / "000000004", newer)
    (newer / "state.index").write_bytes(b"")
    training.train_and_export(make("run", init_from=str(copy.path), epochs=1))
    output = capsys.readouterr().out
    assert "000000008 is damaged" in output
    assert "layers from step 4" in output
    (copy.checkpoints / "000000004" / "state.index").unlink()
    with pytest.raises(UserError, match=r"^--init_from=.*copy: all of its checkpoints are damaged"):
        training.train_and_export(make("none", init_from=str(copy.path)))
    shutil.rmtree(copy.checkpoints)
    with pytest.raises(UserError, match=r"^--init_from=.*copy: has no checkpoint; name a run"):
        training.train_and_export(make("none", init_from=str(copy.path)))
    assert not Workdir(str(tmp_path / "none")).config.exists()


def test_a_run_that_still_trains_is_refused(make, other, tmp_path):
    with (
        Workdir(other[0].workdir).lock(),
        pytest.raises(
            UserError, match=r"^--init_from=.*: another process is training there; wait until"
        ),
    ):
        training.train_and_export(make("run"))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"init_from": "{here}/file"}, "file: is a file; name the folder of a run"),
        ({"init_from": "{here}/none"}, "none: no such folder; name the folder of a run"),
        ({"init_from": "{here}"}, "no run there; python -m tfgan.train creates one"),
        ({"init_from": "{here}/kept"}, "kept: is the same as --workdir; use another"),
        ({"network": "maxout"}, "--network=mlp, and those of this run --network=maxout; they"),
        ({"hidden_size": 24, "latent_size": 8}, "none of its layers fits this run's"),
    ],
)
def test_what_cannot_be_taken_is_told_and_nothing_is_changed(options, problem, make, tmp_path):
    (tmp_path / "file").touch()
    begun = make("kept", init_from="", epochs=1)
    training.train_and_export(begun)
    before = tree(tmp_path)
    options = {
        name: value.format(here=tmp_path) if name == "init_from" else value
        for name, value in options.items()
    }
    with pytest.raises(UserError, match=f"^--init_from=.*{problem}"):
        training.train_and_export(make("kept", **options), overwrite=True)
    assert tree(tmp_path) == before


def test_a_report_names_the_other_run_without_its_place(make, other):
    config = make("run", epochs=1)
    assert config.shown()["init_from"] == "other"
    training.train_and_export(config)
    workdir = Workdir(config.workdir)
    assert "--init_from=other" in workdir.report.read_text()
    assert other[0].workdir not in workdir.report.read_text()
