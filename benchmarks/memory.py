"""What each further training leaves in the memory of one process.

python -m benchmarks.memory tfgan        # tfgan.train_and_export; --nojit_compile without XLA
python -m benchmarks.memory keras        # a Keras model of the same layers, built and fitted anew

Sixty random images, two epochs: what grows is what is left behind. The first two trainings load
what all need, and do not count.
"""

import gc
import pathlib
import statistics
import tempfile

import numpy as np
import psutil
from absl import app, flags

TRAININGS, WARM = 8, 2


def _tfgan(images: np.ndarray, folder: pathlib.Path) -> None:
    from tfgan import TrainConfig, train_and_export
    from tfgan.datasets import training_set

    training_set.open_set = lambda *args: training_set.InMemory(images)
    config = TrainConfig(
        workdir=str(folder / "run"),
        epochs=2,
        batch_size=15,
        jit_compile=flags.FLAGS.jit_compile,
    )
    train_and_export(config, overwrite=True)


def _keras(images: np.ndarray, folder: pathlib.Path) -> None:
    import keras

    from tfgan import networks

    model = keras.Sequential([networks.mlp_discriminator(), networks.mlp_generator(1)])
    model.compile("adam", "mse", jit_compile=flags.FLAGS.jit_compile)
    x = images / np.float32(255)
    model.fit(x, x, batch_size=15, epochs=2, verbose=0)
    model.export(folder / "model", verbose=False)


def main(argv: list[str]) -> None:
    """Prints the resident memory after each training, and the median of the differences."""
    train = {"tfgan": _tfgan, "keras": _keras}[argv[1]]
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28, 1), np.uint8)
    mb = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(TRAININGS):
            train(images, pathlib.Path(folder))
            gc.collect()
            mb.append(psutil.Process().memory_info().rss / 1e6)
            print(f"{mb[-1]:.0f} MB", flush=True)
    grown = [after - before for before, after in zip(mb[WARM - 1 :], mb[WARM:], strict=False)]
    print(f"{argv[1]}: {statistics.median(grown):.1f} MB more a training")


def define_flags() -> None:
    """Defines the flags of the command."""
    flags.DEFINE_boolean("jit_compile", True, "Whether XLA compiles.")


if __name__ == "__main__":
    define_flags()
    app.run(main)
