"""Trains a GAN with a deliberate fault and prints what the doctor finds.

    python -m examples.failures --fault=swapped_labels --epochs=10

Each fault is a flag of `tfgan.train`, or a subclass of `GAN` of about ten lines. docs/failures.md
shows the results.
"""

import pathlib
from collections.abc import Callable
from typing import Any

import tensorflow as tf
from absl import flags
from PIL import Image

from tfgan import GAN, TrainConfig, UserError, doctor, losses, train_and_export
from tfgan.conditional import ConditionalGAN
from tfgan.ground import cli
from tfgan.ground.files import check_file, check_folder, user_path
from tfgan.networks.dropout import Pass


class SwappedLabels(GAN):
    """D's targets are 1 for fakes and 0 for real images; G's target is still 1."""

    def compile(self, *args, **kwargs):
        super().compile(*args, **kwargs)
        self.objective = self.objective._replace(
            discriminator=lambda real, fake: losses.discriminator_loss(fake, real)
        )


class NoStopGradient(GAN):
    """D's step also back-propagates into G, as in PyTorch without `detach`; only D is updated."""

    def discriminator_gradients(self, real, z, turn=0):
        with tf.GradientTape() as tape:
            gradients, logs = super().discriminator_gradients(real, z, turn)
        tape.gradient(logs["D_loss"], self.generator.trainable_variables)  # not used
        return gradients, logs


class OneUpdateForBoth(GAN):
    """D's step also updates G: G helps D in one half of a step and opposes it in the other."""

    def update(self, real, z):
        with tf.GradientTape() as tape:
            fake_logits = self.judge(self.generate(z[0]), Pass.FAKE)
            loss = self.share_of_mean(tf.nn.softplus(fake_logits))  # G's part of D's loss
        variables = self.generator.trainable_variables
        self.g_optimizer.apply(tape.gradient(loss, variables), variables)
        return super().update(real, z)


class SharedLatents(GAN):
    """G's step reuses the latents of D's step."""

    def update(self, real, z):
        return super().update(real, z[:1] * 2)


class FiveStepsOfD(GAN):
    """D is updated five times on each batch, G once."""

    def update(self, real, z):
        for _ in range(4):
            gradients, _ = self.discriminator_gradients(real, z[0])
            self.update_discriminator(gradients)
        return super().update(real, z)


class ShuffledLabels(ConditionalGAN):
    """D gets each real image with the label of another, so labels carry no information."""

    def update(self, real, z):
        images, labels = real
        return super().update((images, tf.reverse(labels, (0,))), z)


class OneImageOfAClass(ConditionalGAN):
    """All real images of class 1 are the same image, a stroke."""

    def update(self, real, z):
        images, labels = real
        stroke = tf.pad(tf.ones((1, 20, 4, 1)), ((0, 0), (4, 4), (12, 12), (0, 0))) * 2 - 1
        is_one = tf.reshape(labels == 1, (-1, 1, 1, 1))
        return super().update((tf.where(is_one, stroke, images), labels), z)


# Small networks that learn classes within 20 epochs.
TOLD: dict[str, Any] = {
    "conditional": True,
    "hidden_size": 64,
    "r1": 1.0,
    "d_learning_rate": 0.002,
    "g_learning_rate": 0.002,
    "lr_schedule": "cosine",
    "beta_1": 0.5,
}
# The model's class, and the flags that differ from the tutorial's.
FAULTS: dict[str, tuple[type[GAN], dict[str, Any]]] = {
    "none": (GAN, {}),
    "swapped_labels": (SwappedLabels, {}),
    "saturating_loss": (GAN, {"loss": "minimax"}),
    "no_stop_gradient": (NoStopGradient, {}),
    "one_update_for_both": (OneUpdateForBoth, {}),
    "strong_discriminator": (GAN, {"d_learning_rate": 0.002, "g_learning_rate": 0.00002}),
    "five_steps_of_d": (FiveStepsOfD, {}),
    "d_learning_rate_x100": (GAN, {"d_learning_rate": 0.02}),
    "g_learning_rate_x100": (GAN, {"g_learning_rate": 0.02}),
    "shared_latents": (SharedLatents, {}),
    "none_conditional": (ConditionalGAN, TOLD),
    "shuffled_labels": (ShuffledLabels, TOLD),
    "one_image_of_a_class": (OneImageOfAClass, TOLD),
}
_ROWS = 2 + 4 * 30  # pixels of four rows of a picture


def fail(fault: str, epochs: int, workdir: str, seed: int = 777, picture: str = "") -> None:
    """Trains with a fault and prints the doctor's findings."""
    gan_class, options = FAULTS[fault]
    config = TrainConfig(epochs=epochs, workdir=workdir, seed=seed, monitor_every=epochs, **options)
    try:
        train_and_export(config, overwrite=True, gan_class=gan_class)
    except UserError as error:
        print(error)
    findings = doctor.diagnose(workdir)
    print("\n".join(map(str, findings)) or "The doctor finds nothing.")
    if picture:
        samples = pathlib.Path(workdir) / "samples"
        with Image.open(samples / f"fixed_{epochs - 1}.png") as image:
            shown = image.crop((0, 0, image.width, _ROWS))
            shown.save(user_path(picture, "--picture"), optimize=True)


def _prepare() -> Callable[[], None]:
    values = flags.FLAGS.flag_values_dict()
    names = ("fault", "epochs", "workdir", "seed", "picture")
    fault, epochs, workdir, seed, picture = (values[name] for name in names)
    workdir = workdir or f"runs/failures/{fault}"
    check_folder(workdir, "--workdir")
    if picture:
        if not picture.lower().endswith(".png"):
            raise UserError(f"--picture={picture}: must end in .png")
        check_file(picture, "--picture")
    return lambda: fail(fault, epochs, workdir, seed, picture)


if __name__ == "__main__":
    flags.DEFINE_enum("fault", "none", list(FAULTS), "Fault to train with.")
    flags.DEFINE_integer("epochs", 10, "Passes over the training set.")
    flags.DEFINE_string("workdir", "", "Folder of the run. Empty: runs/failures/FAULT.")
    flags.DEFINE_integer("seed", 777, "Seed of every random number.")
    flags.DEFINE_string("picture", "", "PNG to write: images of the first 32 fixed latents.")
    cli.run(_prepare)
