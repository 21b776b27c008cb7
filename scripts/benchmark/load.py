"""Publishes a stretch of the plant's messages.

``python -m scripts.benchmark.load PORT FIRST COUNT``: QoS 1 with a window; all packets are made
before the first is sent. With ``--rate`` it keeps to that many a second, and says how long each
overload took to come back as a command. Prints one JSON line.
"""

import argparse
import json
import socket
import threading
import time
from contextlib import suppress

from scripts.benchmark import plant, wire

WINDOW = 1_000
"""Messages that wait for the broker's answer at once."""
CHUNK = 50
DRAIN_S = 2.0


def packets(first: int, count: int, overload: plant.Overload) -> list[bytes]:
    return [
        wire.publish(plant.topic(n), plant.payload(n, overload), n % 65_535 + 1)
        for n in range(first, first + count)
    ]


def flood(sock: socket.socket, made: list[bytes]) -> None:
    """As fast as the broker takes them."""
    open_bytes = 0
    for start in range(0, len(made), CHUNK):
        chunk = made[start : start + CHUNK]
        sock.sendall(b"".join(chunk))
        open_bytes += wire.PUBACK_BYTES * len(chunk)
        while open_bytes > wire.PUBACK_BYTES * WINDOW:
            open_bytes -= len(sock.recv(65_536))
    wire.exactly(sock, open_bytes)


class Probe:
    """Times from an overload's publish to the command that answers it."""

    def __init__(self, port: int) -> None:
        self.latencies_ms: list[float] = []
        self.waiting: dict[str, float] = {}
        self._sock = wire.dial(port, "probe")
        wire.subscribe(self._sock, "zigbee2mqtt/+/set")
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def _listen(self) -> None:
        with suppress(OSError):
            for now, topic, _ in wire.arrivals(self._sock):
                sent = self.waiting.pop(topic.removesuffix("/set"), None)
                if sent is not None:
                    self.latencies_ms.append((now - sent) * 1000)

    def close(self) -> None:
        until = time.perf_counter() + DRAIN_S
        while self.waiting and time.perf_counter() < until:
            time.sleep(0.01)
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()


def pace(
    sock: socket.socket,
    made: list[bytes],
    first: int,
    rate: float,
    probe: Probe,
    overload: plant.Overload,
) -> None:
    """At a steady rate; the probe learns when each overload began."""
    began = time.perf_counter()
    for i, one in enumerate(made):
        number = first + i
        ahead = began + i / rate - time.perf_counter()
        if ahead > 0:
            time.sleep(ahead)
        if overload.high(plant.turn_of(number)):
            probe.waiting[plant.topic(number)] = time.perf_counter()
        sock.sendall(one)
    wire.exactly(sock, wire.PUBACK_BYTES * len(made))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("first", type=int)
    parser.add_argument("count", type=int)
    parser.add_argument("--rate", type=float)
    parser.add_argument("--overload", choices=plant.OVERLOADS, default="now")
    given = parser.parse_args()
    overload = plant.OVERLOADS[given.overload]
    made = packets(given.first, given.count, overload)
    sock = wire.dial(given.port, "load")
    began, said = time.perf_counter(), {}
    if given.rate:
        probe = Probe(given.port)
        pace(sock, made, given.first, given.rate, probe, overload)
        probe.close()
        said = {"latencies_ms": probe.latencies_ms, "unanswered": len(probe.waiting)}
    else:
        flood(sock, made)
    seconds = time.perf_counter() - began
    print(json.dumps({"began": began, "rate": given.count / seconds, **said}))


if __name__ == "__main__":
    main()
