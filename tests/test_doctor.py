"""The doctor on real runs: from a fault to the command's last line."""

import functools
import json
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, SMALL, run
from fingerprint import tree
from tensorflow_datasets.image_classification import MNIST
from test_doctor_findings import titles

from examples import failures
from tfgan import GAN, TrainConfig, UserError, doctor, training
from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet
from tfgan.doctor import record
from tfgan.run.workdir import Workdir


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """Folders with the first so many digits to train on, each a few times, and 500 held out."""

    def prepare(count: int, copies: int) -> str:
        folder = tmp_path_factory.mktemp("digits")
        images = {
            "train": np.tile(pipeline.first_images(ImageSet("mnist"), count), (copies, 1, 1, 1)),
            "test": pipeline.first_images(ImageSet("mnist", "test"), 500),
        }

        class Few(MNIST, skip_registration=True):
            name = "mnist"

            def _split_generators(self, dl_manager):
                return {split: self._generate_examples(each) for split, each in images.items()}

            def _generate_examples(self, images):
                for index, image in enumerate(images):
                    yield index, {"image": image, "label": 0}

        Few(data_dir=folder).download_and_prepare()
        return str(folder)

    return functools.cache(prepare)


@pytest.fixture
def train(digits, tmp_path):
    """Trains for a few seconds on a few digits."""

    def train(
        images: int, epochs: int, gan_class: type[GAN] = GAN, copies: int = 1, **options
    ) -> None:
        folder = {"data_dir": digits(images, copies), "workdir": str(tmp_path / "run")}
        small = {"epochs": epochs, "batch_size": 10, "hidden_size": 64, "jit_compile": False}
        training.train_and_export(TrainConfig(**folder | small | options), gan_class=gan_class)

    return train


@pytest.fixture
def found(train, tmp_path):
    """Trains; the titles of what the doctor finds."""

    def found(*args, **options) -> set[str]:
        train(*args, **options)
        return {finding.title for finding in doctor.diagnose(tmp_path / "run")}

    return found


def test_short_healthy_run_and_the_command(train, tmp_path):
    train(1000, 3)
    done = run("doctor", f"--workdir={tmp_path}/run")
    assert (done.returncode, done.stderr) == (0, "")
    first, *rest = done.stdout.splitlines()
    assert first.endswith("the doctor found nothing wrong")
    assert [line.split(":")[1].strip() for line in rest] == [
        "D is saturated",
        "mode collapse",
        "missing classes",
        "memorisation",
    ]
    assert "before 3,000 steps" in rest[0]
    scores = {"step": 300, "metrics": {}, "collapsed": ["generator"]}
    evaluation = tmp_path / "run" / "evaluation"
    evaluation.mkdir()
    (evaluation / "evaluation.json").write_text(json.dumps(scores))
    found = {finding.title for finding in doctor.diagnose(tmp_path / "run")}
    assert found == {"the generator has collapsed"}


def test_labels_that_are_swapped(found):
    assert "D's labels are swapped" in found(1000, 1, failures.SwappedLabels, copies=4)


@pytest.mark.slow
def test_loss_that_saturates(found):
    seen = found(1000, 1, copies=4, loss="minimax", d_learning_rate=0.001)
    assert "G's gradient has vanished" in seen


def test_generator_that_learns_a_hundred_times_too_fast(found):
    seen = found(1000, 1, copies=4, g_learning_rate=0.02)
    assert {"mode collapse", "dead units in G"} <= seen


@pytest.mark.slow
def test_discriminator_that_learns_a_hundred_times_too_fast(tmp_path):
    config = TrainConfig(workdir=str(tmp_path / "run"), epochs=1, d_learning_rate=0.02)
    training.train_and_export(config)
    found = {finding.title: finding for finding in doctor.diagnose(config.workdir)}
    # At its last step D may be far off or, between two leaps, sure and right.
    assert "V(D, G)" in found["oscillation"].evidence


@pytest.mark.slow
def test_discriminator_that_is_far_ahead(found):
    seen = found(1000, 4, copies=8, d_learning_rate=0.002, g_learning_rate=2e-6)
    assert "D is saturated" in seen


@pytest.mark.slow
def test_discriminator_that_knows_its_images_by_heart(found):
    seen = found(100, 40, copies=100, batch_size=100, hidden_size=256)
    assert "D has overfitted" in seen


@pytest.mark.slow
def test_generator_that_learns_its_images_by_heart(found):
    seen = found(
        50,
        20,
        copies=100,
        batch_size=50,
        hidden_size=256,
        latent_size=8,
        r1=1.0,
        d_learning_rate=0.002,
        g_learning_rate=0.002,
        lr_schedule="cosine",
        beta_1=0.0,
        beta_2=0.99,
    )
    assert "memorisation" in seen


@pytest.mark.slow
@pytest.mark.parametrize("seed", [777, 1, 2])
def test_healthy_runs(seed, tmp_path):
    """The tutorial's recipe, asked about itself after each epoch."""
    config = TrainConfig(workdir=str(tmp_path / "run"), epochs=20, seed=seed, monitor_every=1)
    training.train_and_export(config)
    seen = record.read(Workdir(config.workdir)).evidence
    assert [each.step for each in seen] == [600 * epoch for epoch in range(1, 21)]
    for count in range(1, 21):
        assert titles(seen[:count]) == set(), count


# The command, and the run that looks at itself.


def test_run_that_diverged_and_the_command(digits, tmp_path):
    config = TrainConfig(
        data_dir=digits(1000, 1),
        workdir=str(tmp_path / "run"),
        epochs=1,
        hidden_size=16,
        d_learning_rate=1e30,
        jit_compile=False,
    )
    with pytest.raises(UserError, match="not finite"):
        training.train_and_export(config)
    done = run("doctor", f"--workdir={config.workdir}")
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("diverged\n  evidence: step ")
    # Once the run goes on, that is the past.
    workdir = Workdir(config.workdir)
    assert record.read(workdir).diverged
    workdir.create({}, {})
    assert record.read(workdir).diverged is None


def test_run_tells_once_and_its_record_is_enough(digits, tmp_path, capsys):
    config = TrainConfig(
        data_dir=digits(1000, 1),
        workdir=str(tmp_path / "run"),
        epochs=2,
        batch_size=10,
        hidden_size=64,
        g_learning_rate=0.02,
        monitor_every=1,
        jit_compile=False,
    )
    training.train_and_export(config)
    assert capsys.readouterr().out.count("Doctor: mode collapse: fakes vary") == 1
    before = tree(tmp_path / "run")
    settings = json.loads((tmp_path / "run" / "config.json").read_text())
    settings["config"]["data_dir"] = str(tmp_path / "none")  # so it cannot look again
    (tmp_path / "run" / "config.json").write_text(json.dumps(settings))
    found = doctor.diagnose(tmp_path / "run")
    assert "mode collapse" in {finding.title for finding in found}
    assert before.keys() == tree(tmp_path / "run").keys()


def test_wrong_flag_is_told_without_waiting_for_tensorflow():
    code = "import sys, runpy; sys.argv = ['doctor', '--nope']\n"
    code += "try: runpy.run_module('tfgan.doctor', run_name='__main__')\n"
    code += "except SystemExit as end: assert end.code == 2 and 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_folder_without_a_run(tmp_path):
    with pytest.raises(UserError, match=r"^--workdir=.*: no run there"):
        doctor.diagnose(tmp_path)


def test_record_that_is_damaged(tmp_path):
    workdir = Workdir(str(tmp_path))
    workdir.monitors.write_text('{"step": 3}\n')
    with pytest.raises(UserError, match=r"monitors.jsonl: is damaged"):
        record.read(workdir)


@pytest.mark.slow  # test_own_pictures_commands.py asks the same of training
def test_convolutions_are_looked_at_without_a_word_of_tensorflow(tiny_data_dir, tmp_path):
    flags = ["--network=resnet", "--dataset=cifar10", f"--data_dir={tiny_data_dir}", *SMALL]
    assert run("train", *flags, "--epochs=1", f"--workdir={tmp_path}/run").returncode == 0
    assert run("doctor", f"--workdir={tmp_path}/run").stderr == ""
