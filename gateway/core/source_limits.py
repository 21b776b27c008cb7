"""Limits of one source: how large, how many, how fast; what is over them is refused by a reason.

Times are those of arrival on the monotonic clock, so a late look changes nothing. All memory is
bounded: an unmapped device beyond ``max_devices`` is never remembered.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from gateway.core.messages import Message
from gateway.core.traffic import Tally

DAY_MS: Final = 86_400_000
"""A device that is not mapped and was not heard for so long gives its place to another."""
LOOK_MS: Final = 60_000
"""So often it is looked for such a place at most."""
TOPICS: Final = 10_000
"""Topics remembered."""
MUTED: Final = 1_000


class Over(StrEnum):
    """Which limit a message was over; also the reason of its reject, and of the counter."""

    PAYLOAD = "over_payload"
    TOPIC = "over_topic"
    RATE = "over_rate"
    DEVICES = "over_devices"
    MUTED = "quarantined"


@dataclass(frozen=True, slots=True)
class SourceLimits:
    """What one source may send. A rate of 0 is no limit.

    As they are, the rates are more than a Pi takes: a declared device that is merely fast waits in
    the broker and loses nothing. Whoever knows what is usual on a site sets lower ones.
    """

    max_payload: int = 1_048_576
    """Bytes. Zigbee2MQTT's own limit of a packet is 1 MiB."""
    max_topic: int = 512
    """Characters."""
    max_devices: int = 1_000
    """Devices that no asset maps; those of the file always pass."""
    messages_per_second: float = 20_000.0
    burst: int = 100_000
    """So many at once before the rate holds."""
    device_per_second: float = 2_000.0
    """Of one device; one that sends more is quarantined."""
    device_burst: int = 50_000


class Bucket:
    """Tokens that come back with time."""

    __slots__ = ("at_ms", "left")

    def __init__(self, burst: float, at_ms: int) -> None:
        self.left = burst
        self.at_ms = at_ms

    def take(self, per_ms: float, burst: float, now_ms: int) -> bool:
        """Take a token; false when there is none."""
        left = self.left + (now_ms - self.at_ms) * per_ms
        self.at_ms = now_ms
        left = min(left, burst)
        if left < 1.0:
            self.left = left
            return False
        self.left = left - 1.0
        return True


class Heard(Bucket):
    """A device that was heard."""

    __slots__ = ("frame",)

    def __init__(self, burst: float, at_ms: int) -> None:
        super().__init__(burst, at_ms)
        self.frame = -1
        """Its newest frame counter; -1: it has none."""


class Gate:
    """What one source may send, and what it sent in this period."""

    __slots__ = (
        *("_bucket", "_burst", "_device_burst", "_device_per_ms", "_looked_ms"),
        *("_mapped", "_max_payload", "_max_topic", "_per_ms", "_topics"),
        *("devices", "limits", "muted", "tally"),
    )

    def __init__(self, limits: SourceLimits, mapped: Iterable[str]) -> None:
        """``mapped``: devices that the file names."""
        self.limits = limits
        self.tally = Tally()
        self.muted: dict[str, str] = {}
        """Topic -> the quarantined device that floods it."""
        self._mapped = frozenset(mapped)
        self._max_payload, self._max_topic = limits.max_payload, limits.max_topic
        self._per_ms = limits.messages_per_second / 1000
        self._burst = float(limits.burst)
        self._device_per_ms = limits.device_per_second / 1000
        self._device_burst = float(limits.device_burst)
        self._bucket = Bucket(self._burst, 0)
        self.devices: dict[str, Heard] = {}
        """Those that were heard."""
        self._topics: set[str] = set()
        self._looked_ms = 0

    def admit(self, message: Message) -> Over | None:
        """Look at a message before it is read; which limit it is over."""
        topic, size = message[1], len(message[2])
        tally = self.tally
        tally.messages += 1
        tally.bytes += size
        if topic not in self._topics and len(self._topics) < TOPICS:
            self._topics.add(topic[: self._max_topic])
            tally.new_topics += 1
        if size > self._max_payload:
            return Over.PAYLOAD
        if len(topic) > self._max_topic:
            return Over.TOPIC
        if self.muted and topic in self.muted:
            return Over.MUTED
        per_ms = self._per_ms
        if not per_ms:
            return None
        bucket, now_ms = self._bucket, message[7]  # as ``take`` does: a call costs as much again
        left = bucket.left + (now_ms - bucket.at_ms) * per_ms
        bucket.at_ms = now_ms
        if left < 1.0:
            bucket.left = left
            return Over.RATE
        burst = self._burst
        bucket.left = (left if left < burst else burst) - 1.0  # noqa: FURB136 - a call less
        return None

    def floods(self, heard: Heard, mono_ms: int) -> bool:
        """Note that a device spoke; whether it speaks too often."""
        per_ms = self._device_per_ms
        if not per_ms:
            return False
        left = heard.left + (mono_ms - heard.at_ms) * per_ms
        heard.at_ms = mono_ms
        if left < 1.0:
            heard.left = left
            return True
        burst = self._device_burst
        heard.left = (left if left < burst else burst) - 1.0  # noqa: FURB136 - a call less
        return False

    def frame(self, heard: Heard, frame: int, missed: float | None) -> None:
        """Note a frame counter; ``missed`` is None at the start of a session."""
        backward = missed is not None and frame <= heard.frame
        self.tally.frame(missed, backward=backward)
        if not backward:
            heard.frame = frame

    def names(self, device: str) -> bool:
        """The file maps this device."""
        return device in self._mapped

    def welcome(self, device: str, mono_ms: int) -> Heard | None:
        """Take in a device that is new; None when there are too many."""
        self.tally.new_devices += 1
        if device not in self._mapped and not self._room(mono_ms):
            return None
        self.devices[device] = heard = Heard(self._device_burst, mono_ms)
        return heard

    def mute(self, topic: str, device: str) -> None:
        """Read nothing of a topic any more that belongs to a device which floods it."""
        if len(self.muted) < MUTED:
            self.muted[topic] = device

    def unmute(self, device: str) -> None:
        """The device may speak again, as if it were new."""
        self.muted = {topic: one for topic, one in self.muted.items() if one != device}
        self.devices.pop(device, None)

    def take_over(self, before: "Gate") -> None:
        """Go on with what another one knows; the limits stay one's own."""
        self.tally, self.muted = before.tally, before.muted
        self.devices, self._topics = before.devices, before._topics  # noqa: SLF001 - the same class

    def forget(self, device: str) -> None:
        """Nothing is remembered of a device, nor of topics that name it."""
        self.unmute(device)
        self._topics = {topic for topic in self._topics if device not in topic}

    def _room(self, mono_ms: int) -> bool:
        loose = len(self.devices) - len(self._mapped & self.devices.keys())
        if loose < self.limits.max_devices:
            return True
        if mono_ms - self._looked_ms < LOOK_MS:
            return False
        self._looked_ms = mono_ms
        old = [
            name
            for name, bucket in self.devices.items()
            if mono_ms - bucket.at_ms > DAY_MS and name not in self._mapped
        ]
        for name in old:
            del self.devices[name]
        return bool(old)
