"""The signals that stop a run."""

import signal


def stopping() -> list[int]:
    """Ctrl-C, SIGTERM, and SIGHUP, which comes when a terminal is lost.

    A SIGHUP that is ignored, as under `nohup`, stays ignored.
    """
    hangup = getattr(signal, "SIGHUP", None)  # which Windows lacks
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hangup]
