"""What an interrupted run must share with an unbroken one, bit for bit."""

import hashlib
import pathlib
import re

import tensorflow as tf


def tree(folder: pathlib.Path) -> dict[str, str]:
    """SHA-256 of each file below a folder."""
    return {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def events(folder: pathlib.Path) -> list[tuple[str, int, str]]:
    """Each value in the event files: tag, step and SHA-256; sorted, so that doubles show."""
    found = []
    for file in folder.glob("events.out.tfevents.*"):
        for record in tf.data.TFRecordDataset(str(file)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            for value in event.summary.value:
                if not value.tag.startswith(("_hparams_", "flags")):  # they hold times and paths
                    content = value.tensor.SerializeToString(deterministic=True)
                    found.append((value.tag, event.step, hashlib.sha256(content).hexdigest()))
    return sorted(found)


def outcome(workdir: pathlib.Path) -> dict[str, object]:
    """Pictures, metrics, events, and the newest checkpoint: weights, slots, step and means.

    Which older checkpoints are there depends on when a run was stopped, so they do not count.
    """
    files = tree(workdir)
    newest = max(name.split("/")[1] for name in files if name.startswith("checkpoints/0"))
    files_kept = ("metrics.csv", "monitors.jsonl", "report.html")
    kept = ("samples/", *files_kept, f"checkpoints/{newest}/")
    found: dict[str, object] = {
        name: value for name, value in files.items() if name.startswith(kept)
    }
    return found | {
        "events": events(workdir / "tensorboard"),
        "generator": exported_weights(workdir / "generator"),
    }


def exported_weights(saved_model: pathlib.Path) -> dict[str, str]:
    """SHA-256 of each weight. The file as a whole has Keras' bookkeeping, in no fixed order."""
    reader = tf.train.load_checkpoint(str(saved_model / "variables" / "variables"))
    return {
        name: hashlib.sha256(reader.get_tensor(name).tobytes()).hexdigest()
        for name in reader.get_variable_to_shape_map()
        if name.startswith("variables/")
    }


def log_lines(output: str) -> dict[tuple[int, int], str]:
    """The tutorial's log lines by epoch and step; a step that was done again counts once."""
    pattern = re.compile(r"^Epoch: \[(\d+)/\d+\], Step: \[(\d+)/\d+\], .*$", re.MULTILINE)
    return {(int(m[1]), int(m[2])): m[0] for m in pattern.finditer(output)}
