"""The command line as a user runs it: end to end, stopped and continued, and given nonsense."""

import csv
import json
import os
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
import tensorflow_datasets as tfds
from conftest import ROOT, SMALL, assert_one_line_error, prepare_tiny, run, run_afresh
from fingerprint import exported_weights, tree
from PIL import Image

LOG_LINE = re.compile(
    r"^Epoch: \[(\d+)/1\], Step: \[(300|600)/600\], D_loss: \d+\.\d{4}, G_loss: \d+\.\d{4}, "
    r"D\(x\): [01]\.\d\d, D\(G\(z\)\): [01]\.\d\d$"
)


@pytest.fixture
def tiny(tiny_data_dir):
    """Flags of a run that takes seconds: 60 images, 4 steps an epoch."""
    return [f"--data_dir={tiny_data_dir}", *SMALL, "--log_every=2"]


def test_an_epoch_of_the_real_thing(tmp_path):
    workdir = tmp_path / "runs" / "short"
    done = run_afresh("train", "--epochs=1", f"--workdir={workdir}")
    assert done.returncode == 0, done.stderr
    assert done.stderr == "", "nothing but what the run has to say"
    lines = done.stdout.splitlines()
    logged = [match.groups() for line in lines if (match := LOG_LINE.match(line))]
    assert logged == [("1", "300"), ("1", "600")]
    for words in (
        "on one CPU",
        "Data: mnist",
        "generator 283,920 parameters, discriminator 267,009",
        f"Run: {workdir}",
        "First 25 steps",
        "images a second",
        f"--model={workdir}/generator",
    ):
        assert any(words in line for line in lines), words

    config = json.loads((workdir / "config.json").read_text())
    assert config["config"]["batch_size"] == 100
    assert {"tensorflow", "keras", "intra_op_threads"} <= set(config["environment"])
    for name in ("fake_0", "real"):
        assert Image.open(workdir / "samples" / f"{name}.png").size == (242, 392)
    assert Image.open(workdir / "samples" / "training.gif").n_frames == 1
    with open(workdir / "metrics.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["600"]
    assert all(np.isfinite(float(row["D_loss"])) for row in rows)
    assert list((workdir / "tensorboard").glob("events.out.tfevents.*"))
    assert "000000600" in {path.name for path in (workdir / "checkpoints").iterdir()}

    drawn = run("sample", f"--model={workdir}/generator", "--n=8", f"--output={tmp_path}/a.png")
    assert drawn.returncode == 0, drawn.stderr
    assert Image.open(tmp_path / "a.png").size == (242, 32)

    before = tree(workdir)
    again = run("train", "--epochs=1", f"--workdir={workdir}")
    assert again.returncode == 0, again.stderr
    assert "has 1 already" in again.stdout
    assert tree(workdir) == before


def test_colour_images(tiny, tmp_path):
    done = run("train", *tiny, "--dataset=cifar10", "--epochs=1", f"--workdir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "run" / "samples" / "fake_0.png") as picture:
        assert (picture.mode, picture.size) == ("RGB", (8 * 34 + 2, 2 * 34 + 2))


def test_average_is_exported_beside_the_generator(tiny, tmp_path):
    flags = [*tiny, "--epochs=1", "--ema=0.9", "--latents=uniform", f"--workdir={tmp_path}/run"]
    done = run("train", *flags, "--histograms_every=1")
    assert done.returncode == 0, done.stderr
    weights = [exported_weights(tmp_path / "run" / name) for name in ("generator", "generator_raw")]
    assert len(weights[0]) == len(weights[1]) == 6
    assert not set(weights[0].values()) & set(weights[1].values())
    assert "uniform distribution on [-1, 1]" in (tmp_path / "run/generator/README.md").read_text()
    checkpoint = tf.train.load_checkpoint(str(tmp_path / "run/checkpoints/000000004/state"))
    assert any(name.startswith("ema_generator/") for name in checkpoint.get_variable_to_shape_map())


def test_run_of_an_older_version_goes_on(tiny, finished):
    flags = [*tiny, f"--workdir={finished}"]
    file = finished / "config.json"
    content = json.loads(file.read_text())
    kept = ("dataset", "batch_size", "hidden_size", "seed", "cache_limit_mb", "jit_compile")
    content["config"] = {name: content["config"][name] for name in kept} | {"g_loss": "minimax"}
    file.write_text(json.dumps(content))
    refused = run("train", *flags, "--epochs=2")
    assert_one_line_error(refused, "--loss is 'non_saturating' but the run has 'minimax'")
    done = run("train", *flags, "--epochs=2", "--loss=minimax")
    assert done.returncode == 0, done.stderr
    assert "Resuming after step 4 of 8" in done.stdout


def test_paper_networks_on_part_of_the_set(tiny, tmp_path):
    flags = ["--flagfile=flags/goodfellow2014.flags", *tiny, "--hidden_size=20", "--epochs=1"]
    done = run("train", *flags, "--split=train[:50%]", f"--workdir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    assert "Step: [2/2]" in done.stdout or "Epoch 1 of 1 done" in done.stdout
    done = run("train", *tiny, "--split=valid", f"--workdir={tmp_path}/other")
    assert_one_line_error(done, "--split=valid: mnist has", "train", "test")
    done = run("train", *tiny, "--network=infogan", "--hidden_size=8", f"--workdir={tmp_path}/c")
    assert_one_line_error(done, "--network=infogan: needs a hidden_size of at least 16")


def test_library_and_both_objectives(tiny_data_dir, tmp_path):
    import tfgan

    states = []
    for g_loss in ("non_saturating", "minimax"):
        config = tfgan.TrainConfig(
            data_dir=str(tiny_data_dir),
            workdir=str(tmp_path / g_loss),
            epochs=1,
            batch_size=15,
            hidden_size=16,
            jit_compile=False,
            loss=g_loss,
        )
        gan = tfgan.train_and_export(config)
        assert int(gan.step.numpy()) == 4
        states.append(gan.generator.get_weights()[0])
    assert not np.array_equal(*states)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--batch_size=0"], ["--batch_size=0", "at least 1"]),
        (["--batch_size=-3"], ["--batch_size=-3"]),
        (["--batch_size=61"], ["--batch_size=61", "has only 60"]),
        (["--batch_size=ten"], ["batch_size", "ten"]),
        (["--d_learning_rate=-1"], ["--d_learning_rate=-1.0", "positive"]),
        (["--g_learning_rate=nan"], ["--g_learning_rate=nan", "positive"]),
        (["--latent_size=0"], ["--latent_size=0"]),
        (["--steps_per_execution=3"], ["--steps_per_execution=3", "4 steps of an epoch"]),
        (["--strategy=tpu"], ["strategy", "tpu", "mirrored"]),
        (["--loss=wgan"], ["loss", "wgan", "minimax"]),
        (["--dataset=mnits"], ["--dataset=mnits", "mnist"]),
        (["--dataset=imdb_reviews"], ["--dataset=imdb_reviews", "images"]),
        (["--conditional", "--split=train[:1]"], ["--split=train[:1]", "one class"]),
        (["--epcohs=3"], ["epcohs", "epochs"]),
        (["epochs=3"], ["'epochs=3'", "--name=value"]),
        (["--flagfile=no/such.flags"], ["no/such.flags"]),
    ],
)
def test_bad_input_is_one_line_and_changes_nothing(arguments, words, tiny, finished):
    flags = [*tiny, "--epochs=1", f"--workdir={finished}", "--overwrite"]
    before = tree(finished)
    if "steps" in arguments[0]:
        flags += ["--epochs=2"]
    assert_one_line_error(run("train", *flags, *arguments), *words)
    assert tree(finished) == before


def test_flagfile_with_a_typo_is_named(tmp_path):
    (tmp_path / "mine.flags").write_text("--epochs=3\n--batchsize=7\n")
    done = run("train", f"--flagfile={tmp_path / 'mine.flags'}")
    assert_one_line_error(done, "batchsize", "batch_size")


def test_other_settings_are_refused_naming_each(tiny, finished):
    flags = [*tiny, "--epochs=2", f"--workdir={finished}"]
    before = tree(finished)
    done = run("train", *flags, "--seed=1", "--loss=minimax", "--conditional")
    words = "--seed is 1 but the run has 777", "--loss", "--conditional is True but", "--overwrite"
    assert_one_line_error(done, *words)
    assert tree(finished) == before


@pytest.mark.parametrize("path", ["file", "file/run", "foreign", "/proc/tfgan"])
def test_unusable_workdir_is_one_line(path, tmp_path, tiny):
    (tmp_path / "file").write_text("precious")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "thesis.tex").write_text("precious")
    before = tree(tmp_path)
    for overwrite in ([], ["--overwrite"]):
        workdir = tmp_path / path
        done = run("train", *tiny, "--epochs=1", f"--workdir={workdir}", *overwrite)
        assert_one_line_error(done, f"--workdir={workdir}")
    assert tree(tmp_path) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_workdir_is_one_line(tmp_path, tiny):
    (tmp_path / "locked").mkdir(mode=0o500)
    done = run("train", *tiny, f"--workdir={tmp_path}/locked/run")
    assert_one_line_error(done, "--workdir=", "cannot be written")


def test_all_checkpoints_damaged_is_one_line(tiny, finished):
    flags = [*tiny, f"--workdir={finished}"]
    for file in (finished / "checkpoints").rglob("state.*"):
        file.write_bytes(b"")
    before = tree(finished)
    done = run("train", *flags, "--epochs=2")
    assert_one_line_error(done, "all checkpoints are damaged", "--overwrite")
    assert tree(finished) == before
    started = run("train", *flags, "--epochs=1", "--overwrite")
    assert started.returncode == 0, started.stderr
    assert "Resuming" not in started.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "flags").glob("*.flags")), ids=lambda p: p.stem)
def test_recipes_are_valid(path, tmp_path):
    # A recipe that parses gets as far as the folder, which is a file here.
    (tmp_path / "file").touch()
    done = run("train", f"--flagfile={path}", f"--workdir={tmp_path}/file")
    assert_one_line_error(done, "is a file")


def test_help_says_why():
    done = run("train", "--help")
    assert "--[no]jit_compile" in done.stdout
    assert "log D(G(z))" in done.stdout


def test_wrong_flags_are_told_without_waiting_for_tensorflow():
    code = "import sys, runpy; sys.argv = ['train', '--epochs=0']\n"
    code += "try: runpy.run_module('tfgan.train', run_name='__main__')\n"
    code += "except SystemExit: assert 'tensorflow' not in sys.modules"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_run_whose_set_has_changed_is_refused(tmp_path, capsys):
    import tfgan

    def train(epochs: int, count: int):
        prepare_tiny(
            tfds.image_classification.MNIST, tmp_path / "data", "mnist", (28, 28, 1), count=count
        )
        return tfgan.train_and_export(
            tfgan.TrainConfig(
                data_dir=str(tmp_path / "data"),
                workdir=str(tmp_path / "run"),
                epochs=epochs,
                batch_size=15,
                hidden_size=16,
                jit_compile=False,
            )
        )

    train(1, count=60)
    shutil.rmtree(tmp_path / "data")
    before = tree(tmp_path / "run")
    with pytest.raises(tfgan.UserError, match=r"^--dataset=mnist: .* then, \[45, 28, 28, 1\] now"):
        train(2, count=45)
    assert tree(tmp_path / "run") == before
