"""Quarantine: devices whose word does not count, why, and until when.

It survives restarts; after a reboot what was left of the time begins anew, for the monotonic clock
of another boot tells nothing.
"""

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final

MOST: Final = 1_000
"""Devices in quarantine; beyond it the one that was there longest leaves."""


class Why(StrEnum):
    """What a device did."""

    FLOOD = "flood"
    """It sends more than its source's limits allow: what it sends is dropped, counted."""
    IDENTITY = "identity"
    """It claims to be another: its readings are kept as bad."""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """One device in quarantine."""

    source: str
    device: str
    why: Why
    detail: str
    at_ms: int
    """Wall clock."""
    mono_ms: int
    boot: str
    for_ms: int

    def left_ms(self, mono_ms: int) -> int:
        """How long it still lasts."""
        return self.mono_ms + self.for_ms - mono_ms

    @property
    def name(self) -> str:
        """As people name it."""
        return f"{self.source}/{self.device}"


class Quarantine:
    """All of them, by source and device."""

    def __init__(self) -> None:
        """Nobody."""
        self.by_device: dict[tuple[str, str], Quarantined] = {}
        """By source and device; asked on the hot path."""

    def __len__(self) -> int:
        return len(self.by_device)

    def __iter__(self) -> Iterator[Quarantined]:
        return iter(list(self.by_device.values()))

    def get(self, source: str, device: str) -> Quarantined | None:
        """Why a device is here; None when it is not."""
        return self.by_device.get((source, device))

    def put(self, one: Quarantined) -> Quarantined | None:
        """Take in a device; gives back one that had to leave for it."""
        key = (one.source, one.device)
        self.by_device.pop(key, None)
        gone = None
        if len(self.by_device) >= MOST:
            gone = self.by_device.pop(next(iter(self.by_device)))
        self.by_device[key] = one
        return gone

    def release(self, source: str, device: str) -> Quarantined | None:
        """Let a device go; None when it is not here."""
        return self.by_device.pop((source, device), None)

    def over(self, mono_ms: int) -> list[Quarantined]:
        """Those whose time is over."""
        return [one for one in self.by_device.values() if one.left_ms(mono_ms) <= 0]


def to_json(one: Quarantined) -> str:
    """As the store keeps it."""
    return json.dumps(asdict(one))


def restored(text: str, boot: str, mono_ms: int) -> Quarantined | None:
    """What ``to_json`` wrote, on the clock of this boot; None when it is damaged."""
    try:
        tree = json.loads(text)
        one = Quarantined(**tree | {"why": Why(tree["why"])})
        if one.boot != boot:
            one = Quarantined(**asdict(one) | {"why": one.why, "mono_ms": mono_ms, "boot": boot})
        one.left_ms(mono_ms)
    except (ValueError, TypeError, KeyError):
        return None
    return one
