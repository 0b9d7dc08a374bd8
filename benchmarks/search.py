"""One trial of a recipe, scored on the validation images: what the shipped recipes were chosen by.

python -m benchmarks.search --score_at=10,20 --beta_1=0.5 --r1=1 ...

takes the flags of `python -m tfgan.train`, trains on `train[:50000]` for the last of these epochs,
and scores 10,000 samples against `train[50000:]`: nothing here has seen a test image. Each score is
a line of `--record`, with the seconds of training until then, scoring and start-up left out.
"""

import dataclasses
import json
import pathlib
import time

import keras
import tensorflow as tf
from absl import app, flags

from tfgan import building, config, imageset
from tfgan.evaluation import classifier, divergence, neighbours, samples, splits
from tfgan.gan import GAN

_SCORE_AT = flags.DEFINE_list("score_at", ["20"], "Epochs after which to score.")
_RECORD = flags.DEFINE_string("record", "docs/search.jsonl", "File to append the scores to.")
_COUNT = 10_000


class Validation:
    """The validation images as the classifier sees them."""

    def __init__(self, recipe: config.TrainConfig):
        images, _ = splits.load(recipe.dataset, "validation", recipe.data_dir, recipe.manual_dir)
        self._judge = classifier.load(recipe.dataset, recipe.data_dir, recipe.manual_dir, print)
        self._features, self._probabilities = self._judge(images)
        self._radii = neighbours.radii(self._features)

    def score(self, gan: GAN) -> dict[str, float]:
        """FCD and the like of the generator that a run would export."""
        features, probabilities = self._judge(samples.from_gan(gan, _COUNT))
        shares = divergence.class_shares(probabilities)
        real_shares = divergence.class_shares(self._probabilities)
        manifolds = neighbours.manifolds(self._features, features, self._radii)
        return {
            "fcd": divergence.frechet_distance(self._features, features),
            **manifolds._asdict(),
            "class_error": divergence.class_error(shares, real_shares),
        }


class Score(keras.callbacks.Callback):
    """Scores after the chosen epochs, and stops the clock meanwhile."""

    def __init__(self, recipe: config.TrainConfig):
        super().__init__()
        self._validation = Validation(recipe)
        self._epochs = {int(epoch) for epoch in _SCORE_AT.value}
        self._flags = " ".join(
            f"--{field.name}={value}"
            for field in dataclasses.fields(recipe)
            if (value := getattr(recipe, field.name)) != field.default
            and field.name not in ("epochs", "split")
        )
        self._seconds = 0.0
        self._since = 0.0

    def on_epoch_begin(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._since = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        self._seconds += time.perf_counter() - self._since
        if epoch + 1 not in self._epochs:
            return
        found = {
            name: round(value, 4) for name, value in self._validation.score(self.model).items()
        }
        line = {"flags": self._flags, "epoch": epoch + 1, "seconds": round(self._seconds), **found}
        print(json.dumps(line), flush=True)
        with pathlib.Path(_RECORD.value).open("a") as record:
            record.write(json.dumps(line) + "\n")


def main(argv: list[str]) -> None:
    """Runs the trial that the flags describe."""
    epochs = max(int(epoch) for epoch in _SCORE_AT.value)
    recipe = dataclasses.replace(config.from_flags(), epochs=epochs, split="train[:50000]")
    data = imageset.open_set(recipe.dataset, recipe.data_dir, recipe.manual_dir, split=recipe.split)
    steps = data.shape[0] // recipe.batch_size
    steps_per_execution = building.steps_per_execution(recipe, data.shape)
    gan = building.build(
        recipe, data.shape[1:], steps_per_execution, steps, imageset.mean_image(data)
    )
    batches = data.batches(recipe.batch_size, recipe.seed)
    gan.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[Score(recipe), keras.callbacks.TerminateOnNaN()],
        verbose=0,
    )


if __name__ == "__main__":
    config.define_flags()
    tf.get_logger().setLevel("ERROR")
    app.run(main)
