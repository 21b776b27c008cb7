"""What the process of sync last said of its lanes, and what of it is news."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from gateway.config.settings import SyncSink
from gateway.core import choices, positions
from gateway.core.choices import QUEUED
from gateway.core.topic_tree import Document
from gateway.errors import DecodeError

NEWS_MS: Final = 60_000
"""A cloud that is out of reach for less is no news."""
_SHARED: Final = ("sink", "lane", "kind", "position", "bytes_today", "budget")


class Lanes:
    """By sink and lane."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._lanes: Sequence[Mapping[str, Any]] = ()
        self._since_ms: dict[str, int] = {}
        self._refused: dict[str, tuple[int, str]] = {}
        self._told_ms: dict[str, int] = {}
        self.unavailable: dict[str, str] = {}
        """Sinks that are out of reach for longer than ``NEWS_MS``, and why."""

    def take(self, lanes: Sequence[Mapping[str, Any]], mono_ms: int) -> None:
        """It said this."""
        self._lanes = lanes
        failing = dict(self._failing())
        self._since_ms = {sink: self._since_ms.get(sink, mono_ms) for sink in failing}

    def _failing(self) -> Iterator[tuple[str, str]]:
        for lane in self._lanes:
            if lane.get("error"):
                yield str(lane["sink"]), str(lane["error"])

    def news(self, mono_ms: int) -> list[tuple[str, str]]:
        """Sinks that became unavailable, with the error, and those that are back, without."""
        failing = dict(self._failing())
        gone = {
            sink: error
            for sink, error in failing.items()
            if sink in self.unavailable or mono_ms - self._since_ms.get(sink, mono_ms) >= NEWS_MS
        }
        news = [(sink, error) for sink, error in gone.items() if sink not in self.unavailable]
        news += [(sink, "") for sink in self.unavailable if sink not in gone]
        self.unavailable = gone
        return news

    def refuse(self, sink: str, rows: int, reason: str) -> None:
        """A cloud refused rows."""
        self._refused[sink] = (self._refused.get(sink, (0, ""))[0] + rows, reason[:200])

    def refusals(self, mono_ms: int) -> list[tuple[str, tuple[int, str]]]:
        """What was refused since it was told last: by sink how many rows, and the last reason.

        It is told at once, and then once a minute.
        """
        due = [sink for sink in self._refused if mono_ms >= self._told_ms.get(sink, mono_ms)]
        self._told_ms |= dict.fromkeys(due, mono_ms + NEWS_MS)
        return [(sink, self._refused.pop(sink)) for sink in due]

    def documents(self) -> dict[str, Document]:
        """Per sink what it is, and its lanes."""
        sinks = {lane["sink"]: lane for lane in self._lanes}
        return {name: self._document(name, one) for name, one in sinks.items()}

    def _document(self, name: str, one: Mapping[str, Any]) -> Document:
        lanes = {
            lane["lane"]: {key: value for key, value in lane.items() if key not in _SHARED}
            for lane in self._lanes
            if lane["sink"] == name
        }
        return {key: one[key] for key in ("kind", "bytes_today", "budget")} | {"lanes": lanes}

    def taken(self, sinks: Mapping[str, SyncSink]) -> dict[str, int]:
        """By kind of row that is stored for clouds alone, the last that every one of them has."""
        passed: dict[str, list[int]] = {}
        known = {
            lane["sink"]: str(lane["position"]) for lane in self._lanes if lane["lane"] == "events"
        }
        for name, sink in sinks.items():
            for kind in choices.queued([sink.choice]):
                passed.setdefault(kind, []).append(_passed(known.get(name, ""), kind))
        return {
            kind.value: min(passed[kind])
            for kind in QUEUED.values()
            if kind in passed and min(passed[kind])
        }


def _passed(position: str, kind: str) -> int:
    try:
        return int(getattr(positions.events(position), kind))
    except (DecodeError, AttributeError):
        return 0
