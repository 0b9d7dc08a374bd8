"""Errors that a user can cause: one line each, which ends the command."""


def first_line(error: BaseException) -> str:
    """What an error says first, or its kind if it says nothing."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


class UserError(ValueError):
    """Something that the user can mend.

    The message is one line that names the flag or file, what is wrong with it
    and what would be right.
    """


class Diverged(UserError):  # noqa: N818, as the two below
    """A run's numbers are not finite any more.

    Attributes:
        what: the step, and which quantity it is.
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
    """Another worker of the cluster is gone, or never came."""
