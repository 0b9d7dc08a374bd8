"""How every `python -m tfgan.X` starts and ends."""

import contextlib
import functools
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NoReturn, TextIO

from absl import app, flags, logging

from tfgan.ground import console, flag_help, machine, surroundings
from tfgan.ground.console import native_stderr_held_back
from tfgan.ground.errors import Interrupted, UserError, WorkerLost

USER_ERROR = 2

Arguments = Callable[[list[str]], list[str]]


def _fail(message: str) -> NoReturn:
    _put(f"error: {message}", sys.stderr)
    sys.exit(USER_ERROR)


def _put(line: str, stream: TextIO) -> None:
    """Writes a last line, and ignores it if nobody reads any more."""
    with contextlib.suppress(OSError, UserError):
        console.put(f"{line}\n", stream)


def _parse(argv: list[str], arguments: Arguments) -> list[str]:
    try:
        rest = flags.FLAGS(arguments(argv))
    except (UserError, flags.Error) as error:
        _fail(_in_words(" ".join(str(error).split())))
    except SystemExit as end:
        sys.exit(0 if end.code == 1 else end.code)  # absl's --helpfull ends with 1
    except BrokenPipeError:  # whoever read the help has seen enough
        _let_go()
        sys.exit(0)
    if rest[1:]:
        _fail(f"{rest[1]!r} is not a flag; flags look like --name=value (--help lists them)")
    return rest


def _in_words(message: str) -> str:
    """absl's "flag --epochs=ten: invalid literal for int() ...", as other errors are written."""
    wrong = re.match(r"flag (--(\w+)=.*?): ", message)
    takes = wrong and flag_help.takes(flags.FLAGS[wrong[2]])
    return f"{wrong[1]}: must be {takes}" if wrong and takes else message


# Keras imports these if it finds them, for features that no command uses: a second of the start.
_OF_KERAS_ALONE = ("IPython", "matplotlib", "sklearn")


@contextlib.contextmanager
def _hidden(packages: Iterable[str]) -> Iterator[None]:
    """Inside, importing a package that is not loaded yet fails, as if it were not installed."""
    loaded: dict[str, Any] = sys.modules
    hidden = [name for name in packages if name not in loaded]
    loaded.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del loaded[name]


def load_tensorflow() -> None:
    """Imports TensorFlow so that it prints only errors, also in a notebook.

    Raises:
        UserError: if an environment variable of a library is not valid.
    """
    surroundings.check()
    logging.set_verbosity(logging.ERROR)  # TensorFlow logs here too, line by line
    with native_stderr_held_back():
        surroundings.rehearse("TF_XLA_FLAGS")  # which the import reads, in a command of absl
        surroundings.check_keras()  # the first import, since TensorFlow imports Keras
        import tensorflow as tf

        surroundings.rehearse()
        tf.config.list_physical_devices()  # looks for CUDA, which has its say once
    tf.get_logger().setLevel("WARNING")  # as it is, but for notebooks


def _status(prepare: Callable[[], Callable[[], int | None]], tensorflow: bool) -> int:
    """Does the work, prints how it ended, and returns the exit status."""
    try:
        work = prepare()
        if tensorflow:
            machine.limit_arenas()
            with _hidden(_OF_KERAS_ALONE):
                load_tensorflow()
        status = work()
    except (UserError, WorkerLost) as error:
        _put(f"error: {error}", sys.stderr)
        return USER_ERROR if isinstance(error, UserError) else os.EX_TEMPFAIL
    except Interrupted as stop:
        _put(str(stop), sys.stdout)
        return 128 + stop.signum
    except BrokenPipeError:  # whoever read the output has gone
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        _put("Interrupted; rerun the command to resume.", sys.stderr)
        return 130
    return status or 0


def _let_go() -> None:
    """Flushes the standard streams if they are still read; otherwise Python would complain."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with contextlib.suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def run(
    prepare: Callable[[], Callable[[], int | None]],
    tensorflow: bool = True,
    arguments: Arguments = list,
    topics: flag_help.Topics | None = None,
) -> NoReturn:
    """Runs a command: flags in, one library call.

    Args:
        prepare: a function that reads and checks the flags, quickly and without TensorFlow. It
            returns a function that does the work, and returns an exit status or None for 0.
        tensorflow: whether the work needs TensorFlow.
        arguments: a function from the command line to the arguments to parse.
        topics: the flags in groups for `--help`, see `flag_help.group`; None for absl's help.
    """

    def main(argv: list[str]) -> int:
        del argv
        status = _status(prepare, tensorflow)
        _let_go()
        strategies = sys.modules.get("tfgan.cluster.strategies")
        if strategies and strategies.joined():
            os._exit(status)  # TensorFlow's own way out waits seconds for the others
        return status

    console.show_everything()
    if topics:
        flag_help.group(sys.modules[prepare.__module__].__doc__ or "", topics)
    app.run(main, flags_parser=functools.partial(_parse, arguments=arguments))
    raise AssertionError("absl's app.run exits")
