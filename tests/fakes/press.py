"""A press whose accelerometer sends its samples in one message, and an ear on the gateway."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from scripts.train import bearing
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

PACKAGE = bearing.OUT
RPM = 1800.0
TEXT = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources:
  press: {bridge: json, broker: local, topic: "press/{device}", subscribe: "press/+"}
store: {path: gateway.db, min_free_bytes: 1MiB, verdicts: all}
log: {level: debug, format: json}
assets:
  press-4:
    metrics:
      vibration:
        from: press/accel-1
        path: samples
        signal: {rate: 12000 Hz, rate_path: fs}
        source_unit: g
        unit: m/s2
        range: [-2000, 2000]
        rail: [-1900, 1900]
      speed: {from: press/accel-1, path: rpm, unit: rpm}
    verdicts:
      - {model: bearing, channels: {acceleration: vibration}}
      - {rule: "peak(vibration) > 1000", label: alarm}
    policy:
      - {when: alarm, for: 2 of 3}
models: {bearing: {package: PACKAGE}}
"""


def press(port: int, *changes: tuple[str, str], package: Path = PACKAGE) -> str:
    """The press's configuration, with pieces of its text changed."""
    text = TEXT.replace("PORT", str(port)).replace("PACKAGE", str(package))
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def samples(part: str, seed: int, severity: float = 10.0) -> list[float]:
    """A block of a simulated bearing in g; ``part`` is empty for a healthy one."""
    found = bearing.block(np.random.default_rng(seed), part, RPM, severity)
    return [round(float(one), 5) for one in found / np.abs(found).max()]


class Press:
    """The sensor's side of a broker."""

    def __init__(self, port: int) -> None:
        self.peer = Peer(port, "edge/#")

    def __enter__(self) -> Self:
        self.peer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.peer.__exit__(kind, error, traceback)

    def tell(self, block: Iterable[Any] | str, **more: object) -> None:
        """One message of the sensor; the broker has it when this returns."""
        block = block if isinstance(block, str) else list(block)
        document = {"fs": 12_000, "rpm": RPM, **more, "samples": block}
        self.peer.publish("press/accel-1", json.dumps(document))

    def heard(self, topic: str) -> list[Any]:
        """Documents on one of the gateway's topics, oldest first."""
        wanted = f"edge/here/{topic}"
        return [json.loads(payload) for at, payload, _ in list(self.peer.heard) if at == wanted]

    def newest(self, topic: str) -> Any:
        """The newest of them; empty when there is none."""
        return (self.heard(topic) or [{}])[-1]

    def online(self) -> Self:
        """Wait until the gateway listens and its models are loaded."""
        said = lambda: [p for at, p, _ in list(self.peer.heard) if at.endswith("/availability")]
        wait_until(lambda: said()[-1:] == [b"online"], "the gateway is online", 60)
        return self
