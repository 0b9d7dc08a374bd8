"""tfgan: the original GAN (Goodfellow et al. 2014) in TensorFlow and Keras.

    import tfgan

    config = tfgan.TrainConfig(epochs=20, workdir="runs/mine")
    gan = tfgan.train_and_export(config)

The names below are imported on first use, so that a command can report a wrong flag
before it imports TensorFlow.
"""

import importlib
import os
from typing import TYPE_CHECKING, Any

from tfgan.ground import surroundings
from tfgan.ground.version import __version__ as __version__

for _name, _value in surroundings.DEFAULTS.items():
    os.environ.setdefault(_name, _value)

_HOMES = {
    "GAN": "tfgan.gan",
    "ConditionalGAN": "tfgan.conditional",
    "Adam": "tfgan.optimizers",
    "ExactBackup": "tfgan.run.exact_backup",
    "TrainConfig": "tfgan.run.config",
    "pretrained": "tfgan.exports.pretrained",
    "train_and_export": "tfgan.training",
    "LiveGrid": "tfgan.run.live_grid",
    "project_images": "tfgan.exports.projection",
    "UserError": "tfgan.ground.errors",
    "Interrupted": "tfgan.ground.errors",
}
__all__ = [
    "GAN",
    "Adam",
    "ConditionalGAN",
    "ExactBackup",
    "Interrupted",
    "LiveGrid",
    "TrainConfig",
    "UserError",
    "pretrained",
    "project_images",
    "train_and_export",
]

if TYPE_CHECKING:
    from tfgan.conditional import ConditionalGAN
    from tfgan.exports.pretrained import pretrained
    from tfgan.exports.projection import project_images
    from tfgan.gan import GAN
    from tfgan.ground.errors import Interrupted, UserError
    from tfgan.optimizers import Adam
    from tfgan.run.config import TrainConfig
    from tfgan.run.exact_backup import ExactBackup
    from tfgan.run.live_grid import LiveGrid
    from tfgan.training import train_and_export


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'tfgan' has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOMES[name]), name)
    globals()[name] = value
    return value
