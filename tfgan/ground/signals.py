"""The signals that ask a run to stop."""

import signal


def stopping() -> list[int]:
    """SIGINT (Ctrl-C), SIGTERM, and SIGHUP, which a lost terminal sends.

    If SIGHUP is ignored, as under `nohup`, it is not among them.
    """
    hangup = getattr(signal, "SIGHUP", None)  # which Windows lacks
    if hangup is None or signal.getsignal(hangup) is signal.SIG_IGN:
        return [signal.SIGINT, signal.SIGTERM]
    return [signal.SIGINT, signal.SIGTERM, hangup]
