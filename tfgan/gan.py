"""`GAN`: two networks, two objectives, two optimizers, and the step that alternates them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfgan import augmentation, contract, losses, optimizers, penalties
from tfgan import ema as moving_average
from tfgan.cluster import gpus
from tfgan.loop import Latents, Logs, TrainingLoop
from tfgan.networks import packing, precision, spectral, strided
from tfgan.networks.dropout import Pass, forward_pass
from tfgan.noise import Stream

Gradients = list[tf.Tensor]
FIXED_LATENTS = 64


@keras.saving.register_keras_serializable("tfgan")
class GAN(TrainingLoop):
    """A generative adversarial network that trains with `fit`.

    Args:
        generator: built model from latents `(batch, latent_size)` to images in [-1, 1].
        discriminator: built model from such images to logits `(batch, 1)`.
        latent_size: length of z.
        seed: of all latents; see `tfgan.noise`.
        ema: decay of the generator's moving average, in (0, 1); 0 for no average.
        distribution: of the latents; see `tfgan.noise.latents`.

    Example:
        >>> gan = tfgan.GAN(generator, discriminator, latent_size=64)
        >>> gan.compile(d_optimizer=tfgan.Adam(2e-4), g_optimizer=tfgan.Adam(2e-4))
        >>> gan.fit(dataset, epochs=20)  # batches of images in [-1, 1]

    Under several replicas, with several steps of D, or if D judges packs of images, all batches
    must have the same size (`drop_remainder=True`), and it must be divisible by each number.

    `fit` reports the means over each epoch of
        D_loss: the discriminator's objective, without penalties; by default
            -log D(x) - log(1 - D(G(z))), in nats;
        G_loss: the generator's objective, by default -log D(G(z)), in nats;
        D(x): D's probability that real images are real, before D's update;
        D(G(z)): D's probability that fakes are real, after D's update and before G's (with
            simultaneous updates: before both).
    `tfgan.losses` says what is logged as D(x) for other objectives.

    Attributes:
        ema_generator: the moving average of the generator; None without `ema`.
        objective: the `tfgan.losses.Objective` that both networks minimise.

    `TrainingLoop` has the other attributes: `step`, `step_logs`, `streams`.

    Reference:
        Goodfellow et al., Generative Adversarial Networks, NIPS 2014, algorithm 1.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        latent_size: int,
        seed: int = 777,
        ema: float = 0.0,
        distribution: str = "normal",
        **kwargs: Any,
    ):
        quantities = ("D_loss", "G_loss", "D(x)", "D(G(z))")
        super().__init__(quantities, latent_size, seed, distribution, **kwargs)
        self.generator = generator
        self.discriminator = discriminator
        self.ema = ema
        self.ema_generator = moving_average.clone(generator) if ema else None

    def compile(
        self,
        d_optimizer: keras.optimizers.Optimizer | str,
        g_optimizer: keras.optimizers.Optimizer | str,
        loss: str = "non_saturating",
        label_smoothing: float = 0.0,
        r1: float = 0.0,
        r2: float = 0.0,
        gradient_penalty: float = 0.0,
        d_steps: int = 1,
        simultaneous: bool = False,
        augment: str = "",
        jit_compile: bool = True,
        steps_per_execution: int = 1,
        run_eagerly: bool = False,
    ) -> None:
        """Configures training.

        Args:
            d_optimizer: the discriminator's optimizer.
            g_optimizer: the generator's, which is also `gan.optimizer` for Keras' callbacks.
            loss: name of the objective, one of `tfgan.losses.OBJECTIVES`.
            label_smoothing: subtracted from the label 1 of real images, in [0, 1).
            r1: weight of the gradient penalty at real images; see `tfgan.penalties`.
            r2: weight of the gradient penalty at fakes.
            gradient_penalty: weight of WGAN-GP's penalty, between real images and fakes.
            d_steps: updates of D before each update of G, algorithm 1's k. They share each batch
                that `fit` gets.
            simultaneous: whether both networks are updated at once, from the same fakes, instead
                of first D and then G, each from its own fakes.
            augment: random changes of all images that D judges: names of
                `tfgan.augmentation.AUGMENTATIONS`, separated by commas; "" for none.
            jit_compile: whether XLA compiles these steps to one program. It needs a single replica,
                because the program cannot contain an all-reduce. With mixed precision on a CPU, XLA
                compiles only the optimizers' steps.
            steps_per_execution: steps a call into TensorFlow. If all batches have the same size,
                XLA makes one program of them, which needs memory for that many batches.
            run_eagerly: runs the step op by op, for debugging.

        Raises:
            ValueError: if the loss or an augmentation is unknown, or the loss has no labels to
                smooth; if simultaneous updates have several steps of D; if `gradient_penalty` is
                given and D has batch normalisation; or if a network or an optimizer cannot be
                trained, see `tfgan.contract`.
        """
        options = dict(locals())
        others = ("self", "__class__", "d_optimizer", "g_optimizer")
        self._options = {name: options[name] for name in options if name not in others}
        some = self.global_latents(Stream.FIXED_LATENTS, 0, self.pack)
        contract.check_networks(
            {"generator": self.generator, "discriminator": self.discriminator},
            {
                "generator": lambda: self.generate(some, training=False),
                "discriminator": lambda: self.forward(some),
            },
        )
        self.objective = losses.get(loss, label_smoothing)
        self.r1, self.r2 = penalties.gradient_penalty(r1), penalties.gradient_penalty(r2)
        if gradient_penalty:
            contract.check_between(self.discriminator)
        self.gp = penalties.penalty_between(gradient_penalty, self.seed, self.pack)
        self.augment = augmentation.get(augment, self.seed)
        self.d_steps, self.multiple = d_steps, d_steps * self.pack
        if simultaneous:
            if d_steps > 1:
                raise ValueError(
                    f"d_steps={d_steps}: simultaneous updates have one update of each network"
                )
            self.take_step, self.streams = self.update_both, (Stream.DISCRIMINATOR_LATENTS,)
        else:
            self.take_step = self.update
            self.streams = (Stream.DISCRIMINATOR_LATENTS, Stream.GENERATOR_LATENTS)
        both = {
            name: keras.optimizers.get(optimizer)
            for name, optimizer in (("d_optimizer", d_optimizer), ("g_optimizer", g_optimizer))
        }
        contract.check_optimizers(both)
        self.d_optimizer, self.g_optimizer = (
            optimizers.loss_scaled(optimizer, self.generator, self.discriminator)
            for optimizer in both.values()
        )
        super().compile(
            optimizer=self.g_optimizer,
            jit_compile=False,
            steps_per_execution=steps_per_execution,
            run_eagerly=run_eagerly,
            auto_scale_loss=False,
        )
        self.g_optimizer.build(self.generator.trainable_variables)
        self.d_optimizer.build(self.discriminator.trainable_variables)
        one_replica = self.distribute_strategy.num_replicas_in_sync == 1
        with self.distribute_strategy.scope():
            no_strategy = not tf.distribute.has_strategy()
        on_cpu = gpus.on_cpu()
        compiled = jit_compile and one_replica and not run_eagerly
        apart = on_cpu and precision.is_mixed(self.generator, self.discriminator)
        self.in_one_program = (
            compiled and not apart and contract.compiles(self.generator, self.discriminator)
        )
        strided.take_as_products(self.in_one_program and on_cpu, self.generator, self.discriminator)
        self._apply_d, self._apply_g = (
            optimizers.applying(optimizer, network, compiled and apart and no_strategy)
            for optimizer, network in (
                (self.d_optimizer, self.discriminator),
                (self.g_optimizer, self.generator),
            )
        )

    # The algorithm. D's output is a logit l: D(x) = sigmoid(l(x)).

    def update(self, real: Any, z: Latents) -> Logs:
        """A step of algorithm 1: `d_steps` updates of D, then one of G, each with its own latents.

        Args:
            real: x, images `(batch, height, width, channels)` in [-1, 1], which D's updates share.
            z: latents for D's updates and for G's update, `(batch, latent_size)` each.

        Returns:
            This replica's shares of the means D_loss, G_loss, D(x) and D(G(z)) over the global
            batch; D_loss and D(x) are of D's last update.
        """
        z_d, z_g = z
        for turn in range(self.d_steps):
            d_gradients, d_logs = self.discriminator_gradients(
                self.minibatch(real, turn), self.minibatch(z_d, turn), turn
            )
            self.update_discriminator(d_gradients)
        g_gradients, g_logs = self.generator_gradients(self.minibatch(real), self.minibatch(z_g))
        self.update_generator(g_gradients)
        self.step.assign_add(1)
        return d_logs | g_logs

    def discriminator_gradients(self, real: Any, z: Any, turn: int = 0) -> tuple[Gradients, Logs]:
        """Gradients and logs of D's objective, by default -V(D, G) (equation 1), with G fixed."""
        on_real, on_fake, between = (p.of_turn(turn) for p in (Pass.REAL, Pass.FAKE, Pass.BETWEEN))
        mean = self.share_of_mean
        fake = self.generate(z)  # G(z)
        with tf.GradientTape() as tape:
            real_logits, r1 = self.r1(self.judge, real, on_real)  # l(x), r1/2 |dl/dx|^2
            fake_logits, r2 = self.r2(self.judge, fake, on_fake)  # l(G(z)), r2/2 |dl/dx|^2
            gp = self.gp(self.judge, real, fake, self.step.value, between)
            # -V(D, G) = mean(-log D(x) - log(1 - D(G(z))))
            loss = mean(self.objective.discriminator(real_logits, fake_logits))
            penalised = loss + mean(r1) + mean(r2) + mean(gp)
            scaled = self.d_optimizer.scale_loss(penalised)  # as it is, in float32
        gradients = tape.gradient(scaled, self.discriminator.trainable_variables)
        probability = self.objective.probability(real_logits, fake_logits)
        return gradients, {"D_loss": loss, "D(x)": mean(probability)}

    def generator_gradients(
        self,
        real: Any,
        z: Any,
        passes: tuple[Pass, Pass] = (Pass.REAL_FOR_GENERATOR, Pass.FAKE_FOR_GENERATOR),
    ) -> tuple[Gradients, Logs]:
        """Gradients and logs of G's objective, by default mean(-log D(G(z))), with D fixed."""
        real_logits = self.objective.partners(self.judge, real, passes[0])
        with tf.GradientTape() as tape:
            fake_logits = self.judge(self.generate(z), passes[1])  # l(G(z))
            loss = self.share_of_mean(self.objective.generator(fake_logits, real_logits))
            scaled = self.g_optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, self.generator.trainable_variables)
        probability = self.objective.probability(fake_logits, real_logits)
        return gradients, {"G_loss": loss, "D(G(z))": self.share_of_mean(probability)}

    # What it is made of.

    def generate(self, z: Any, training: bool = True) -> Any:
        """G(z): images `(batch, height, width, channels)` in [-1, 1]."""
        return self.generator(z, training=training)

    def minibatch(self, batch: Any, turn: int = 0) -> Any:
        """Mini-batch `turn` of a step's batch: every `d_steps`-th row, from row `turn` on."""
        if self.d_steps == 1:
            return batch
        return tf.nest.map_structure(lambda part: part[turn :: self.d_steps], batch)

    @property
    def pack(self) -> int:
        """The number of images that D judges together."""
        return packing.pack_of(self.discriminator)

    def judge(self, images: Any, which: int) -> tf.Tensor:
        """Logits `(batch, 1)` of D in training, for augmented images, in one pass of a step."""
        with forward_pass(self.step.value, which):
            images = self.augment(images, self.step.value, which)
            return self.discriminator(images, training=True)

    def forward(self, z: Any) -> tf.Tensor:
        """Logits `(batch, 1)` of D(G(z)) in inference mode: no dropout, fixed statistics."""
        return self.discriminator(self.generate(z, training=False), training=False)

    def losses_of(self, real: Any, z: Latents) -> Logs:
        """The losses and probabilities of real images and of fakes of `z`, without an update."""
        real_logits = self.discriminator(real, training=False)
        fake_logits = self.forward(z[-1])
        objective = self.objective
        return {
            "D_loss": objective.discriminator(real_logits, fake_logits),
            "G_loss": objective.generator(fake_logits, real_logits),
            "D(x)": objective.probability(real_logits, fake_logits),
            "D(G(z))": objective.probability(fake_logits, real_logits),
        }

    def update_discriminator(self, gradients: Gradients) -> None:
        """Updates D, and then what depends on D's weights."""
        self._apply_d(gradients)
        spectral.power_iteration(self.discriminator)

    def update_generator(self, gradients: Gradients) -> None:
        """Updates G, and then its moving average."""
        self._apply_g(gradients)
        if self.ema_generator is not None:
            moving_average.update(self.ema_generator, self.generator, self.ema, self.step.value)

    def update_both(self, real: Any, z: Latents) -> Logs:
        """`update`, but both gradients are of the same fakes and masks, before either update.

        This is what github.com/goodfeli/adversarial does, the code of the paper's experiments.
        """
        (z_both,) = z
        d_gradients, d_logs = self.discriminator_gradients(real, z_both)
        g_gradients, g_logs = self.generator_gradients(real, z_both, (Pass.REAL, Pass.FAKE))
        self.update_discriminator(d_gradients)
        self.update_generator(g_gradients)
        self.step.assign_add(1)
        return d_logs | g_logs

    @contextlib.contextmanager
    def statistics_kept(self) -> Iterator[None]:
        """Restores batch normalisation's statistics, which passes in training mode change."""
        networks = (self.generator, self.discriminator)
        changing = [each for network in networks for each in network.non_trainable_variables]
        kept = [(variable, variable.numpy()) for variable in changing]
        yield
        for variable, value in kept:
            variable.assign(value)

    def fixed_latents(self) -> tuple[Any, int]:
        """The fixed latents, whose images show the progress, and how many of them make a row."""
        return self.global_latents(Stream.FIXED_LATENTS, 0, FIXED_LATENTS), 8

    @property
    def sampler(self) -> keras.Model:
        """The generator that draws samples: the moving average if there is one."""
        return self.generator if self.ema_generator is None else self.ema_generator

    def call(self, z: Any, training: bool = False) -> tf.Tensor:
        """Images in [-1, 1] of `sampler`, from latents `(batch, latent_size)`."""
        return self.sampler(z, training=training)

    def export(self, filepath: Any, *args: Any, **kwargs: Any) -> None:
        """Exports `sampler` in float32, like `keras.Model.export`; without tfgan's checks."""
        precision.in_float32(self.sampler).export(filepath, *args, **kwargs)

    # What Keras needs to know.

    def get_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        return {
            **super().get_config(),
            "generator": serialize(self.generator),
            "discriminator": serialize(self.discriminator),
            "latent_size": self.latent_size,
            "seed": self.seed,
            "ema": self.ema,
            "distribution": self.distribution,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> "GAN":
        deserialize = keras.saving.deserialize_keras_object
        networks = {
            name: deserialize(config[name], custom_objects)
            for name in ("generator", "discriminator")
        }
        return cls(**{**config, **networks})

    def get_compile_config(self) -> dict[str, Any]:
        serialize = keras.saving.serialize_keras_object
        optimizers = {"d_optimizer": self.d_optimizer, "g_optimizer": self.g_optimizer}
        return self._options | {
            name: serialize(optimizer) for name, optimizer in optimizers.items()
        }

    def compile_from_config(self, config: dict[str, Any]) -> None:
        self.compile(**keras.saving.deserialize_keras_object(config))
