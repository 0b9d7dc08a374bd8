"""The versions of tfgan and of the libraries that it uses."""

import importlib.metadata
import platform

__version__ = "0.2.0"

_PACKAGES = ("tensorflow", "keras", "tensorflow_datasets", "numpy", "scipy", "scikit-learn")


def versions() -> dict[str, str]:
    """The versions that files record, by name of the library."""
    return {
        "tfgan": __version__,
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in _PACKAGES},
        "platform": platform.platform(),
    }
