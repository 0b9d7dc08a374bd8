"""Checks environment variables before TensorFlow and the other libraries read them.

They end in a traceback at a variable that makes no sense, or end the process without one.
"""

import contextlib
import os
import re
import signal
import tempfile
from collections.abc import Callable

from tfgan.ground.errors import UserError, first_line

# What tfgan sets where the environment does not.
DEFAULTS = {
    "KERAS_BACKEND": "tensorflow",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    # Without this analysis of what lives how long, XLA copies over half of the weights every step.
    "XLA_FLAGS": "--xla_cpu_copy_insertion_use_region_analysis=true",
}
# What the libraries take for numbers, without a look.
_NUMBERS: dict[str, Callable[[str], float]] = {
    "AUTOGRAPH_STRICT_CONVERSION": int,
    "AUTOGRAPH_VERBOSITY": int,
    "JOBLIB_MULTIPROCESSING": int,
    "KERAS_MAX_EPOCHS": int,
    "KERAS_MAX_STEPS_PER_EPOCH": int,
    "LOKY_MAX_CPU_COUNT": int,
    "LOKY_MAX_DEPTH": int,
    "SKLEARN_PAIRWISE_DIST_CHUNK_SIZE": int,
    "SKLEARN_WORKING_MEMORY": int,
    "TFDS_RETRY_DELAY_MULTIPLIER": float,
    "TFDS_RETRY_INITIAL_DELAY": int,
    "TFDS_RETRY_NOISE": float,
    "TFDS_RETRY_TRIES": int,
}
_NOT_REHEARSED = ("TF_CONFIG", "TF_CPP_")  # read by tfgan; wrong ones do no harm
_REHEARSAL_SECONDS = 60


def check() -> None:
    """Looks at what breaks the import of a library, and at the folder for temporary files.

    Raises:
        UserError: if a variable makes no sense.
    """
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise UserError(f"KERAS_BACKEND={backend}: tfgan runs on the tensorflow backend")
    for name, number in _NUMBERS.items():
        try:
            number(os.environ.get(name, "1"))
        except ValueError:
            raise UserError(f"{name}={os.environ[name]}: is not a number; unset it") from None
    try:
        import tqdm  # noqa: F401, which reads its settings now
    except ValueError as error:
        raise UserError(f"{_named('TQDM_')}: {first_line(error)}") from None
    if "MPLBACKEND" in os.environ:
        try:
            with contextlib.suppress(ImportError):
                import matplotlib  # noqa: F401
        except ValueError as error:
            raise UserError(f"{_named('MPLBACKEND')}: {first_line(error)}") from None
    try:
        tempfile.gettempdir()
    except OSError as error:
        given = os.environ.get("TMPDIR", "")
        raise UserError(
            f"TMPDIR={given}: {error.strerror}; set it to a folder that can be written to"
        ) from None


def rehearse(*prefixes: str) -> None:
    """Lets a copy of this process read TensorFlow's variables: one that is wrong ends it.

    To be called while TensorFlow has run nothing, which the copy could not inherit, and best when
    it is imported, which takes the copy as long as this process.

    Args:
        prefixes: of the variables that are reason enough; without, "TF_" and "XLA_".

    Raises:
        UserError: if it ended so.
    """
    names = [
        name
        for name, value in os.environ.items()
        if name.startswith(prefixes or ("TF_", "XLA_")) and not name.startswith(_NOT_REHEARSED)
        if value != DEFAULTS.get(name)
    ]
    if not names:
        return
    with tempfile.TemporaryFile() as said:
        if not (copy := os.fork()):
            _run_a_little(said.fileno())
        os.waitpid(copy, 0)
        said.seek(0)
        text = said.read().decode(errors="replace")
    fatal = re.search(r"^F\d{4} [^]]*\] (.*)$", text, re.MULTILINE)
    if fatal:
        value = re.search(r"Couldn't interpret value .* for flag \w+", text)
        reason = value[0] if value else fatal[1].strip()
        flag = reason.split()[-1]  # the names of others' variables may begin so, and hold secrets
        for name in names:
            if re.search(rf"\b{name}\b", reason) or flag in os.environ[name]:
                raise UserError(f"{name}={os.environ[name]}: {reason}")
        raise UserError(f"TensorFlow rejects an environment variable: {reason}")


def _run_a_little(output: int) -> None:
    """Does what reads the variables, on the CPU; never returns."""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_REHEARSAL_SECONDS)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ["CUDA_VISIBLE_DEVICES"] = "-1"
        import tensorflow as tf

        tf.config.list_physical_devices()
        next(iter(tf.data.Dataset.range(1)))
        tf.function(lambda: tf.constant(1.0) + 1, jit_compile=True)()
    finally:
        os._exit(0)


def check_keras() -> None:
    """Makes sure that Keras is importable, runs on TensorFlow and trains as long as it is told to.

    Raises:
        UserError: if its settings make no sense.
    """
    try:
        import keras
    except (ValueError, AttributeError, OSError) as error:
        path = os.path.join(os.environ.get("KERAS_HOME") or "~/.keras", "keras.json")
        if not os.path.exists(os.path.expanduser(path)):
            raise
        raise UserError(f"{path}: {first_line(error)}") from None
    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"KERAS_BACKEND={keras.backend.backend()}: tfgan runs on the tensorflow backend"
        )
    for name, most in (
        ("KERAS_MAX_EPOCHS", keras.config.max_epochs()),
        ("KERAS_MAX_STEPS_PER_EPOCH", keras.config.max_steps_per_epoch()),
    ):
        if most is not None:
            raise UserError(f"{name}={most}: Keras would end all training early; unset it")


def _named(prefix: str) -> str:
    return ", ".join(f"{name}={value}" for name, value in os.environ.items() if prefix in name)
