"""Ports for the fakes: never one that the kernel may give to somebody's connection meanwhile.

A broker that is killed must find its port free when it starts again. So ports are taken from below
the ephemeral range (ip(7): 32768 to 60999), and each process of a parallel run has its own.
"""

import itertools
import os
import socket

FIRST, PER_PROCESS = 12_000, 1_500
_PROCESS = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_ports = itertools.count(FIRST + _PROCESS % 12 * PER_PROCESS)


def take(process: int) -> None:
    """Take the ports of a process of one's own, forked after this was read."""
    global _ports  # noqa: PLW0603
    _ports = itertools.count(FIRST + process % 12 * PER_PROCESS)


def free_port() -> int:
    """A port on which nobody listens, and which was not given before."""
    for port in _ports:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0 and _binds(port):
                return port
    raise AssertionError


def _binds(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
