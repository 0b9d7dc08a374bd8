"""What it costs to stream a set from its files, beside keeping it in memory.

python -m benchmarks.streaming
"""

import json
import pathlib
import shlex
import sys
import time
from collections.abc import Callable
from typing import Any

from absl import flags

from benchmarks import report
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder


def _seconds(call: Callable[[], Any]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _measure(data: Any, train_function: Callable[[Any], Any], steps: int) -> dict[str, float]:
    """Passes over an epoch, alone and in training, and the way to its first and middle batch."""
    batch_size = flags.FLAGS.batch_size
    iterator = iter(data.batches(batch_size, 1))
    train_function(iterator)

    def train() -> None:
        for _ in range(steps):
            train_function(iterator)

    def read() -> None:
        for _ in data.batches(batch_size, 1).take(steps):
            pass

    def reach(step: int) -> None:
        next(iter(data.batches(batch_size, 1, step)))

    return {
        "images/s, pipeline alone": steps * batch_size / _seconds(read),
        "ms a step, training": 1000 / steps * _seconds(train),
        "ms to an epoch's first batch": 1000 * _seconds(lambda: reach(0)),
        "ms to its middle": 1000 * _seconds(lambda: reach(steps // 2)),
    }


def _prepare() -> Callable[[], None]:
    output = check_folder(flags.FLAGS.output, "--output")
    return lambda: _compare(output)


def _compare(output: pathlib.Path) -> None:
    """Measures both, and writes it into a folder."""
    from tfgan import TrainConfig
    from tfgan.datasets import pipeline, sources, training_set
    from tfgan.datasets.image_set import ImageSet
    from tfgan.run import building

    config = TrainConfig(batch_size=flags.FLAGS.batch_size, hidden_size=flags.FLAGS.hidden_size)
    image_set = ImageSet(flags.FLAGS.dataset, data_dir=flags.FLAGS.data_dir)
    builder = sources.prepare(image_set)
    images, _ = pipeline.load(builder, image_set)
    sets = {
        "in memory": training_set.InMemory(images),
        "streamed": training_set.Streamed(builder, "train", flags.FLAGS.window),
    }
    shape = sets["in memory"].shape
    steps = shape[0] // config.batch_size
    if not steps:
        raise UserError(f"--batch_size={config.batch_size}: {image_set.name} has {shape[0]} images")
    train_function = building.build(config, shape[1:], steps_per_execution=1).make_train_function()
    found: dict[str, dict[str, list[float]]] = {name: {} for name in sets}
    for _ in range(flags.FLAGS.rounds):
        for name, data in sets.items():
            for quantity, value in _measure(data, train_function, steps).items():
                found[name].setdefault(quantity, []).append(value)
    command = shlex.join(["python", "-m", "benchmarks.streaming", *sys.argv[1:]])
    machine = report.machine()
    rows = [
        [quantity, *(_three_digits(found[name][quantity]) for name in found)]
        for quantity in found["streamed"]
    ]
    table = report.table(["", *found], rows)
    text = f"`{command}`, {report.machine_line(machine)} Medians (min–max).\n\n{table}\n"  # noqa: RUF001
    print(f"\n{text}")
    output.mkdir(parents=True, exist_ok=True)
    (output / "streaming.md").write_text(text)
    record = {"command": command, "machine": machine, "results": found}
    (output / "streaming.json").write_text(json.dumps(record, indent=1) + "\n")


def _three_digits(values: list[float]) -> str:
    median, low, high = (report.three_digits(value) for value in report.spread(values))
    return f"{median} ({low}–{high})"  # noqa: RUF001


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_integer("rounds", 5, "Times that both are measured, in turns.", 1)
    flags.DEFINE_string("dataset", "mnist", "Image set, by its TensorFlow Datasets name.")
    flags.DEFINE_string("data_dir", "", "Where prepared sets live; empty: TFDS's own.")
    flags.DEFINE_integer("batch_size", 100, "Images in a batch.", 1)
    flags.DEFINE_integer("hidden_size", 256, "Units in each hidden layer.", 1)
    flags.DEFINE_integer("window", 10_000, "Images that are shuffled together.", 1)
    flags.DEFINE_string("output", "runs/benchmark", "Folder for streaming.{json,md}.")


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare)
