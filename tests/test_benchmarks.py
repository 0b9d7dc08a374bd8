"""The benchmarks run and count right; nothing here takes a time for true."""

import importlib.util
import json
import math
import subprocess
import sys

import forked
import numpy as np
import pytest
from conftest import ROOT, assert_one_line_error

from benchmarks import classifiers, contestants, race, report
from benchmarks.contestants import floor


def benchmark(name, data_dir, output, *flags):
    """Runs a benchmark on 60 images, with small networks."""
    flags = (f"--data_dir={data_dir}", f"--output={output}", "--hidden_size=16", *flags)
    return forked.Python("-m", f"benchmarks.{name}", "--batch_size=20", *flags).finish()


@pytest.mark.parametrize(
    "here",
    [
        ["tfgan fit", "Keras guide", "floor (numpy)"],
        ["tfgan bare", "floor (TensorFlow)"],
    ],
)
@pytest.mark.slow
def test_race_of_those_that_need_no_extra(here, tiny_data_dir, tmp_path):
    asked = [*here, "JAX"]
    done = benchmark(
        "training", tiny_data_dir, tmp_path, "--rounds=1", f"--contestants={','.join(asked)}"
    )
    assert done.returncode == 0, done.stderr
    record = json.loads((tmp_path / "results.json").read_text())
    if importlib.util.find_spec("jax") is None:
        assert "Skipped: JAX (not installed: jax" in done.stdout
        assert set(record["skipped"]) == {"JAX"}
    else:
        here = asked
    assert set(record["results"]) == set(here)
    table = (tmp_path / "results.md").read_text()
    for name, result in record["results"].items():
        assert f"| {name} | " in table
        assert len(result["ms"]) == 1
        for value in (*result["ms"], result["first_step_s"], result["peak_mb"]):
            assert math.isfinite(value)
            assert value > 0


@pytest.mark.slow
def test_scaling_of_two_layouts(tiny_data_dir, tmp_path):
    flags = ["--layouts=one device,2 processes", "--batch_sizes=2", "--rounds=1"]
    flags += [f"--data_dir={tiny_data_dir}", f"--output={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.scaling", *flags],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    times = json.loads((tmp_path / "scaling.json").read_text())["ms"]
    assert list(times) == ["one device", "2 processes"]
    assert all(by_size["2"][0] > 0 for by_size in times.values())


@pytest.mark.slow  # as all that measure for their own sake
def test_streaming(tiny_data_dir, tmp_path):
    done = benchmark("streaming", tiny_data_dir, tmp_path, "--rounds=1")
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "streaming.json").read_text())["results"]
    assert set(results) == {"in memory", "streamed"}


def test_fewer_images_than_a_batch_are_named(tiny_data_dir, tmp_path):
    done = benchmark("streaming", tiny_data_dir, tmp_path, "--batch_size=61")
    assert_one_line_error(done, "--batch_size=61", "has 60 images")


def test_unknown_contestant_is_named(tiny_data_dir, tmp_path):
    done = benchmark("training", tiny_data_dir, tmp_path, "--contestants=Caffe")
    assert done.returncode != 0
    assert "unknown: Caffe" in done.stdout + done.stderr


def test_missing_package_is_named():
    stranger = contestants.Contestant("stranger", ("x",), packages=("sys", "no_such_package"))
    assert stranger.missing() == ["no_such_package"]


def test_who_dies_drops_out_and_the_others_go_on(tmp_path):
    loop = "import time\nwhile True:\n print('epoch', flush=True)\n time.sleep(0.01)"
    steady = ([sys.executable, "-c", loop], "epoch", "epoch")
    dying = ([sys.executable, "-c", "print('epoch'); raise OSError('no data')"], "epoch", "epoch")
    results, dropped = race.measure({"dying": dying, "steady": steady}, 2, tmp_path)
    assert dropped == {"dying": "OSError: no data"}
    assert list(results) == ["steady"]
    assert len(results["steady"]["epoch_s"]) == 2


@pytest.mark.slow
def test_growth_of_the_smallest(tiny_data_dir, tmp_path):
    flags = ["--batch_sizes=10", "--hidden_sizes=8", "--set_sizes=100", "--epochs=2"]
    done = benchmark("growth", tiny_data_dir, tmp_path, *flags)
    assert done.returncode == 0, done.stderr
    sweeps = json.loads((tmp_path / "growth.json").read_text())["sweeps"]
    assert list(sweeps) == ["batch size", "hidden size", "set size", "epoch"]
    for (point,) in sweeps.values():
        assert all(math.isfinite(value) and value > 0 for value in point.values())


def test_floor_has_the_products_of_a_step():
    products = floor.step_products(batch=100, latent=64, hidden=256, pixels=784)
    assert len(products) == 25
    assert floor.flop(products) == 568_934_400
    for left, right in products:
        inner = (
            (left.rows if left.transposed else left.columns),
            (right.columns if right.transposed else right.rows),
        )
        assert inner[0] == inner[1]


def test_ratios_are_paired_and_goals_are_told():
    times = {
        "tfgan fit": [2.0, 4.0, 3.0],
        "tfgan bare": [2.0, 2.0, 2.0],
        "JAX": [1.0, 6.0, 3.0],
        "floor (torch)": [4.0, 4.0, 4.0],
        "floor (numpy)": [2.0, 4.0, 2.0],
    }
    results = {
        name: {"ms": values, "first_step_s": 20.0, "peak_mb": 800.0}
        for name, values in times.items()
    }
    assert report.fastest_floor(times) == "floor (numpy)"
    assert report.ratio(times, "JAX", "tfgan fit") == report.Spread(1.0, 0.5, 1.5)
    goals = {goal.what: goal for goal in report.goals(results)}
    assert goals["tfgan fit / floor"].value == 1.0
    assert goals["tfgan fit / floor"].met
    assert goals["JAX / tfgan fit"].met
    assert goals["tfgan fit / tfgan bare"].value == pytest.approx(1.5)
    assert goals["tfgan fit / tfgan bare"].met is False
    assert goals["tutorial in memory / tfgan fit"].met is None
    assert goals["tfgan fit: command to first step"].met is False
    assert goals["tfgan fit: peak memory"].met
    assert "| tfgan fit / tfgan bare | 1.50 | at most 1.05 | no |" in report.goals_table(
        report.goals(results)
    )


SEARCH_BY_FEW = """
from benchmarks import search
from tfgan.ground import cli
search.SET_SIZE = 500
search.define_flags()
cli.run(search._prepare)
"""


def test_search_records_each_score(tiny_data_dir, tmp_path):
    record = tmp_path / "search.jsonl"
    flags = [f"--data_dir={tiny_data_dir}", "--batch_size=10", "--hidden_size=16", "--r1=1"]
    flags += ["--nojit_compile", "--score_at=1,3", f"--record={record}"]
    done = forked.Python("-c", SEARCH_BY_FEW, *flags).finish()
    assert done.returncode == 0, done.stderr
    first, last = map(json.loads, record.read_text().splitlines())
    changed = "--batch_size=10 --hidden_size=16 --r1=1.0 --jit_compile=False"
    assert first["flags"] == last["flags"] == changed
    assert [(each["epoch"], each["epochs"]) for each in (first, last)] == [(1, 3), (3, 3)]
    assert first["fcd"] > 0
    assert 0 < last["class_error"] < math.inf


class ByBrightness:
    """Reads an image as the digit by which its pixels were multiplied; `wrong` as another."""

    def __init__(self, wrong=-1):
        self._wrong = wrong

    def probabilities(self, images):
        digits = images[:, 0, 0, 0] // 25
        return np.eye(10)[np.where(digits == self._wrong, 0, digits)]


def test_classifiers_are_compared_on_the_same_samples():
    labels = np.arange(10).repeat(50)
    images = np.full((1, 28, 28, 1), 25, np.uint8) * labels[:, None, None, None].astype(np.uint8)
    triples = np.stack(np.unravel_index(np.arange(1000), (10, 10, 10)), -1)
    samples = np.full((1, 28, 28, 1), 25, np.uint8) * triples[:, None, None].astype(np.uint8)
    named = {"right": ByBrightness(), "takes 7 for 0": ByBrightness(7)}
    right, wrong = classifiers.rows(named, samples, images, labels, np.full(1000, 1e-3))
    assert right[:5] == ["right", "1.0000", "1000", "0.0000", "1.0000"]
    # Each channel has nine digits, of which 0 has twice its share.
    kl = 3 * 0.2 * math.log(2)
    assert wrong[:5] == ["takes 7 for 0", "0.9000", "729", f"{kl:.4f}", "0.7290"]
    assert int(right[5]) > int(wrong[5]) > 300


@pytest.mark.parametrize(
    ("network", "parameters"), [(classifiers.lenet, 61_706), (classifiers.perceptron, 669_706)]
)
def test_the_other_classifiers(network, parameters):
    made = network()
    assert made.count_params() == parameters
    labels = np.arange(500) % 10
    images = np.zeros((500, 28, 28, 1), np.uint8)
    images[np.arange(500), labels, 2 * labels] = 255  # a dot whose place is the label
    found = classifiers.Trained(made, images, labels).probabilities(images)
    assert found.shape == (500, 10)
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-5)
    assert (found.argmax(axis=1) == labels).mean() > 0.5


def test_samples_of_another_shape_are_named(tmp_path):
    np.save(tmp_path / "grey.npy", np.zeros((26_000, 2, 2, 1), np.uint8))
    done = forked.Python("-m", "benchmarks.classifiers", f"--samples={tmp_path}/grey.npy").finish()
    assert_one_line_error(done, "grey.npy", "has images (2, 2, 1)", "(28, 28, 3)")
