"""Both forms of G's objective: their curves, and their gradients early in training."""

import csv
import dataclasses
import io
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfgan import losses
from tfgan.datasets.training_set import open_set
from tfgan.ground.console import say
from tfgan.ground.errors import UserError
from tfgan.ground.files import check_file, write_file
from tfgan.noise import Stream
from tfgan.run import building
from tfgan.run.config import TrainConfig
from tfgan.theory import figures

FORMS = {"minimax": figures.BEST, "non_saturating": figures.D}
_FORMULAS = {"minimax": r"$\log(1 - D)$, minimised", "non_saturating": r"$\log D$, maximised"}
_SIGNS = {"minimax": 1, "non_saturating": -1}  # of the formula in what is minimised
_EVERY = 10  # steps between two measurements, if they divide those of an epoch


@dataclasses.dataclass(frozen=True, eq=False)
class Measured:
    """G's gradient through a training run.

    Attributes:
        steps: `(looks,)`, steps done.
        norms: `(looks,)`, Euclidean length of G's gradient, all weights together.
        probabilities: `(looks,)`, the mean D(G(z)) there.
    """

    steps: np.ndarray
    norms: np.ndarray
    probabilities: np.ndarray


class GradientNorm(keras.callbacks.Callback):
    """Measures G's gradient after each call into TensorFlow, on latents of its own.

    Args:
        batch_size: how many latents.

    Attributes:
        rows: (step, norm, mean D(G(z))) of each look.
    """

    def __init__(self, batch_size: int):
        super().__init__()
        self._batch_size = batch_size
        self.rows: list[tuple[int, float, float]] = []

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        step = self.model.step.value
        norm, probability = self._measure(step)
        self.rows.append((int(step), float(norm), float(probability)))

    @tf.function(autograph=False)
    def _measure(self, step: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gan = self.model
        z = gan.global_latents(Stream.SAMPLES, step, self._batch_size)
        # Neither form looks at real images.
        real = tf.zeros((self._batch_size, *gan.discriminator.input_shape[1:]))
        gradients, logs = gan.generator_gradients(real, z)
        return tf.linalg.global_norm(gradients), logs["D(G(z))"]


def measure(config: TrainConfig) -> Measured:
    """Trains by a configuration, in memory alone, and measures G's gradient as it goes.

    Raises:
        UserError: if the set cannot be had.
    """
    data = open_set(config.image_set, config.cache_limit_mb, say)
    steps = data.shape[0] // config.batch_size
    if not steps:
        raise UserError(f"--batch_size={config.batch_size}: {config.dataset} has fewer images")
    every = building.largest_divisor(steps, _EVERY)
    gan = building.build(config, data.shape[1:], every)
    norms = GradientNorm(config.batch_size)
    gan.fit(
        data.batches(config.batch_size, config.seed),
        epochs=config.epochs,
        steps_per_epoch=steps,
        shuffle=False,
        callbacks=[norms],
        verbose=0,
    )
    return Measured(*(np.array(column) for column in zip(*norms.rows, strict=True)))


def compare(config: TrainConfig, output: str) -> dict[str, Measured]:
    """Measures both forms and draws them: the curves, their gradients, and G's gradient.

    Args:
        config: what to train on, and how long; its objective is set to each form in turn.
        output: the PNG to write; the figures go beside it, as .csv.

    Returns:
        What was measured, by name of the form.

    Raises:
        UserError: if the set cannot be had, matplotlib is missing or the file not written.
    """
    figures.require_matplotlib()
    path = check_file(output, "--output")
    measured = {}
    for form in FORMS:
        say(f"Training with {form} on {config.dataset}, epochs: {config.epochs}")
        measured[form] = measure(dataclasses.replace(config, loss=form))
    try:
        figures.save(path, _draw(measured))
        write_file(path.with_suffix(".csv"), _table(measured))
    except OSError as error:
        raise UserError(f"--output={output}: {error.strerror}") from None
    return measured


def curves(d: np.ndarray) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Each form at D(G(z)) = d in (0, 1), and its derivative by D's logit.

    The derivative is that by the logit, which D computes: it is what G gets. That of
    log(1 - D) is -D, that of -log D is -(1 - D).
    """
    logits = tf.constant(np.log(d) - np.log1p(-d))
    drawn = {}
    for form in FORMS:
        with tf.GradientTape() as tape:
            tape.watch(logits)
            values = losses.get(form).generator(logits, None)
        drawn[form] = (values.numpy(), tape.gradient(values, logits).numpy())
    return drawn


def _draw(measured: dict[str, Measured]) -> Any:
    import matplotlib

    d = np.linspace(0.002, 0.998, 499)
    with matplotlib.rc_context(figures.STYLE):
        figure = figures.new(11, 3.8)
        loss, slope, norm = figure.subplots(1, 3, width_ratios=[1, 1, 1.5])
        for form, (values, slopes) in curves(d).items():
            rows = measured[form]
            loss.plot(d, _SIGNS[form] * values, color=FORMS[form], label=_FORMULAS[form])
            slope.plot(d, np.abs(slopes), color=FORMS[form])
            norm.plot(rows.steps, rows.norms, lw=1, color=FORMS[form], label=form)
        loss.set(xlabel="D(G(z))", xlim=(0, 1), ylim=(-6, 0.1))
        loss.set_title("G's objective, in nats", loc="left")
        loss.legend(loc="lower center")
        slope.set(xlabel="D(G(z))", xlim=(0, 1), ylim=(0, 1.02))
        slope.set_title("size of its gradient with respect to D's logit", loc="left")
        slope.annotate(
            "early in training, D\nrejects every fake: here",
            (0.02, 0.03),
            (0.2, 0.3),
            fontsize=8,
            color="0.3",
            arrowprops={"arrowstyle": "->", "color": "0.5"},
        )
        norm.set(xlabel="step", yscale="log", xlim=(0, max(rows.steps)))
        norm.set_title("norm of G's gradient during training", loc="left")
        norm.legend(loc="best")
    return figure


def _table(measured: dict[str, Measured]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["loss", "step", "gradient_norm", "D(G(z))"])
    for form, rows in measured.items():
        for row in zip(rows.steps, rows.norms, rows.probabilities, strict=True):
            writer.writerow([form, *row])
    return text.getvalue().encode()
