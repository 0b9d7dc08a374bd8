"""Workers meet before TensorFlow starts, whose own waiting cannot be interrupted.

The chief listens at its own address of the cluster until every other worker has sent its
plan. It compares the plans, answers all, and frees the port for TensorFlow's server.
"""

import contextlib
import json
import socket
import time
from collections.abc import Sequence
from typing import Any

from tfgan.ground.errors import UserError, WorkerLost

_MOST_BYTES = 2**16
_ONE_TRY_SECONDS = 5.0


def meet(workers: Sequence[str], index: int, plan: dict[str, Any], timeout: float) -> None:
    """Returns once all workers are there and about to do the same.

    Args:
        workers: the address `host:port` of each; the first is the chief.
        index: which of them this process is.
        plan: what must be the same in all, by name; plain values.
        timeout: seconds until it gives up.

    Raises:
        UserError: if plans differ, in every worker; or if this worker's port is in use.
        WorkerLost: if a worker does not come in time.
    """
    deadline = time.monotonic() + timeout
    with _listen(workers[index]) as server:
        if index == 0:
            problem = _gather(server, workers, plan, timeout, deadline)
        else:
            server.close()  # the port is free, and is TensorFlow's
            problem = _report(workers[0], {"index": index, "plan": plan}, timeout, deadline)
    if problem:
        raise UserError(problem)


def _listen(address: str) -> socket.socket:
    port = int(address.rpartition(":")[2])
    try:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    except OSError as error:
        raise UserError(f"TF_CONFIG: this worker cannot listen at {address}: {error}") from None


def _gather(
    server: socket.socket,
    workers: Sequence[str],
    plan: dict[str, Any],
    timeout: float,
    deadline: float,
) -> str:
    """The chief's side; returns what is wrong with the plans, or nothing."""
    with contextlib.ExitStack() as stack:
        there: dict[int, socket.socket] = {}
        problem = ""
        while missing := sorted(set(range(1, len(workers))) - set(there)):
            server.settimeout(max(0.01, deadline - time.monotonic()))
            try:
                connection = stack.enter_context(server.accept()[0])
            except TimeoutError:
                raise WorkerLost(
                    f"worker {missing[0]} ({workers[missing[0]]}) did not join within {timeout:g} "
                    "seconds"
                ) from None
            hello = _read(connection, _ONE_TRY_SECONDS)
            if hello.get("index") in range(1, len(workers)):
                there[hello["index"]] = connection
                problem = problem or _difference(plan, hello.get("plan", {}), hello["index"])
        for connection in there.values():
            _send(connection, {"problem": problem})
        for connection in there.values():
            _read(connection, _ONE_TRY_SECONDS)  # it closes first, so that the port is free at once
    return problem


def _difference(ours: dict[str, Any], theirs: dict[str, Any], index: int) -> str:
    for name, value in ours.items():
        if theirs.get(name) != value:
            return f"{name} is {value!r} in the chief but {theirs.get(name)!r} in worker {index}"
    return ""


def _report(chief: str, hello: dict[str, Any], timeout: float, deadline: float) -> str:
    """The side of the others; returns what the chief finds wrong, or nothing."""
    host, _, port = chief.rpartition(":")
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection((host, int(port)), min(left, _ONE_TRY_SECONDS)) as chiefs:
                _send(chiefs, hello)
                answer = _read(chiefs, max(0.01, deadline - time.monotonic()))
        except OSError:
            answer = {}
        if "problem" in answer:
            return answer["problem"]
        time.sleep(0.2)
    raise WorkerLost(f"the chief ({chief}) did not answer within {timeout:g} seconds")


def _send(connection: socket.socket, message: dict[str, Any]) -> None:
    with contextlib.suppress(OSError):  # a worker that is gone is missed later
        connection.sendall(json.dumps(message).encode() + b"\n")


def _read(connection: socket.socket, seconds: float) -> dict[str, Any]:
    """The message that comes; an empty one if none does, or it makes no sense."""
    connection.settimeout(seconds)
    try:
        with connection.makefile("rb") as lines:
            message = json.loads(lines.readline(_MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return message if isinstance(message, dict) else {}
