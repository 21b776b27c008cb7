"""From an uplink to the readings that the user asked for: the hot path.

A reading's reason is the first that applies: its own value is bad; the whole uplink is bad
(simulated, updating); retained; cached; late or clock; what else the bridge said of the uplink.
"""

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Final

from gateway.core import units
from gateway.core.messages import Message, Quality, Reason, Tree, Uplink
from gateway.core.paths import MISSING, Index, Key, Path, Step
from gateway.core.readings import Metric, MetricKind, Reading, Report
from gateway.core.signal_mapping import NO_SIGNALS, add_signals
from gateway.core.times import axis
from gateway.core.values import MAX_TEXT, NULL_WORDS, coerce, number

MAX_LEAVES: Final = 512
"""Unmapped values read of one uplink."""
MAX_FOUND: Final = 10_000
"""Unmapped metrics remembered of one source: random radio addresses must not fill the memory."""

_OK = Reason.OK
_CACHED = Reason.CACHED
_BAD = frozenset(reason for reason in Reason if reason.quality is Quality.BAD)


class Mapper:
    """Applies the metrics of one source to its uplinks; remembers the last value of each."""

    def __init__(self, source: str, metrics: Iterable[Metric], *, discover: bool = False) -> None:
        self.source = source
        self.ignored = 0
        """Unmapped values over ``MAX_FOUND``, and uplinks over ``MAX_LEAVES``."""
        self._discover = discover
        self._devices: dict[str, _Device] = {}
        self._found = 0
        for metric in metrics:
            self._devices.setdefault(metric.device, _Device()).add(metric)

    def report(self, uplink: Uplink, message: Message, *, clock_ok: bool = True) -> Report | None:
        """Give the readings of an uplink; None when it holds none that anybody asked for."""
        device = self._devices.get(uplink.device)
        found = [] if device is None else device.look(uplink)
        if self._discover:
            if device is None:
                device = _Device()
            mapped = len(found)
            found += self._unmapped(uplink, device)
            if len(found) > mapped:
                self._devices[uplink.device] = device
        if device is None or not (found or device.signals):
            return None
        received_at_ms = message.received_at_ms
        at_ms, when = axis(uplink, received_at_ms, clock_ok=clock_ok)
        readings = _judged(found, uplink, device, retain=message.retain, when=when)
        signals = NO_SIGNALS
        if device.signals:
            strong, weak = _marks(uplink, when, retain=message.retain)
            signals = add_signals(readings, device.signals, device.last, uplink, strong, weak)
        if not readings:
            return None
        return Report(
            self.source,
            uplink.device,
            tuple(readings),
            at_ms,
            received_at_ms,
            message.received_mono_ms,
            uplink.measured_at_ms,
            uplink.origin,
            uplink.dedup,
            signals,
        )

    def _unmapped(self, uplink: Uplink, device: "_Device") -> Iterator["_Found"]:
        """Read every leaf that no metric names, up to the limits."""
        leaves = chain(_links(uplink), _leaves(uplink.values, uplink.aside | device.tops))
        for steps, raw in islice(leaves, MAX_LEAVES):
            kind = _kind(raw)
            if kind is None or steps in device.paths:
                continue
            metric = device.found.get((steps, kind))
            if metric is None:
                path = Path.of(*steps)
                if self._found >= MAX_FOUND or len(str(path)) > MAX_TEXT:
                    self.ignored += 1
                    continue
                self._found += 1
                metric = _ad_hoc(self.source, uplink.device, path, kind)
                device.found[steps, kind] = metric
            yield metric, _top(steps), raw
        self.ignored += next(leaves, None) is not None


_Found = tuple[Metric, str | None, Tree]
"""A metric, the top-level key it was found under (None: a link metric), and its raw value."""


class _Device:
    """The metrics of one device, ready to be looked up."""

    __slots__ = ("_pathed", "_plain", "found", "last", "paths", "signals", "tops")

    def __init__(self) -> None:
        self._plain: list[tuple[Metric, str]] = []
        self._pathed: list[tuple[Metric, str]] = []
        self.paths: set[tuple[Step, ...]] = set()
        self.found: dict[tuple[tuple[Step, ...], MetricKind], Metric] = {}
        self.last: dict[Metric, Tree] = {}
        """Raw values of the previous uplink; what the bridge repeats is held against them."""
        self.signals: list[Metric] = []
        self.tops: frozenset[str] = frozenset()
        """Top-level keys with samples: thousands of values that nobody wants one by one."""

    def add(self, metric: Metric) -> None:
        self.paths.add(metric.path.steps)
        if metric.signal is not None:
            self.signals.append(metric)
            self.tops |= {_top(metric.path.steps) or ""}
            return
        key = metric.path.key
        if key is None:
            top = _top(metric.path.steps)
            self._pathed.append((metric, "link" if top is None else top))
        else:
            self._plain.append((metric, key))

    def look(self, uplink: Uplink) -> list[_Found]:
        """Find the raw values of the mapped metrics that this uplink has."""
        values = uplink.values
        found: list[_Found] = []
        if isinstance(values, dict):
            found = [(metric, key, values[key]) for metric, key in self._plain if key in values]
        for metric, key in self._pathed:
            if key == "link" and uplink.link:
                raw = metric.path.first({"link": uplink.link})
                if raw is not MISSING:
                    found.append((metric, None, raw))
                    continue
            raw = metric.path.first(values)
            if raw is not MISSING:
                found.append((metric, key, raw))
        return found


def _judged(
    found: list[_Found], uplink: Uplink, device: _Device, *, retain: bool, when: Reason
) -> list[Reading]:
    """Coerce what was found, and mark each reading with the first reason that applies."""
    strong, weak = _marks(uplink, when, retain=retain)
    repeats = _repeats(found, uplink, device) if uplink.cached else ()
    if strong is _OK and weak is _OK and not repeats:  # nearly every one
        return [one for metric, _, raw in found if (one := coerce(metric, raw)) is not None]
    readings = []
    for metric, _, raw in found:
        reading = coerce(metric, raw)
        if reading is None:
            continue
        mark = strong if strong is not _OK else _CACHED if metric in repeats else weak
        if mark is not _OK and reading[2] is _OK:
            reading = Reading(metric, reading[1], mark)
        readings.append(reading)
    return readings


def _marks(uplink: Uplink, when: Reason, *, retain: bool) -> tuple[Reason, Reason]:
    """What holds for every value of an uplink: before ``cached``, and after it."""
    given = uplink.reason
    strong = given if given in _BAD else Reason.RETAINED if retain else _OK
    return strong, when if when is not _OK else given


def _repeats(found: list[_Found], uplink: Uplink, device: _Device) -> set[Metric]:
    """Find the metrics whose values the bridge may only have remembered.

    A value is fresh evidence when it changed, when its key is never cached, or when it is the only
    one the user maps and the device was heard. With nothing before it, it proves nothing either.
    """
    last, fresh = device.last, uplink.fresh
    same = set()
    heard = 0
    for metric, key, raw in found:
        if key is not None:
            heard += 1
            if last.get(metric, raw) == raw and key not in fresh:
                same.add(metric)
            last[metric] = raw
    if heard == 1 and uplink.seen_advanced:
        same.clear()
    return same


def _links(uplink: Uplink) -> Iterator[tuple[tuple[Step, ...], Tree]]:
    return (((Key("link"), Key(name)), value) for name, value in uplink.link.items())


def _leaves(tree: Tree, aside: frozenset[str]) -> Iterator[tuple[tuple[Step, ...], Tree]]:
    """Walk to every scalar, in the order of the document, past the top-level keys ``aside``."""
    if isinstance(tree, dict) and not aside.isdisjoint(tree):
        tree = {key: value for key, value in tree.items() if key not in aside}
    stack: list[tuple[tuple[Step, ...], Tree]] = [((), tree)]
    while stack:
        steps, node = stack.pop()
        if isinstance(node, dict):
            stack += [((*steps, Key(key)), node[key]) for key in reversed(node)]
        elif isinstance(node, list):
            stack += [((*steps, Index(at)), node[at]) for at in reversed(range(len(node)))]
        elif steps:
            yield steps, node


def _kind(raw: Tree) -> MetricKind | None:
    """Choose the kind of an unmapped leaf; None for what is not kept: no value, long text."""
    if isinstance(raw, bool):
        return MetricKind.STATE
    if isinstance(raw, int | float):
        return MetricKind.GAUGE
    if not isinstance(raw, str) or len(raw) > MAX_TEXT or raw.strip().lower() in NULL_WORDS:
        return None
    # "55.3" is a number that was sent as text; "0101" is a name.
    digits = raw.strip().removeprefix("-")
    named = digits[:1] == "0" and digits[1:2].isdigit()
    return MetricKind.TEXT if named or number(raw) is None else MetricKind.GAUGE


def _ad_hoc(source: str, device: str, path: Path, kind: MetricKind) -> Metric:
    """Name an unmapped leaf by its path; its unit is what its key says, or unknown."""
    last = path.steps[-1]
    unit = units.suffix(last.name) if isinstance(last, Key) and kind is MetricKind.GAUGE else ""
    return Metric(str(path), source, device, path, unit=unit, kind=kind)


def _top(steps: tuple[Step, ...]) -> str | None:
    """Give the top-level key of a path; None for a link metric."""
    first = steps[0]
    if not isinstance(first, Key):
        return ""
    return None if first.name == "link" else first.name
