"""The formats of an exported generator: how each is written, and how it is run again.

Nothing heavy is imported before it is used, so that a command can check names quickly.
"""

import dataclasses
import importlib
import importlib.util
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import temporary_folder, without_patterns

if TYPE_CHECKING:
    import keras

    from tfgan.run.workdir import Workdir


@dataclasses.dataclass(frozen=True)
class Trained:
    """A generator of a run.

    Attributes:
        name: "generator", what the run exports as that; or "generator_raw", the last weights as
            trained, where that is their moving average or the best of the run.
        weights: which these are, and after which step, in words.
        generator: model from latents `(batch, latent_size)`, and labels if it is conditional, to
            images in [-1, 1].
        step: the run's training step.
        workdir: the run's folder.
        config: every option of the run, by name.
        data: what the run was trained on, if that is known; see `ImageSet.record`.
    """

    name: str
    weights: str
    generator: "keras.Model"
    step: int
    workdir: "Workdir"
    config: dict[str, Any]
    data: dict[str, Any] | None = None


Inputs = dict[str, np.ndarray]  # z, float32 (batch, latent_size), and label, int64 (batch,)
Write = Callable[[pathlib.Path, Trained], None]
Run = Callable[[pathlib.Path, Sequence[Inputs]], list[np.ndarray]]


@dataclasses.dataclass(frozen=True)
class Format:
    """One way to hand a generator on.

    Attributes:
        file: its name in the folder of exports.
        what: a phrase on what it is good for.
        write: writes a generator to a path.
        run: runs what was written on batches of inputs, by the runtime that its users have; gives
            images in [0, 1]. None: it is no program.
        where: a phrase on that runtime.
        needs: modules of the `[export]` extra.
        loading: lines of Python that draw 16 `images`; `{latent_size}` is filled in.
        loading_told: the same of a conditional generator; all are of class 1.
        takes_any: whether a label may be -1, a class by the classes' shares.
        brings: the formats that are written before it.
    """

    file: str
    what: str
    write: Write
    run: Run | None
    where: str
    needs: tuple[str, ...] = ()
    loading: str = ""
    loading_told: str = ""
    takes_any: bool = True
    brings: tuple[str, ...] = ()


def choose(names: Sequence[str]) -> list[str]:
    """Checks names of formats; each counts once, and so does each that it brings.

    Raises:
        UserError: if there is none, one is unknown, or what it needs is not installed.
    """
    chosen = list(dict.fromkeys(name.strip() for name in names))
    flag = f"--format={','.join(names)}"
    unknown = [name for name in chosen if name not in FORMATS]
    if unknown or not chosen:
        raise UserError(
            f"{flag}: {f'{unknown[0]!r} is not a format' if unknown else 'is empty'}; use one or "
            f"more of {','.join(FORMATS)}"
        )
    chosen = list(dict.fromkeys(each for name in chosen for each in (*FORMATS[name].brings, name)))
    for name in chosen:
        missing = [each for each in FORMATS[name].needs if not importlib.util.find_spec(each)]
        if missing:
            raise UserError(
                f"{flag}: {name} needs {' and '.join(missing)}: pip install -e '.[export]'"
            )
    return chosen


def _write_saved_model(path: pathlib.Path, trained: Trained) -> None:
    from tfgan.exports import saved_model

    latents = trained.config["latents"]
    saved_model.save_generator(path, trained.generator, trained.step, latents, trained.data)


# TensorFlow imports Keras where it can: None forbids it.
_FRESH = """
import sys
sys.modules.update(keras=None, tfgan=None)
import numpy as np
import tensorflow as tf

generate = tf.saved_model.load(sys.argv[1]).signatures["generate"]
names = generate.structured_input_signature[1]
with np.load(sys.argv[2]) as given:
    batches = [
        {name: tf.constant(given[f"{name} {index}"]) for name in names}
        for index in range(len(given) // len(names))
    ]
np.savez(sys.argv[3], *[generate(**batch)["images"].numpy() for batch in batches])
"""


def _run_saved_model(path: pathlib.Path, batches: Sequence[Inputs]) -> list[np.ndarray]:
    """In a fresh process that knows neither tfgan nor Keras, on the CPU: this one has the GPU."""
    with tempfile.TemporaryDirectory() as folder:
        inputs, images = (os.path.join(folder, name) for name in ("inputs.npz", "images.npz"))
        given: dict[str, Any] = {
            f"{name} {index}": values
            for index, batch in enumerate(batches)
            for name, values in batch.items()
        }
        np.savez(inputs, **given)
        with without_patterns(path) as plain:
            done = subprocess.run(
                [sys.executable, "-c", _FRESH, str(plain.absolute()), inputs, images],
                env=os.environ | {"CUDA_VISIBLE_DEVICES": "-1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                cwd=folder,
            )
        if done.returncode:
            last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
            raise UserError(f"--format=savedmodel: a fresh process cannot run it: {last}")
        with np.load(images) as loaded:
            return [loaded[f"arr_{index}"] for index in range(len(batches))]


def _write_keras(path: pathlib.Path, trained: Trained) -> None:
    trained.generator.save(path)


def _run_keras(path: pathlib.Path, batches: Sequence[Inputs]) -> list[np.ndarray]:
    import keras
    import tensorflow as tf

    from tfgan.exports import saved_model

    generator = keras.saving.load_model(path)
    generate = saved_model.endpoint(generator, saved_model.shares_of(generator, None))
    with tf.device("CPU"):
        return [generate(*map(tf.constant, batch.values()))["images"].numpy() for batch in batches]


def _write_onnx(path: pathlib.Path, trained: Trained) -> None:
    import tensorflow as tf
    import tf2onnx

    from tfgan.exports import saved_model

    shares = saved_model.shares_of(trained.generator, trained.data)
    generate = tf.function(saved_model.endpoint(trained.generator, shares))
    spec = saved_model.inputs_spec(trained.generator)
    with cli.native_stderr_held_back():
        model, _ = tf2onnx.convert.from_function(generate, input_signature=spec)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "batch"
    path.write_bytes(model.SerializeToString())


def _run_onnx(path: pathlib.Path, batches: Sequence[Inputs]) -> list[np.ndarray]:
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return [session.run(["images"], batch)[0] for batch in batches]


def _write_litert(path: pathlib.Path, trained: Trained) -> None:
    import tensorflow as tf

    with temporary_folder() as folder, cli.native_stderr_held_back():
        # From a concrete function, weights may stay variables that nothing initialises.
        beside = folder / "generator"
        _write_saved_model(beside, trained)
        converter = tf.lite.TFLiteConverter.from_saved_model(
            str(beside), signature_keys=["generate"]
        )
        path.write_bytes(converter.convert())


def _run_litert(path: pathlib.Path, batches: Sequence[Inputs]) -> list[np.ndarray]:
    from ai_edge_litert.interpreter import Interpreter

    with cli.native_stderr_held_back():
        generate = Interpreter(str(path)).get_signature_runner()
        return [generate(**batch)["images"] for batch in batches]


def _write_html(path: pathlib.Path, trained: Trained) -> None:
    from tfgan.exports import page

    page.write_page(path, trained.generator, trained.workdir, trained.data)


_KERAS = """\
import keras
generator = keras.saving.load_model("{path}")
z = keras.random.normal((16, {{latent_size}}))
images = keras.ops.convert_to_numpy((generator(z) + 1) / 2)
"""
_KERAS_TOLD = """\
import keras
generator = keras.saving.load_model("{path}")
z, label = keras.random.normal((16, {{latent_size}})), keras.ops.full((16,), 1, "int64")
images = keras.ops.convert_to_numpy((generator((z, label)) + 1) / 2)
"""


def _write_hub(path: pathlib.Path, trained: Trained) -> None:
    with zipfile.ZipFile(path.with_name(FORMATS["keras"].file)) as beside:
        beside.extractall(path.parent)


def _run_hub(path: pathlib.Path, batches: Sequence[Inputs]) -> list[np.ndarray]:
    return _run_keras(path.parent, batches)  # as Keras does with what it fetched from the Hub


FORMATS = {
    "savedmodel": Format(
        file="savedmodel",
        what="TensorFlow, TensorFlow Serving",
        write=_write_saved_model,
        run=_run_saved_model,
        where="a fresh process without tfgan",
        loading="""\
import tensorflow as tf
generate = tf.saved_model.load("savedmodel").signatures["generate"]
images = generate(z=tf.random.normal((16, {latent_size})))["images"].numpy()
""",
        loading_told="""\
import tensorflow as tf
generate = tf.saved_model.load("savedmodel").signatures["generate"]
label = tf.fill([16], tf.constant(1, tf.int64))
images = generate(z=tf.random.normal((16, {latent_size})), label=label)["images"].numpy()
""",
    ),
    "keras": Format(
        file="generator.keras",
        what="Keras; can be trained further; its output is in [-1, 1]",
        write=_write_keras,
        run=_run_keras,
        where="Keras",
        loading=_KERAS.format(path="generator.keras"),
        loading_told=_KERAS_TOLD.format(path="generator.keras"),
        takes_any=False,
    ),
    "onnx": Format(
        file="generator.onnx",
        what="ONNX Runtime and other programs that read ONNX",
        write=_write_onnx,
        run=_run_onnx,
        where="onnxruntime",
        needs=("tf2onnx", "onnxruntime"),
        loading="""\
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("generator.onnx")
z = np.random.default_rng().normal(size=(16, {latent_size})).astype("float32")
(images,) = session.run(["images"], {{"z": z}})
""",
        loading_told="""\
import numpy as np, onnxruntime
session = onnxruntime.InferenceSession("generator.onnx")
z = np.random.default_rng().normal(size=(16, {latent_size})).astype("float32")
(images,) = session.run(["images"], {{"z": z, "label": np.full(16, 1, "int64")}})
""",
    ),
    "litert": Format(
        file="generator.tflite",
        what="LiteRT (TensorFlow Lite): phones, small devices",
        write=_write_litert,
        run=_run_litert,
        where="ai-edge-litert",
        needs=("ai_edge_litert",),
        loading="""\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
generate = Interpreter("generator.tflite").get_signature_runner()
z = np.random.default_rng().normal(size=(16, {latent_size})).astype("float32")
images = generate(z=z)["images"]
""",
        loading_told="""\
import numpy as np
from ai_edge_litert.interpreter import Interpreter
generate = Interpreter("generator.tflite").get_signature_runner()
z = np.random.default_rng().normal(size=(16, {latent_size})).astype("float32")
images = generate(z=z, label=np.full(16, 1, "int64"))["images"]
""",
    ),
    "html": Format(
        file="generator.html",
        what="one page that runs the generator in a browser, offline",
        write=_write_html,
        run=None,
        where="a browser",
    ),
    "hub": Format(
        file="config.json",
        what="with `metadata.json` and `model.weights.h5`, Keras' model as the Hugging Face Hub "
        'keeps it; in place of "." it loads as "hf://USER/NAME" from there',
        write=_write_hub,
        run=_run_hub,
        where="Keras",
        loading=_KERAS.format(path="."),
        loading_told=_KERAS_TOLD.format(path="."),
        takes_any=False,
        brings=("savedmodel", "keras"),
    ),
}
