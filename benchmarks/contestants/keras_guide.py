"""The GAN of Keras' guide to a custom `train_step`, in stock `fit`, with the tutorial's networks.

Labels, their noise and the combined batch of fakes and reals are the guide's.
"""

import keras
import numpy as np
import tensorflow as tf

from benchmarks.contestants import harness
from tfgan import networks


class GAN(keras.Model):
    """The guide's class."""

    def __init__(self, discriminator: keras.Model, generator: keras.Model, latent_dim: int):
        super().__init__()
        self.discriminator = discriminator
        self.generator = generator
        self.latent_dim = latent_dim
        self.d_loss_tracker = keras.metrics.Mean(name="d_loss")
        self.g_loss_tracker = keras.metrics.Mean(name="g_loss")
        self.seed_generator = keras.random.SeedGenerator(1337)

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self.d_loss_tracker, self.g_loss_tracker]

    def compile(self, d_optimizer, g_optimizer, loss_fn) -> None:
        super().compile()
        self.d_optimizer = d_optimizer
        self.g_optimizer = g_optimizer
        self.loss_fn = loss_fn

    def train_step(self, real_images: tf.Tensor) -> dict[str, tf.Tensor]:
        batch_size = tf.shape(real_images)[0]
        random_latent_vectors = keras.random.normal(
            shape=(batch_size, self.latent_dim), seed=self.seed_generator
        )
        generated_images = self.generator(random_latent_vectors)
        combined_images = tf.concat([generated_images, real_images], axis=0)
        labels = tf.concat([tf.ones((batch_size, 1)), tf.zeros((batch_size, 1))], axis=0)
        labels += 0.05 * keras.random.uniform(tf.shape(labels), seed=self.seed_generator)

        with tf.GradientTape() as tape:
            predictions = self.discriminator(combined_images)
            d_loss = self.loss_fn(labels, predictions)
        grads = tape.gradient(d_loss, self.discriminator.trainable_weights)
        self.d_optimizer.apply(grads, self.discriminator.trainable_weights)

        random_latent_vectors = keras.random.normal(
            shape=(batch_size, self.latent_dim), seed=self.seed_generator
        )
        misleading_labels = tf.zeros((batch_size, 1))
        with tf.GradientTape() as tape:
            predictions = self.discriminator(self.generator(random_latent_vectors))
            g_loss = self.loss_fn(misleading_labels, predictions)
        grads = tape.gradient(g_loss, self.generator.trainable_weights)
        self.g_optimizer.apply(grads, self.generator.trainable_weights)

        self.d_loss_tracker.update_state(d_loss)
        self.g_loss_tracker.update_state(g_loss)
        return {"d_loss": self.d_loss_tracker.result(), "g_loss": self.g_loss_tracker.result()}


def main() -> None:
    """Trains without end."""
    flags = harness.flags().parse_args()
    shape = np.load(flags.images, mmap_mode="r").shape[1:]
    images = harness.load_unit(flags.images).reshape(-1, *shape)
    dataset = tf.data.Dataset.from_tensor_slices(images).shuffle(len(images))
    dataset = dataset.batch(flags.batch_size, drop_remainder=True).prefetch(tf.data.AUTOTUNE)
    report = harness.Reporter(len(dataset))
    gan = GAN(
        networks.mlp_discriminator(flags.hidden_size, shape),
        networks.mlp_generator(harness.LATENT_SIZE, flags.hidden_size, shape),
        harness.LATENT_SIZE,
    )
    gan.compile(
        d_optimizer=keras.optimizers.Adam(learning_rate=0.0002),
        g_optimizer=keras.optimizers.Adam(learning_rate=0.0002),
        loss_fn=keras.losses.BinaryCrossentropy(from_logits=True),
    )
    done = keras.callbacks.LambdaCallback(on_train_batch_end=lambda batch, logs: report.done())
    gan.fit(dataset, epochs=1_000_000, callbacks=[done], verbose=0)


if __name__ == "__main__":
    main()
