"""One device, several, several processes: the same run."""

import json

import forked
import numpy as np
import pytest
import tensorflow as tf
from conftest import assert_one_line_error, free_ports, run, tf_config

from tfgan import UserError
from tfgan.cluster import strategies

# Trains epochs of 20 steps through `fit`, and prints each step's logs and where the weights ended.
SCRIPT = """
import json, sys
import keras, numpy as np, tensorflow as tf
from tfgan import TrainConfig
from tfgan.cluster import strategies
from tfgan.run import building
from tfgan.datasets.classes import Classes
from tfgan.datasets.training_set import InMemory
from tfgan.run.run import Run
name, devices, options, floatx = sys.argv[1:]
options = {"epochs": 5} | json.loads(options)
config = TrainConfig(batch_size=12, latent_size=5, hidden_size=16, strategy=name, **options)
size = 20 * config.images_a_step
images = np.random.default_rng(0).integers(0, 256, (size, 4, 4, 1), np.uint8)
labels = np.arange(size) % 7 % 3
classes = Classes.of(("a", "b", "c"), labels)
data = InMemory(images, "", labels, classes) if config.conditional else InMemory(images)
strategies.choose_devices(devices)
cluster = strategies.find_cluster(name)
strategy = strategies.make_strategy(name, config.batch_size, cluster, pack=config.pack)
keras.config.set_floatx(floatx)
keras.config.set_dtype_policy(floatx)
with strategy.scope():
    gan = building.build(config, images.shape[1:], 5, classes=data.classes)
logs = []
class Logs(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, **kwargs):
        logs.extend(gan.step_logs.tolist())
batches = Run(config, None, data, strategy).batches(0)
history = gan.fit(
    batches, epochs=config.epochs, steps_per_epoch=20, verbose=0, callbacks=[Logs()]
).history
weights = gan.generator.weights + gan.discriminator.weights
if gan.ema_generator:
    weights += gan.ema_generator.weights
copies = [strategy.experimental_local_results(weight.value) for weight in weights]
print(json.dumps({
    "description": strategies.describe(strategy),
    "logs": logs,
    "means": [history[name][-1] for name in gan.metrics_names],
    "weights": np.concatenate([weight.numpy().ravel() for weight in weights]).tolist(),
    "copies": [len(copy) for copy in copies],
    "equal": all(np.array_equal(c[0], other) for c in copies for other in c),
    "step": int(gan.step.numpy()),
}))
"""


# Every part of a step that replicas could disagree about; the second with batch normalisation.
OPTIONS = [
    {"d_dropout": 0.3, "d_input_dropout": 0.1, "loss": "relativistic", "r1": 1.0, "r2": 1.0}
    | {"ema": 0.9, "spectral_norm": True, "augment": "color,translation,cutout"},
    {"network": "infogan", "ema": 0.9, "d_dropout": 0.3, "r1": 1.0} | {"updates": "simultaneous"},
    {"conditional": True, "ema": 0.9, "r1": 1.0, "d_dropout": 0.3, "augment": "translation"}
    | {"pack": 3, "d_steps": 2, "gradient_penalty": 1.0},
    {"conditional": True, "network": "infogan", "ema": 0.9},
]


def results(workers: int, *arguments: str) -> list[dict]:
    """What each of so many processes found."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(workers)]
    processes = [
        forked.Python(
            "-c", SCRIPT, *arguments, env=tf_config(addresses, index) if workers > 1 else None
        )
        for index in range(workers)
    ]
    ended = [process.finish() for process in processes]
    for each in ended:
        assert each.returncode == 0, each.stderr[-3000:]
    return [
        json.loads(line)
        for each in ended
        for line in each.stdout.splitlines()
        if line.startswith("{")
    ]


@pytest.fixture(scope="module", params=["float64", pytest.param("float32", marks=pytest.mark.slow)])
def one_device(request):
    """In which precision, and what one device finds."""
    (found,) = results(1, "one_device", "", "{}", request.param)
    return request.param, found


MIRRORED, WORKERS = (1, "mirrored", "CPU:0,CPU:1"), (2, "auto", "")


@pytest.mark.parametrize(
    ("options", "where"),
    [
        pytest.param(OPTIONS[0], MIRRORED, id="mlp", marks=pytest.mark.slow),
        pytest.param(OPTIONS[1], MIRRORED, id="infogan", marks=pytest.mark.slow),
        pytest.param(OPTIONS[2], MIRRORED, id="conditional"),
        pytest.param(OPTIONS[2], WORKERS, id="conditional_workers", marks=pytest.mark.slow),
        pytest.param(OPTIONS[3], MIRRORED, id="conditional_infogan", marks=pytest.mark.slow),
    ],
)
def test_the_same_trajectory_with_options(options, where):
    options |= {"epochs": 2, "jit_compile": False}  # test_gan.py compares XLA with a plain graph
    one, mirrored = (
        results(*place, json.dumps(options), "float64")[0]
        for place in ((1, "one_device", ""), where)
    )
    assert mirrored["equal"], "replicas must be identical to the bit"
    np.testing.assert_allclose(mirrored["logs"], one["logs"], rtol=1e-7, atol=1e-7)
    # Biases before batch normalisation have no gradient but rounding noise, and drift under Adam.
    if options.get("network") != "infogan":
        np.testing.assert_allclose(mirrored["weights"], one["weights"], rtol=1e-7, atol=1e-7)


@pytest.mark.parametrize(
    ("workers", "strategy", "devices", "description"),
    [
        (1, "mirrored", "CPU:0,CPU:1", "2 mirrored CPUs"),
        pytest.param(
            *(1, "mirrored", "CPU:0,CPU:1,CPU:2,CPU:3", "4 mirrored CPUs"), marks=pytest.mark.slow
        ),
        (2, "auto", "", "2 workers with 1 CPU each"),
        pytest.param(
            *(3, "multi_worker", "CPU", "3 workers with 1 CPU each"), marks=pytest.mark.slow
        ),
    ],
)
def test_the_same_trajectory(workers, strategy, devices, description, one_device):
    floatx, one = one_device
    several = results(workers, strategy, devices, "{}", floatx)
    assert len(several) == workers
    for other in several:
        assert other["description"] == description
        assert set(other["copies"]) == {devices.count(",") + 1}
        assert other["equal"], "replicas must be identical to the bit"
        assert other["step"] == one["step"] == len(other["logs"]) == 100
        for what in ("logs", "means", "weights"):
            assert other[what] == several[0][what], "and so must workers"
        if floatx == "float64":
            for what in ("logs", "means", "weights"):
                np.testing.assert_allclose(other[what], one[what], rtol=1e-9, atol=1e-9)
        else:
            np.testing.assert_allclose(other["logs"], one["logs"], rtol=0, atol=1e-3)
        gap = {what: _gap(one[what], other[what]) for what in ("logs", "weights")}
        print(f"{description}, {floatx}: largest difference {gap}")


@pytest.mark.slow  # test_precision.py looks at two mirrored replicas
@pytest.mark.parametrize("where", [MIRRORED, WORKERS], ids=["mirrored", "workers"])
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
def test_mixed_precision_is_the_same_everywhere_but_for_rounding(precision, where):
    options = {"epochs": 2, "r1": 1.0, "ema": 0.9, "d_learning_rate": 0.01}
    (one,) = results(1, "one_device", "", json.dumps(options), "float32")
    several = results(*where, json.dumps(options | {"precision": precision}), "float32")
    for other in several:
        assert other["equal"], "replicas must be identical to the bit"
        assert other["weights"] == several[0]["weights"], "and so must workers"
    moved = np.abs(np.subtract(one["logs"][0], one["logs"][-1])).max()
    assert moved > 0.1
    np.testing.assert_allclose(several[0]["logs"], one["logs"], rtol=0, atol=moved / 4)


def _gap(one: list, other: list) -> float:
    return float(np.abs(np.array(one) - np.array(other)).max())


@pytest.mark.parametrize("network", ["mlp", pytest.param("infogan", marks=pytest.mark.slow)])
def test_mirrored_run_leaves_and_resumes_everything(network, tiny_data_dir, tmp_path):
    flags = [f"--data_dir={tiny_data_dir}", f"--workdir={tmp_path}/run", "--batch_size=10"]
    flags += [
        f"--network={network}",
        "--ema=0.9",
        "--spectral_norm",
        "--d_dropout=0.3",
        "--histograms_every=1",
    ]
    flags += ["--hidden_size=16", "--strategy=mirrored", "--devices=CPU:0,CPU:1"]
    first, second = (run("train", *flags, f"--epochs={epochs}") for epochs in (1, 2))
    assert first.returncode == second.returncode == 0, first.stderr + second.stderr
    assert "on 2 mirrored CPUs" in first.stdout
    assert "Resuming after step 6 of 12" in second.stdout
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"config.json", "metrics.csv", "generator", "samples", "checkpoints"} <= names
    assert (tmp_path / "run" / "samples" / "fake_1.png").exists()


class Three:
    num_replicas_in_sync = 3


def test_uneven_share_names_the_nearest_batch_sizes(monkeypatch):
    monkeypatch.setattr(tf.distribute, "get_strategy", Three)
    with pytest.raises(UserError, match=r"^--batch_size=100: 3 devices .* use 99 or 102$"):
        strategies.make_strategy("one_device", 100)
    with pytest.raises(UserError, match=r"use 3$"):
        strategies.make_strategy("one_device", 2)
    with pytest.raises(UserError, match="evenly in packs of 4; use 96 or 108"):
        strategies.make_strategy("one_device", 100, pack=4)


def test_auto_without_gpus_is_one_device():
    if not tf.config.list_physical_devices("GPU"):
        assert strategies.make_strategy("auto", 7).num_replicas_in_sync == 1


def test_cluster_from_tf_config(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    assert strategies.find_cluster() is None
    with pytest.raises(UserError, match=r"^--strategy=multi_worker: no cluster found; .*launch"):
        strategies.find_cluster("multi_worker")
    jobs = {"worker": ["b:1", "c:2"], "chief": ["a:3"]}
    config = {"cluster": jobs, "task": {"type": "worker", "index": 1}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    assert strategies.find_cluster() == strategies.Cluster(("a:3", "b:1", "c:2"), 2)
    assert strategies.find_cluster("mirrored") is None
    monkeypatch.setenv("TF_CONFIG", "{}")
    assert strategies.find_cluster() is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no json", "must be like"),
        ("[1]", "must be like"),
        ('{"cluster": {"worker": ["a:1"]}}', "must be like"),
        ('{"cluster": {"worker": ["a"]}, "task": {"type": "worker", "index": 0}}', "must be like"),
        ('{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}', "worker 1"),
        (
            '{"cluster": {"worker": ["a:1", "a:1"]}, "task": {"type": "worker", "index": 1}}',
            "twice",
        ),
        ('{"cluster": {"ps": ["a:1"]}, "task": {"type": "ps", "index": 0}}', "jobs ps"),
    ],
)
def test_bad_tf_config_is_told(monkeypatch, text, words):
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UserError, match=f"^TF_CONFIG: .*{words}"):
        strategies.find_cluster()


def test_cluster_from_slurm(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    for name, value in {
        "SLURM_JOB_ID": "2007",
        "SLURM_PROCID": "2",
        "SLURM_STEP_NUM_TASKS": "3",
        "SLURM_STEP_NODELIST": "n[07-08]",
        "SLURM_STEP_TASKS_PER_NODE": "2,1",
    }.items():
        monkeypatch.setenv(name, value)
    workers = ("n07:12224", "n07:12225", "n08:12224")
    assert strategies.find_cluster() == strategies.Cluster(workers, 2)


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        ("TPU", "must be like"),
        ("0", "must be like"),
        ("CPU:0,GPU:0", "of one kind"),
        ("CPU:0,CPU:0", "must name different"),
        ("CPU:1", "from CPU:0"),
        ("GPU:99", "GPUs"),
    ],
)
def test_bad_devices_are_told(devices, words):
    with pytest.raises(UserError, match=f"^--devices={devices}: .*{words}"):
        strategies.choose_devices(devices)


def test_devices_cannot_change_in_a_running_process():
    tf.config.list_logical_devices()
    if not tf.config.list_physical_devices("GPU"):
        strategies.choose_devices("CPU")  # they are those already
    with pytest.raises(UserError, match=r"TensorFlow already runs in this process"):
        strategies.choose_devices("CPU:0,CPU:1")


def test_command_tells_of_a_missing_cluster(tmp_path):
    done = run("train", "--strategy=multi_worker", f"--workdir={tmp_path}/run")
    assert_one_line_error(done, "--strategy=multi_worker: no cluster found")
