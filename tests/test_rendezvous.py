"""Workers meet before they train, and say it where they cannot."""

import contextlib
import socket
import threading
import time

import pytest
from conftest import free_ports

from tfgan import UserError
from tfgan.cluster import rendezvous
from tfgan.ground.errors import WorkerLost


def meet(plans: list[dict], timeout: float = 20) -> list[Exception | None]:
    addresses = [f"127.0.0.1:{port}" for port in free_ports(len(plans))]
    ends: list[Exception | None] = [None] * len(plans)

    def one(index):
        try:
            rendezvous.meet(addresses, index, plans[index], timeout)
        except (UserError, WorkerLost) as error:
            ends[index] = error

    threads = [threading.Thread(target=one, args=(index,)) for index in range(len(plans))]
    for thread in reversed(threads):
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    return ends


def test_workers_meet():
    assert meet([{"seed": 1}] * 3) == [None] * 3


def test_workers_with_other_plans_are_refused_everywhere():
    ends = meet([{"seed": 1, "epochs": 5}, {"seed": 1, "epochs": 5}, {"seed": 2, "epochs": 5}])
    assert {str(end) for end in ends} == {"seed is 1 in the chief but 2 in worker 2"}


def test_strangers_at_the_port_do_no_harm():
    addresses = [f"127.0.0.1:{port}" for port in free_ports(2)]
    chief = threading.Thread(target=rendezvous.meet, args=(addresses, 0, {}, 20))
    chief.start()
    for message in (b"GET / HTTP/1.1\r\n\r\n", b"[]\n", b'{"index": 7}\n', b'{"index": "1"}\n'):
        with connect(addresses[0]) as stranger:
            stranger.sendall(message)
    rendezvous.meet(addresses, 1, {}, 20)
    chief.join()


def connect(address: str) -> socket.socket:
    host, port = address.split(":")
    for _ in range(100):
        with contextlib.suppress(OSError):
            return socket.create_connection((host, int(port)))
        time.sleep(0.05)
    raise AssertionError("nobody listens")


def test_taken_port_is_told():
    with socket.create_server(("", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(UserError, match=f"^TF_CONFIG: this worker cannot listen at {address}"):
            rendezvous.meet([address, "127.0.0.1:1"], 0, {}, 1)
