"""Trains your own networks on your own images.

    python examples/own_networks.py

The GAN learns to draw a bright disc at a random place in 16 x 16 pixels. The script writes
own_networks.png, one row of real images above three of generated ones, and the model,
own_networks.keras. To load the model:

    import keras
    from tfgan import GAN, Adam  # Keras needs these classes

    gan = keras.saving.load_model("own_networks.keras")
"""

import pathlib

import keras
import numpy as np

import tfgan
from tfgan.ground import pictures

SIZE, LATENTS, BATCH, STEPS = 16, 8, 64, 64


def discs(count: int) -> np.ndarray:
    """Images of one disc with soft edges: float32 `(count, 16, 16, 1)` in [-1, 1]."""
    centres = np.random.default_rng(0).uniform(4, SIZE - 5, (count, 2, 1, 1))
    row, column = np.mgrid[:SIZE, :SIZE]
    distance = np.hypot(row - centres[:, 0], column - centres[:, 1])
    return np.clip(7 - 2 * distance, -1, 1)[..., np.newaxis].astype("float32")


def main(output: str = "own_networks.png", epochs: int = 40) -> tfgan.GAN:
    """Trains; writes the picture `output` and a .keras file of the same name; returns the GAN."""
    keras.utils.set_random_seed(0)  # initial weights and the order of the images
    generator = keras.Sequential(
        [
            keras.Input((LATENTS,)),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(128, "relu"),
            keras.layers.Dense(SIZE * SIZE, "tanh"),  # images are in [-1, 1]
            keras.layers.Reshape((SIZE, SIZE, 1)),
        ]
    )
    discriminator = keras.Sequential(
        [
            keras.Input((SIZE, SIZE, 1)),
            keras.layers.Flatten(),
            keras.layers.Dense(128, "leaky_relu"),
            keras.layers.Dense(128, "leaky_relu"),
            keras.layers.Dense(1),  # a logit: the loss applies the sigmoid
        ]
    )
    gan = tfgan.GAN(generator, discriminator, latent_size=LATENTS, ema=0.99)
    gan.compile(
        d_optimizer=tfgan.Adam(1e-3, beta_1=0.5),
        g_optimizer=tfgan.Adam(1e-3, beta_1=0.5),
        r1=1.0,
        steps_per_execution=STEPS,
    )
    real = discs(STEPS * BATCH)
    gan.fit(real, batch_size=BATCH, epochs=epochs, verbose=2)  # or a tf.data.Dataset of batches

    drawn = gan.predict(np.random.default_rng(1).normal(size=(24, LATENTS)), verbose=0)
    picture = pictures.grid(pictures.to_uint8(np.concatenate([real[:8], drawn])))
    pictures.save_png(pathlib.Path(output), picture)
    gan.save(pathlib.Path(output).with_suffix(".keras"))
    return gan


if __name__ == "__main__":
    main()
