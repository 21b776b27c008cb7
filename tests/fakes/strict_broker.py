"""A broker front that keeps to the documented limits of a cloud, and hangs up beyond them.

It is no cloud: it knows sizes, rates, topics, QoS, unanswered publishes and who may come in, as far
as their documents say so, in numbers of its own.
"""

import base64
import hashlib
import hmac
import re
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import parse_qs, unquote


@dataclass(frozen=True)
class Rules:
    """What a cloud takes."""

    versions: tuple[int, ...] = (4, 5)
    payload: int = 268_435_455
    topic_bytes: int = 65_535
    slashes: int = 10_000
    topic: str = ".*"
    per_s: float = 1e9
    bytes_per_s: float = 1e12
    unanswered: int = 65_535
    unanswered_bytes: int = 1 << 40
    keepalive: tuple[int, int] = (0, 65_535)
    lets_in: Callable[[str, str, str], bool] = lambda _client, _user, _password: True
    answer: int = 0
    """Code of every PUBACK, in version 5."""


AWS = Rules(
    payload=128 * 1024,
    topic_bytes=256,
    slashes=7,
    per_s=100,
    bytes_per_s=512 * 1024,
    unanswered=100,
    keepalive=(30, 1200),
)
IOT_HUB = Rules(
    versions=(4,),
    payload=256 * 1024,
    topic=r"devices/[^/]+/messages/events/[^/]*",
    keepalive=(0, 1767),
)
EVENT_GRID = Rules(
    payload=512 * 1024,
    topic_bytes=256,
    per_s=1000,
    bytes_per_s=1_000_000,
    unanswered=1000,
    unanswered_bytes=64 * 1024,
    keepalive=(0, 1160),
)


THINGSBOARD = Rules(payload=65_536, topic="v1/gateway/(connect|attributes|telemetry)", per_s=50)


def hub_lets_in(host: str, keys: dict[str, bytes]) -> Callable[[str, str, str], bool]:
    """Azure's documents on tokens: sr, sig and se, signed with the device's key."""

    def lets_in(client: str, user: str, password: str) -> bool:
        kind, _, rest = password.partition(" ")
        told = {name: value[0] for name, value in parse_qs(rest).items()}
        if kind != "SharedAccessSignature" or client not in keys:
            return False
        signed = f"{re.sub('/', '%2F', told['sr'])}\n{told['se']}".encode()
        made = base64.b64encode(hmac.new(keys[client], signed, hashlib.sha256).digest())
        return (
            unquote(told["sr"]) == f"{host}/devices/{client}"
            and user == f"{host}/{client}/?api-version=2021-04-12"
            and made.decode() == told["sig"]
            and int(told["se"]) * 10**9 > time.time_ns()
        )

    return lets_in


class StrictBroker:
    """Takes connections until the end of the ``with``; answers publishes after ``delay_s``."""

    def __init__(self, rules: Rules, delay_s: float = 0.0) -> None:
        self.rules, self.delay_s = rules, delay_s
        self.taken: list[tuple[str, bytes]] = []
        """Topic and payload of what was acknowledged."""
        self.faults: list[str] = []
        self.connects: list[tuple[str, str, str]] = []
        self.mute_after: int | None = None
        """So many more publishes are answered."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]

    def __enter__(self) -> Self:
        self._threads[0].start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for sock in self._open:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(5)
        for sock in self._open:
            sock.close()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._open.append(sock)
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with suppress(OSError, EOFError):
            _Connection(self, sock).run()
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


class _Connection:
    def __init__(self, broker: StrictBroker, sock: socket.socket) -> None:
        self._broker, self._rules, self._sock = broker, broker.rules, sock
        self._five = False
        self._waiting: deque[tuple[float, int, str, bytes]] = deque()
        self._began = time.monotonic()
        self._count = self._bytes = 0

    def run(self) -> None:
        kind, body = self._packet()
        if kind >> 4 != 1 or not self._connect(body):
            return
        while self._publish_or_ping():
            pass

    def _connect(self, body: bytes) -> bool:
        rules, level, flags = self._rules, body[6], body[7]
        keepalive, at = int.from_bytes(body[8:10], "big"), 10
        self._five = level == 5
        if self._five:
            at += 1 + body[at]
        words = []
        for there in (True, flags & 0x80, flags & 0x40):
            size = int.from_bytes(body[at : at + 2], "big") if there else 0
            words.append(body[at + 2 : at + 2 + size].decode() if there else "")
            at += 2 + size if there else 0
        self._broker.connects.append((words[0], words[1], words[2]))
        low, high = rules.keepalive
        if level not in rules.versions or not low <= keepalive <= high:
            return self._fault(f"version {level}, keep-alive {keepalive}")
        if not rules.lets_in(*words):
            self._sock.sendall(bytes.fromhex("2003008700") if self._five else b"\x20\x02\x00\x05")
            return False
        self._sock.sendall(bytes.fromhex("2003000000") if self._five else b"\x20\x02\x00\x00")
        return True

    def _publish_or_ping(self) -> bool:
        self._answer()
        try:
            kind, body = self._packet()
        except TimeoutError:
            return True
        if kind >> 4 == 12:
            self._sock.sendall(b"\xd0\x00")
        if kind >> 4 != 3:
            return kind >> 4 != 14
        size = int.from_bytes(body[:2], "big")
        topic, at = body[2 : 2 + size].decode(), 2 + size
        packet_id, at = int.from_bytes(body[at : at + 2], "big"), at + 2
        if self._five:
            at += 1 + body[at]
        fault = self._wrong(kind, topic, body[at:])
        if fault:
            return self._fault(fault)
        due = time.monotonic() + self._broker.delay_s
        self._waiting.append((due, packet_id, topic, body[at:]))
        return True

    def _wrong(self, kind: int, topic: str, payload: bytes) -> str:
        rules = self._rules
        self._count, self._bytes = self._count + 1, self._bytes + len(payload)
        seconds = time.monotonic() - self._began + 1  # a bucket of one second's worth
        held = sum(len(one[3]) for one in self._waiting) + len(payload)
        counted = topic.split("/", 3)[-1] if topic.startswith("$aws/rules/") else topic
        checks = {
            "qos": kind >> 1 & 3 == 1,
            "retained": not kind & 1,
            "payload": len(payload) <= rules.payload,
            "topic": re.fullmatch(rules.topic, topic) is not None,
            "topic length": len(counted.encode()) <= rules.topic_bytes,
            "slashes": counted.count("/") <= rules.slashes,
            "rate": self._count <= rules.per_s * seconds,
            "bandwidth": self._bytes <= rules.bytes_per_s * seconds,
            "unanswered": len(self._waiting) < rules.unanswered,
            "unanswered bytes": held <= rules.unanswered_bytes,
        }
        return ", ".join(what for what, kept in checks.items() if not kept)

    def _answer(self) -> None:
        broker = self._broker
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            if broker.mute_after is not None:
                if broker.mute_after == 0:
                    return
                broker.mute_after -= 1
            _, packet_id, topic, payload = self._waiting.popleft()
            broker.taken.append((topic, payload))
            code = bytes([self._rules.answer]) if self._five and self._rules.answer else b""
            self._sock.sendall(bytes([0x40, 2 + len(code)]) + packet_id.to_bytes(2, "big") + code)

    def _fault(self, what: str) -> bool:
        self._broker.faults.append(what)
        return False

    def _packet(self) -> tuple[int, bytes]:
        kind = self._read(1)[0]
        self._sock.settimeout(10)
        size = shift = 0
        while True:
            byte = self._read(1)[0]
            size |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                break
        body = self._read(size)
        self._sock.settimeout(0.005)
        return kind, body

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self._sock.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data
