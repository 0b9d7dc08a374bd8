"""`--images`: one command, and what is wrong with it in one line."""

import json
import shutil

import pytest
from conftest import SMALL, assert_one_line_error, run
from picture_sets import save

from tfgan.datasets import pipeline
from tfgan.datasets.image_set import ImageSet


def test_one_command_trains_on_a_folder_and_goes_on(photos, tmp_path):
    flags = [f"--images={photos}", "--image_size=16", f"--data_dir={tmp_path}/data"]
    flags += ["--network=resnet", "--r1=1", "--augment=color,translation,cutout"]
    flags += [*SMALL, "--batch_size=6", f"--workdir={tmp_path}/run"]
    done = run("train", *flags, "--epochs=1")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""  # nor anything of TensorFlow's
    assert "Pictures: 12 of 12 files taken" in done.stdout
    assert (tmp_path / "run" / "generator" / "saved_model.pb").exists()
    assert "Resuming after step 2 of 4" in run("train", *flags, "--epochs=2").stdout
    save(photos / "0.jpeg", 99)
    changed = run("train", *flags, "--epochs=3")
    assert changed.returncode == 2
    assert "--dataset is 'photos_16_" in changed.stderr
    assert "but the run has 'photos_16_" in changed.stderr


def test_sub_folders_are_the_classes_of_a_conditional_run(tmp_path):
    for number in range(12):
        save(tmp_path / "pets" / ("cats", "dogs")[number % 3 == 0] / f"{number}.png", number)
    flags = [f"--images={tmp_path}/pets", "--image_size=8", f"--data_dir={tmp_path}/data"]
    flags += [*SMALL, "--batch_size=6", "--epochs=1", "--conditional"]
    done = run("train", *flags, f"--workdir={tmp_path}/run")
    assert done.returncode == 0, done.stderr
    trained_on = json.loads((tmp_path / "run" / "generator" / "trained_on.json").read_text())
    assert trained_on["classes"] == {"names": ["cats", "dogs"], "counts": [8, 4]}


def test_threads_and_devices_are_set_before_a_known_set_is_read(tiny_data_dir, tmp_path):
    shutil.copytree(tiny_data_dir / "mnist", tmp_path / "data" / "mnist")
    flags = ["--dataset=mnist", "--image_size=8", f"--data_dir={tmp_path}/data", *SMALL]
    flags += ["--batch_size=6", "--epochs=1", f"--workdir={tmp_path}/run"]
    done = run("train", *flags, "--threads=1", "--devices=CPU:0,CPU:1", "--strategy=mirrored")
    assert done.returncode == 0, done.stderr
    assert "2 mirrored CPUs (CPU threads: 1)" in done.stdout


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--images={}/nowhere"], ["--images=", "no such folder or archive"]),
        (["--images={}/empty"], ["--images=", "is empty"]),
        (["--images={}/texts"], ["--images=", "contains no pictures", "a.txt"]),
        (["--images={}/photos", "--image_size=0"], ["--image_size=0", "at least 1"]),
        (
            ["--images={}/photos", "--image_size=30", "--network=conv"],
            ["--network=conv", "30 x 30"],
        ),
        (["--images={}/photos", "--dataset=mnist"], ["--images", "--dataset"]),
        (["--images={}/photos", "--holdout=1"], ["--holdout=1.0", "[0, 1)"]),
        (["--images={}/photos", "--batch_size=100"], ["--batch_size=100", "has only 12"]),
        (["--images={}/photos", "--conditional"], ["--conditional needs classes", "sub-folder"]),
        (["--images={}/one", "--conditional"], ["sub-folder of its own; now all are in cats"]),
        (
            ["--images={}/beside", "--conditional", "--image_size=8"],
            ["--images=", "every picture in the sub-folder", "pictures.csv"],
        ),
        (["--fit=pad"], ["--fit", "does nothing without --images"]),
        (["--dataset=stacked_mnist", "--image_size=8"], ["--dataset=stacked_mnist", "one size"]),
    ],
)
def test_bad_input_is_one_line(flags, words, photos, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "a.txt").write_text("a")
    for name in ("one/cats/1", "one/cats/2", "beside/cats/1", "beside/cats/2", "beside/3"):
        save(tmp_path / f"{name}.png", 1)
    given = [flag.format(tmp_path) for flag in flags]
    done = run("train", *given, f"--data_dir={tmp_path}/data", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, *words)
    assert not (tmp_path / "run").exists()


def test_only_the_data_command(photos, tmp_path):
    flags = [f"--images={photos}", "--image_size=8", "--name=cats", f"--data_dir={tmp_path}/data"]
    done = run("data", *flags)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "Images: (8, 8, 3), 12 train"
    assert_one_line_error(run("data", "--name=cats"), "--name", "does nothing without --images")
    trained = ImageSet("cats", data_dir=f"{tmp_path}/data")
    assert len(pipeline.load_images(trained, lambda line: None)) == 12
