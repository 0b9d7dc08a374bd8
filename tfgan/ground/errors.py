"""Errors that a user can cause: each has a message of one line, which ends a command."""


def first_line(error: BaseException) -> str:
    """The first line of an error's message, or its type if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class UserError(ValueError):
    """An error that the user can fix.

    The message is one line that names the flag or file, what is wrong with it
    and what would be right.
    """


class Diverged(UserError):  # noqa: N818, as the two below
    """A value in a run has become NaN or infinite.

    Attributes:
        what: the step and the name of the value.
    """

    def __init__(self, message: str, what: str):
        super().__init__(message)
        self.what = what


class Interrupted(Exception):  # noqa: N818, an end and not an error
    """A signal ended training after a whole step, and a checkpoint was written.

    Attributes:
        signum: number of the signal, e.g. `signal.SIGTERM`.
    """

    def __init__(self, message: str, signum: int):
        super().__init__(message)
        self.signum = signum


class WorkerLost(Exception):  # noqa: N818, an end that a new start mends
    """Another worker of the cluster is lost, or has never joined."""
