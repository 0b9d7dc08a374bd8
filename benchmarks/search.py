"""One trial of a recipe, scored on the validation images: what the shipped recipes were chosen by.

python -m benchmarks.search --score_at=10,20 --beta_1=0.5 --r1=1 ...

takes the flags of a recipe, such as a flagfile's, trains on `train[:50000]` for the last of these
epochs, and scores 10,000 samples against `train[50000:]`: no recipe is chosen by a test image. Each
score is a line of `--record`. Flags that say where a run lives or works change nothing here.
`--drawn_labels` gives the fakes of a conditional GAN classes of their own.
"""

import dataclasses
import json
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from absl import flags

from tfgan.conditional import ConditionalGAN
from tfgan.datasets import sources, training_set
from tfgan.evaluation import by_class, samples, splits
from tfgan.evaluation.by_class import Labelled
from tfgan.evaluation.protocol import SET_SIZE, Reference, score
from tfgan.ground import cli
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file, user_path
from tfgan.run import building, config

_SHOWN = ("fcd", "precision", "recall", "density", "coverage", "class_error")


class DrawnLabels(ConditionalGAN):
    """The fakes' classes are drawn by their shares, and not those of the step's real images."""

    def matched(self, z: Any, real: Any) -> Any:
        return z


class Score(keras.callbacks.Callback):
    """Scores after the chosen epochs."""

    def __init__(self, recipe: config.TrainConfig):
        super().__init__()
        self._reference = Reference.load(recipe.image_set, part="validation")
        self._of = recipe.epochs
        self._epochs = {int(epoch) for epoch in flags.FLAGS.score_at}
        self._flags = " ".join(
            f"--{field.name}={value}"
            for field in dataclasses.fields(recipe)
            if (value := getattr(recipe, field.name)) != field.default
            and not (field.metadata["free"] or field.name == "split")
        )
        self._flags += " --drawn_labels" * flags.FLAGS.drawn_labels

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        if not np.isfinite(list((logs or {}).values())).all():
            raise UserError(f"{self._flags}: diverged in epoch {epoch + 1}; lower its rates")
        if epoch + 1 not in self._epochs:
            return
        drawn = samples.from_gan(self.model, SET_SIZE)
        seen = self._reference.classifier(drawn)
        found = score(drawn, seen, self._reference)
        line = {"flags": self._flags, "epoch": epoch + 1, "epochs": self._of}
        line |= {name: round(found[name], 4) for name in _SHOWN}
        if isinstance(self.model, ConditionalGAN):
            labels = samples.labels(SET_SIZE, self.model.shares)
            told = Labelled(labels, *seen)
            line["label_accuracy"] = round(told.accuracy, 4)
            reference = self._reference
            real = Labelled(reference.labels, reference.features, reference.probabilities)
            _, rows, _ = by_class.compared([told], real, real)
            recalls = [row["recall"]["mean"] or 0 for row in rows]
            line["class_recall"] = round(min(recalls), 4)  # of the class with the least
        print(json.dumps(line), flush=True)
        with user_path(flags.FLAGS.record, "--record").open("a") as record:
            record.write(json.dumps(line) + "\n")


def _prepare() -> Callable[[], None]:
    epochs = max(int(epoch) for epoch in flags.FLAGS.score_at)
    recipe = config.from_flags()
    if flags.FLAGS["epochs"].present and recipe.epochs != epochs:
        raise UserError(f"--epochs={recipe.epochs}: a trial ends with the last of --score_at")
    if flags.FLAGS.drawn_labels and not recipe.conditional:
        raise UserError("--drawn_labels=true: does nothing without --conditional")
    check_file(flags.FLAGS.record, "--record")
    return lambda: trial(recipe, epochs)


def trial(recipe: config.TrainConfig, epochs: int) -> None:
    """Trains and scores by a recipe."""
    builder = sources.prepare(recipe.image_set)
    sizes = {split: info.num_examples for split, info in builder.info.splits.items()}
    recipe = dataclasses.replace(recipe, epochs=epochs, split=splits.name("fit", sizes))
    data = training_set.open_set(recipe.image_set, labelled=recipe.conditional)
    steps = data.shape[0] // recipe.images_a_step
    if not steps:
        raise UserError(f"--batch_size={recipe.batch_size}: the trial has {data.shape[0]} images")
    steps_per_execution = building.steps_per_execution(recipe, data.shape)
    gan = building.build(
        recipe,
        data.shape[1:],
        steps_per_execution,
        steps,
        training_set.mean_image(data),
        data.classes,
        DrawnLabels if flags.FLAGS.drawn_labels else None,
    )
    batches = data.batches(recipe.images_a_step, recipe.seed)
    gan.fit(
        batches,
        epochs=epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[Score(recipe)],
        verbose=0,
    )


def define_flags() -> None:
    """Defines the flags of the command."""
    config.define_flags()
    flags.DEFINE_list("score_at", ["20"], "Epochs after which to score.")
    flags.DEFINE_boolean("drawn_labels", False, "Draw the classes of a conditional GAN's fakes.")
    flags.DEFINE_string("record", "docs/search.jsonl", "File to append the scores to.")
    flags.register_validator(
        "score_at",
        lambda epochs: epochs and all(epoch.isdigit() and int(epoch) for epoch in epochs),
        "must be whole numbers from 1 up, such as 5,10",
    )


if __name__ == "__main__":
    define_flags()
    cli.run(_prepare)
