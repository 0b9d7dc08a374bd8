"""`LiveGrid`: images of the fixed latents in a notebook's cell, updated during training."""

from typing import Any

import keras
import numpy as np

from tfgan.ground import notebook, pictures
from tfgan.ground.errors import UserError

_WIDE = 500  # pixels, to which the grid of small images is enlarged by whole numbers


def fixed_images(gan: keras.Model) -> tuple[np.ndarray, int]:
    """A GAN's images of its fixed latents.

    The moving average draws them if there is one.

    Returns:
        Images `(count, height, width, channels)` in [-1, 1], and how many make a row.
    """
    z, columns = gan.fixed_latents()
    return gan.sampler(z, training=False).numpy(), columns


class LiveGrid(keras.callbacks.Callback):
    """Shows samples in a notebook during `tfgan.GAN.fit`: one picture, updated after each epoch.

    It shows the same 64 latents each time; for a `tfgan.ConditionalGAN`, one row per class. The
    moving average draws them if there is one. Calling `fit` again in the same cell updates the same
    picture. Images that are not finite are not shown, and outside of a notebook nothing is.
    `train_and_export` adds a `LiveGrid` itself.

    Example:
        >>> gan.fit(dataset, epochs=20, callbacks=[tfgan.LiveGrid()])

    Raises:
        UserError: when `fit` begins, in a notebook, if the model is not a `tfgan.GAN` or does not
            generate images `(batch, height, width, channels)` of 1 or 3 channels.
    """

    def __init__(self) -> None:
        super().__init__()
        self._display = notebook.Display()

    def on_train_begin(self, logs: Any = None) -> None:
        if notebook.shell() and not hasattr(self.model, "fixed_latents"):
            raise UserError(f"tfgan.LiveGrid: {self.model.name} is not a tfgan.GAN")
        self._show("before training")

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self._show(f"after epoch {epoch + 1}")

    def _show(self, when: str) -> None:
        if not notebook.shell():
            return
        from IPython.display import Image

        images, columns = fixed_images(self.model)
        if images.ndim != 4 or images.shape[-1] not in (1, 3):
            raise UserError(
                f"tfgan.LiveGrid: shows images (batch, height, width, channels) of 1 or 3 "
                f"channels; the generator gives {images.shape}"
            )
        if np.isfinite(images).all():
            grid = pictures.grid(pictures.to_uint8(images), columns)
            scale = max(1, _WIDE // grid.shape[1])
            png = pictures.to_png(grid.repeat(scale, 0).repeat(scale, 1))
            about = {"alt": f"images of the fixed latents, {when}"}
            self._display.show(Image(png, metadata=about))
