"""Exports a run's generator to other formats, and checks each."""

import pathlib
import shlex
import shutil
from collections.abc import Callable, Sequence

import filelock
import numpy as np
import tensorflow as tf

from tfgan import noise
from tfgan.datasets.classes import MOST_ROWS, ROW
from tfgan.exports import card, formats, saved_model
from tfgan.exports.formats import FORMATS, Format, Inputs, Trained
from tfgan.ground import pictures
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_folder, write_folder
from tfgan.networks import labelled, precision
from tfgan.noise import Stream
from tfgan.run import restoring
from tfgan.run.workdir import Workdir

TOLERANCE = 1e-4
SHOWN = 64
SEED = 1
_SMALL = (1, 7)


def export(
    workdir: str,
    names: Sequence[str],
    which: str = "auto",
    say: Callable[[str], None] = print,
) -> pathlib.Path:
    """Writes a generator of a run, a picture of it and its card into the run's `exports/`.

    The folder there is named after the generator and its step; formats that it has already
    stay. It is replaced as a whole, or stays as it was.

    Args:
        workdir: the run's folder; it may still be training.
        names: of `formats.FORMATS`.
        which: "raw", the weights as trained; "ema", their moving average; "auto", what the run
            exports: the moving average if there is one, the best if it keeps it.
        say: takes each line.

    Returns:
        The folder.

    Raises:
        UserError: if there is no such run or generator, what a format needs is not installed,
            one differs from the generator by more than `TOLERANCE`, or it cannot be written.
    """
    chosen = formats.choose(names)
    check_folder(Workdir(workdir).exports)
    trained = trained_generator(workdir, which, say)
    place = trained.workdir
    path = place.exports / f"{trained.name}-{trained.step:09d}"
    batches = [*(_inputs(trained, count) for count in _SMALL), _shown(trained)]
    with tf.device("CPU"):  # where the runtimes of all formats compute, too
        shares = saved_model.shares_of(trained.generator, trained.data)
        generate = saved_model.endpoint(trained.generator, shares)
        expected = [
            generate(*map(tf.constant, batch.values()))["images"].numpy() for batch in batches
        ]
    for images in expected:
        pictures.check_finite(images, f"--workdir={place.path}: its {trained.name}")

    def fill(folder: pathlib.Path) -> None:
        if path.exists():
            shutil.copytree(path, folder, dirs_exist_ok=True)
        for name in chosen:
            say(_write_checked(name, FORMATS[name], folder, trained, batches, expected))
        shown = pictures.grid(pictures.unit_to_uint8(expected[-1]))
        pictures.save_png(folder / card.PICTURE, shown)
        card.write(folder, trained, say)

    try:
        place.exports.mkdir(exist_ok=True)
        with filelock.FileLock(place.exports / ".lock", timeout=0):
            write_folder(path, fill)
    except filelock.Timeout:
        raise UserError(f"--workdir={place.path}: another process is exporting it") from None
    except OSError as error:
        raise UserError(
            f"--workdir={place.path}: {place.exports} cannot be written: {error.strerror or error}"
        ) from None
    say(f"Wrote {path}: {', '.join(sorted(file.name for file in path.iterdir()))}")
    if "hub" in chosen:
        say(
            "To upload to the Hugging Face Hub: add a licence to its README.md, then (pip "
            f"install -e '.[hub]'; hf auth login)\nhf upload USER/NAME {shlex.quote(str(path))}"
        )
    return path


def _inputs(trained: Trained, count: int) -> Inputs:
    """Those of the first images that the SavedModel's `sample` draws, of any class."""
    size, distribution = labelled.latent_size_of(trained.generator), trained.config["latents"]
    z = noise.latents(0, Stream.SAMPLES, SEED, count, size, distribution=distribution).numpy()
    return {"z": z} | ({"label": np.full(count, -1)} if _classes(trained) else {})


def _shown(trained: Trained) -> Inputs:
    """Those of the picture: 64 images; of a conditional generator, a row of 8 for each class."""
    classes = saved_model.classes_of(trained.generator, trained.data)
    if not classes:
        return _inputs(trained, SHOWN)
    rows = classes.present[:MOST_ROWS]
    z = np.tile(_inputs(trained, ROW)["z"], (len(rows), 1))
    return {"z": z, "label": np.repeat(rows, ROW)}


def _classes(trained: Trained) -> int:
    return labelled.classes_of(trained.generator)


def _with_classes(inputs: Inputs, shares: Sequence[float]) -> Inputs:
    """The same with the classes that the labels -1 stand for."""
    drawn = noise.by_share(noise.unit_of(tf.constant(inputs["z"])), shares).numpy()
    return inputs | {"label": np.where(inputs["label"] == -1, drawn, inputs["label"])}


def _write_checked(
    name: str,
    kind: Format,
    folder: pathlib.Path,
    trained: Trained,
    batches: Sequence[Inputs],
    expected: Sequence[np.ndarray],
) -> str:
    """Writes one format, runs it, and compares; returns a line on it."""
    kind.write(folder / kind.file, trained)
    if kind.run is None:
        return f"{name}: {kind.file}, {(folder / kind.file).stat().st_size / 1e6:,.1f} MB"
    if _classes(trained) and not kind.takes_any:
        shares = saved_model.shares_of(trained.generator, trained.data)
        batches = [_with_classes(batch, shares) for batch in batches]
    found = kind.run(folder / kind.file, batches)
    largest = np.max([_difference(a, b) for a, b in zip(found, expected, strict=True)])
    if not largest <= TOLERANCE:  # which NaN is not, either
        raise UserError(
            f"--format={name}: in {kind.where} its pixels differ from the generator's by up to "
            f"{largest:.1e}, more than {TOLERANCE:.0e}; nothing was written"
        )
    return (
        f"{name}: {kind.file}; largest difference {largest:.1e} in [0, 1], in {kind.where}, over "
        f"batches of {', '.join(str(len(images)) for images in expected)}"
    )


def _difference(found: np.ndarray, expected: np.ndarray) -> float:
    if found.shape != expected.shape:
        return float("inf")
    return float(np.max(np.abs(found - expected)))


def trained_generator(workdir: str, which: str, say: Callable[[str], None]) -> Trained:
    """One of the generators of a run's newest whole checkpoint.

    The checkpoint, and not the exported `generator/`, because it holds a Keras model, both
    generators and checksums, and is there while the run trains.

    Args:
        workdir: the run's folder.
        which: "auto", "ema" or "raw"; see `export`.
        say: takes each line.

    Raises:
        UserError: if there is no run, no checkpoint or no such generator.
    """
    place = Workdir(workdir)
    place.check()
    gan, config, newest, best = restoring.restore(place, say)
    averaged = gan.ema_generator is not None
    if which == "ema" and not averaged:
        raise UserError(
            f"--generator=ema: {place.path} has no moving average of its weights; use "
            "--generator=raw"
        )
    chosen = best if best and best.step and which != "raw" else None
    last = gan.generator if which == "raw" else gan.sampler
    raw = which == "raw" and (averaged or best is not None)
    step = int(newest.name)
    identity = place.existing_run()["environment"].get("data")
    kind = "moving average of those trained" if averaged and not raw else "as trained"
    trained = Trained(
        name="generator_raw" if raw else "generator",
        weights=f"{kind}, {chosen.in_words() if chosen else f'after step {step:,}'}",
        generator=precision.in_float32(chosen.generator if chosen else last),
        step=step,
        workdir=place,
        config=config.to_dict(),
        data=config.image_set.record(identity if isinstance(identity, dict) else None),
    )
    say(f"{newest}: {trained.name}, {trained.generator.count_params():,} parameters")
    return trained
