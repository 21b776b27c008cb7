"""From an uplink to the readings that the user asked for: the hot path.

A reading's reason is the first that applies: its own value is bad; the whole uplink is bad
(simulated, updating); retained; cached; late or clock; what else the bridge said of the uplink.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from operator import eq
from typing import Final, NamedTuple

from gateway.core.messages import Message, Quality, Reason, Tree, Uplink
from gateway.core.numbers import Numbers
from gateway.core.paths import MISSING, Path, Step
from gateway.core.readings import Metric, MetricKind, Reading, Readings, Report
from gateway.core.signal_mapping import NO_SIGNALS, add_signals
from gateway.core.times import axis
from gateway.core.unmapped import ad_hoc, kind_of, leaves, links, top
from gateway.core.values import MAX_TEXT, coerce

MAX_LEAVES: Final = 512
"""Unmapped values read of one uplink."""
MAX_FOUND: Final = 10_000
"""Unmapped metrics remembered of one source: random radio addresses must not fill the memory."""

_OK = Reason.OK
_CACHED = Reason.CACHED
_BAD = frozenset(reason for reason in Reason if reason.quality is Quality.BAD)
_new = tuple.__new__  # a third of the time of NamedTuple's own


class Mapper:
    """Applies the metrics of one source to its uplinks; remembers the last value of each."""

    def __init__(self, source: str, metrics: Iterable[Metric], *, discover: bool = False) -> None:
        self.source = source
        self.ignored = 0
        """Unmapped values over ``MAX_FOUND``, and uplinks over ``MAX_LEAVES``."""
        self._discover = discover
        self._found = 0
        by_device: dict[str, list[Metric]] = {}
        for metric in metrics:
            by_device.setdefault(metric.device, []).append(metric)
        self._devices = {device: _Device(mapped) for device, mapped in by_device.items()}

    def report(self, uplink: Uplink, message: Message, *, clock_ok: bool = True) -> Report | None:
        """Give the readings of an uplink; None when it holds none that anybody asked for."""
        device = self._devices.get(uplink.device)
        sight = _NOTHING if device is None else device.look(uplink)
        if self._discover:
            if device is None:
                device = _Device()
            unmapped = list(self._unmapped(uplink, device))
            if unmapped:
                self._devices[uplink.device] = device
                sight = sight._replace(found=sight.found + unmapped)
        if device is None or not (sight.raw or sight.found or device.signals):
            return None
        received_at_ms = message.received_at_ms
        at_ms, when = axis(uplink, received_at_ms, clock_ok=clock_ok)
        strong, weak = _marks(uplink, when, retain=message.retain)
        repeats = _repeats(sight, uplink, device) if uplink.cached else frozenset()
        signals = NO_SIGNALS
        if strong is _OK and weak is _OK and not (sight.found or repeats or device.signals):
            readings = Readings(device.numbers.metrics, sight.values, device.numbers.good)
        else:
            judged = list(_judged(sight, device.numbers, repeats, strong, weak))
            if device.signals:
                signals = add_signals(judged, device.signals, device.last, uplink, strong, weak)
            if not judged:
                return None
            readings = Readings.of(judged)
        return _new(
            Report,
            (
                *(self.source, uplink.device, readings, at_ms, received_at_ms),
                *(message.received_mono_ms, uplink.measured_at_ms, uplink.origin, uplink.dedup),
                signals,
            ),
        )

    def _unmapped(self, uplink: Uplink, device: "_Device") -> Iterator["_Found"]:
        """Read every leaf that no metric names, up to the limits."""
        found = chain(links(uplink), leaves(uplink.values, uplink.aside | device.tops))
        for steps, raw in islice(found, MAX_LEAVES):
            kind = kind_of(raw)
            if kind is None or steps in device.paths:
                continue
            metric = device.found.get((steps, kind))
            if metric is None:
                path = Path.of(*steps)
                if self._found >= MAX_FOUND or len(str(path)) > MAX_TEXT:
                    self.ignored += 1
                    continue
                self._found += 1
                metric = ad_hoc(self.source, uplink.device, path, kind)
                device.found[steps, kind] = metric
            yield metric, top(steps), raw
        self.ignored += next(found, None) is not None


_Found = tuple[Metric, str | None, Tree]
"""A metric, the top-level key it was found under (None: a link metric), and its raw value."""


class _Sight(NamedTuple):
    """What an uplink has of a device's metrics."""

    found: list[_Found]
    """To be looked at one by one."""
    raw: tuple[float, ...] = ()
    """Of the device's ``numbers``, in their order; empty when those are among the found."""
    values: tuple[float, ...] = ()
    """The same, scaled, in range."""


_NOTHING: Final = _Sight([])


class _Device:
    """The metrics of one device, ready to be looked up."""

    __slots__ = (
        *("_pathed", "_plain", "_rest", "found", "last", "numbers"),
        *("paths", "signals", "tops"),
    )

    def __init__(self, metrics: Iterable[Metric] = ()) -> None:
        self._plain: list[tuple[Metric, str]] = []
        self._pathed: list[tuple[Metric, str]] = []
        self.paths: set[tuple[Step, ...]] = set()
        self.found: dict[tuple[tuple[Step, ...], MetricKind], Metric] = {}
        self.last: dict[Metric, Tree] = {}
        """Raw values of the previous uplink; what the bridge repeats is held against them."""
        self.signals: list[Metric] = []
        self.tops: frozenset[str] = frozenset()
        """Top-level keys with samples: thousands of values that nobody wants one by one."""

        for metric in metrics:
            self._add(metric)
        numbers = [one for one in self._plain if Numbers.take(one[0])]
        self.numbers = Numbers([metric for metric, _ in numbers], [key for _, key in numbers])
        self._rest = [one for one in self._plain if one not in numbers]
        """What is more than a number."""

    def _add(self, metric: Metric) -> None:
        self.paths.add(metric.path.steps)
        if metric.signal is not None:
            self.signals.append(metric)
            self.tops |= {top(metric.path.steps) or ""}
            return
        key = metric.path.key
        if key is None:
            under = top(metric.path.steps)
            self._pathed.append((metric, "link" if under is None else under))
        else:
            self._plain.append((metric, key))

    def look(self, uplink: Uplink) -> _Sight:
        """Find the raw values of the mapped metrics that this uplink has."""
        document, raw, values = uplink.values, None, None
        found: list[_Found] = []
        if isinstance(document, dict):
            raw = self.numbers.raw(document)
            values = self.numbers.values(raw) if raw else None
            plain = self._plain if values is None else self._rest
            if plain:
                found = [(metric, key, document[key]) for metric, key in plain if key in document]
        if self._pathed:
            found += self._along_paths(uplink)
        return _new(_Sight, (found, () if values is None else raw, values or ()))

    def _along_paths(self, uplink: Uplink) -> Iterator[_Found]:
        for metric, key in self._pathed:
            if key == "link" and uplink.link:
                raw = metric.path.first({"link": uplink.link})
                if raw is not MISSING:
                    yield metric, None, raw
                    continue
            raw = metric.path.first(uplink.values)
            if raw is not MISSING:
                yield metric, key, raw


def _judged(
    sight: _Sight, numbers: Numbers, repeats: AbstractSet[Metric], strong: Reason, weak: Reason
) -> Iterator[Reading]:
    """Coerce what was found, and mark each reading with the first reason that applies."""
    coerced = (coerce(metric, raw) for metric, _, raw in sight.found)
    for reading in chain(map(Reading, numbers.metrics, sight.values), coerced):
        if reading is None:
            continue
        metric, value, reason = reading
        mark = strong if strong is not _OK else _CACHED if metric in repeats else weak
        yield reading if mark is _OK or reason is not _OK else Reading(metric, value, mark)


def _marks(uplink: Uplink, when: Reason, *, retain: bool) -> tuple[Reason, Reason]:
    """What holds for every value of an uplink: before ``cached``, and after it."""
    given = uplink.reason
    strong = given if given in _BAD else Reason.RETAINED if retain else _OK
    return strong, when if when is not _OK else given


def _repeats(sight: _Sight, uplink: Uplink, device: _Device) -> AbstractSet[Metric]:
    """Find the metrics whose values the bridge may only have remembered.

    A value is fresh evidence when it changed, when its key is never cached, or when it is the only
    one the user maps and the device was heard. With nothing before it, it proves nothing either.
    """
    last, fresh, numbers = device.last, uplink.fresh, device.numbers
    found = [one for one in sight.found if one[1] is not None]
    heard = len(found) + len(sight.raw)
    if any(map(eq, map(last.get, numbers.metrics, sight.raw), sight.raw)):
        found += zip(numbers.metrics, numbers.keys, sight.raw, strict=True)
    elif sight.raw:
        last.update(zip(numbers.metrics, sight.raw, strict=True))
    same = {
        metric for metric, key, raw in found if last.get(metric, raw) == raw and key not in fresh
    }
    last.update((metric, raw) for metric, _, raw in found)
    return frozenset() if heard == 1 and uplink.seen_advanced else same
