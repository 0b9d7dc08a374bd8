"""How every `python -m tfgan.X` starts and how it ends."""

import contextlib
import functools
import os
import signal
import sys
from collections.abc import Callable
from typing import NoReturn

from absl import app, flags, logging

from tfgan.ground.console import native_stderr_held_back
from tfgan.ground.errors import Interrupted, UserError, WorkerLost

USER_ERROR = 2

Arguments = Callable[[list[str]], list[str]]


def _fail(message: str) -> NoReturn:
    print(f"error: {message}", file=sys.stderr)
    sys.exit(USER_ERROR)


def _parse(argv: list[str], arguments: Arguments) -> list[str]:
    try:
        rest = flags.FLAGS(arguments(argv))
    except (UserError, flags.Error) as error:
        _fail(" ".join(str(error).split()))
    if rest[1:]:
        _fail(f"{rest[1]!r} is not a flag; flags look like --name=value (--help lists them)")
    return rest


def load_tensorflow() -> None:
    """Imports TensorFlow, which says nothing but errors then, also to who trains in a notebook.

    Raises:
        UserError: if Keras is set to another backend.
    """
    logging.set_verbosity(logging.ERROR)  # TensorFlow logs here too, line by line
    with native_stderr_held_back():
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for CUDA, which has its say once
    tf.get_logger().setLevel("WARNING")  # as it is, but for notebooks
    import keras

    if keras.backend.backend() != "tensorflow":
        raise UserError(
            f"KERAS_BACKEND={keras.backend.backend()}: tfgan runs on the tensorflow backend"
        )


def _status(prepare: Callable[[], Callable[[], int | None]], tensorflow: bool) -> int:
    """Does the work; says how it ended, and returns the exit status."""
    try:
        work = prepare()
        if tensorflow:
            load_tensorflow()
        status = work()
    except (UserError, WorkerLost) as error:
        print(f"error: {error}", file=sys.stderr, flush=True)
        return USER_ERROR if isinstance(error, UserError) else os.EX_TEMPFAIL
    except Interrupted as stop:
        print(stop, flush=True)
        return 128 + stop.signum
    except BrokenPipeError:  # whoever read the output has gone
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        print("Interrupted; the same command goes on.", file=sys.stderr)
        return 130
    return status or 0


def run(
    prepare: Callable[[], Callable[[], int | None]],
    tensorflow: bool = True,
    arguments: Arguments = list,
) -> NoReturn:
    """Runs a command: flags in, one library call.

    Args:
        prepare: reads and checks the flags, quickly and without TensorFlow, and
            returns the call that does the work, and returns an exit status if that is not 0.
        tensorflow: whether the work needs TensorFlow.
        arguments: from the command line to what is parsed of it.
    """

    def main(argv: list[str]) -> int:
        del argv
        status = _status(prepare, tensorflow)
        strategies = sys.modules.get("tfgan.cluster.strategies")
        if strategies and strategies.joined():
            with contextlib.suppress(BrokenPipeError):
                sys.stdout.flush()
            os._exit(status)  # TensorFlow's own way out waits seconds for the others
        return status

    app.run(main, flags_parser=functools.partial(_parse, arguments=arguments))
    raise AssertionError("absl's app.run exits")
