"""Rows of readings: one for each reading, each minute, each hour that thinning left."""

from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from gateway.core.batches import Line, Row
from gateway.core.choices import Choice, RowKind
from gateway.core.compact import compact
from gateway.core.pseudonyms import Pseudonyms
from gateway.store.outgoing import Hour, Outgoing
from gateway.store.packing import Row as Report
from gateway.store.packing import plain
from gateway.store.readback import Series
from gateway.sync.thin import BAD, Bucket, Key, Minute

_OK: Final = "ok"


class Sent(NamedTuple):
    """One reading of a layout that is sent."""

    place: int
    """Among the values of a report."""
    series: int
    head: str
    """How each of its rows begins, as JSON."""


class Plan(NamedTuple):
    """Of a layout."""

    width: int
    """How many values a report of it has."""
    sent: tuple[Sent, ...]


class ReadingRows:
    """What of the readings of one database one cloud is sent."""

    def __init__(self, choice: Choice, names: Pseudonyms | None, outgoing: Outgoing) -> None:
        self._choice = choice
        self._names = names
        self._outgoing = outgoing
        self._shape = -1
        self._plans: dict[int, Plan] = {}
        self._heads: dict[int, dict[str, Any]] = {}

    def learn(self, shape: int, layouts: Iterable[int]) -> None:
        """Know the layouts of what comes next; call within the snapshot that it was read in."""
        if shape != self._shape:
            self._shape = shape
            self._outgoing.forget()
            self._plans.clear()
            self._heads.clear()
        for layout in layouts:
            self._plan(layout)

    def wanted(self, series: Series) -> bool:
        """Whether its readings are sent."""
        choice = self._choice
        named = not choice.metrics or series.metric in choice.metrics
        return named and choice.takes_asset(series.asset)

    def _plan(self, layout: int) -> Plan:
        found = self._plans.get(layout)
        if found is None:
            series = self._outgoing.layout(layout)
            sent = tuple(
                Sent(place, one.id, _begun(self._head(one)))
                for place, one in enumerate(series)
                if self.wanted(one)
            )
            found = self._plans[layout] = Plan(len(series), sent)
        return found

    def _head(self, series: Series) -> dict[str, Any]:
        """Who measured what; the same object for the same series."""
        head = self._heads.get(series.id)
        if head is None:
            head = {
                "asset": series.asset,
                "source": series.source,
                "device": series.device,
                "metric": series.metric,
                "unit": series.unit,
            }
            head = head if self._names is None else self._names.row(head)
            self._heads[series.id] = head
        return head

    # -- each reading ---------------------------------------------------------------------------

    def readings(self, report: Report) -> list[Row]:
        """The rows of a report; none when it is damaged."""
        width, sent = self._plan(report.layout)
        if not sent or not report.intact:
            return []
        values = report.values()
        if len(values) != width:
            return []
        reasons = report.reasons(width) if report.marks else None
        end = (
            f'","at_ms":{report.at_ms},"received_at_ms":{report.received_at_ms}'
            f',"clock":{report.clock}'
        )
        end += "}" if report.clock else self._repairable(report)
        hidden, found = self._names is not None, list[Row]()
        for place, _, head in sent:
            value = values[place]
            if type(value) is float:
                text = repr(value)
            elif hidden and isinstance(value, str):
                continue  # a device can say its name in it
            else:
                text = compact(plain(value) if isinstance(value, str) else value)
            reason = _OK if reasons is None else reasons[place]
            found.append(Line(f'{head},"value":{text},"reason":"{reason}{end}'))
        return found

    def _repairable(self, report: Report) -> str:
        return f",{compact(self._unstamped(report.boot, report.mono_ms))[1:]}"

    def _unstamped(self, boot: int, mono_ms: int) -> dict[str, Any]:
        """With what a receiver can repair a time, once a row of kind ``clock`` tells how."""
        return {"boot": self._outgoing.boot(boot), "mono_ms": mono_ms}

    # -- minutes and hours ----------------------------------------------------------------------

    def gather(self, report: Report, minute: Minute) -> None:
        """Put the readings of a report into their minute; nothing of one that is damaged."""
        width, sent = self._plan(report.layout)
        if not sent or not report.intact:
            return
        values, marks = report.values(), report.marks
        if len(values) != width:
            return
        reasons = report.reasons(len(values)) if marks else None
        at_ms = report.at_ms // 60_000 * 60_000
        boot = 0 if report.clock else report.boot
        for place, series, _ in sent:
            value = values[place]
            if isinstance(value, str) or (reasons is not None and reasons[place] in BAD):
                continue
            key = Key(at_ms, series, report.clock, boot)
            minute.add(key, float(value), report.mono_ms)

    def minute(self, key: Key, bucket: Bucket) -> Row:
        """One series in one minute."""
        row = {
            "kind": RowKind.READING_1M.value,
            **self._heads[key.series],
            "at_ms": key.at_ms,
            "n": bucket.n,
            "low": bucket.low,
            "mean": bucket.total / bucket.n,
            "high": bucket.high,
            "last": bucket.last,
            "clock": key.clock,
        }
        return row if key.clock else row | self._unstamped(key.boot, bucket.mono_ms)

    def hour(self, series: Series, hour: Hour) -> Row:
        """What thinning left of one series in one hour."""
        return {
            "kind": RowKind.READING_1H.value,
            **self._head(series),
            "at_ms": hour.at_ms,
            "n": hour.n,
            "low": hour.low,
            "mean": hour.mean,
            "high": hour.high,
        }


def _begun(head: Mapping[str, Any]) -> str:
    return compact({"kind": RowKind.READING.value, **head})[1:-1]
