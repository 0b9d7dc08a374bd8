"""The versions of tfgan and of its libraries."""

import importlib.metadata
import platform

__version__ = "0.2.0"

_PACKAGES = ("tensorflow", "keras", "tensorflow_datasets", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """What files record of the software that made them, by name."""
    return {
        "tfgan": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
    }
