"""Cuts of readings: report by report or minute by minute, and what is left where reports are gone.

The store's limits take reports from the front, by age. Where they overtook a stream, one ``gap``
row says so and the hours that thinning left of that time follow; then it goes on with what is
there. An hour at either end of a gap can hold readings that are sent one by one, too.
"""

from typing import Final

from gateway.core import positions
from gateway.core.batches import Row
from gateway.core.choices import Choice, Kind
from gateway.core.positions import Gap, Place
from gateway.core.pseudonyms import Pseudonyms
from gateway.store.outgoing import Hour, Outgoing
from gateway.store.packing import Row as Report
from gateway.sync import rows
from gateway.sync.cutter_minutes import MinuteCuts
from gateway.sync.cutter_pages import SCAN, Pages
from gateway.sync.rows_readings import ReadingRows

HOUR_MS: Final = 3_600_000


class ReadingCuts:
    """Readings of one database."""

    def __init__(self, outgoing: Outgoing, choice: Choice, names: Pseudonyms | None) -> None:
        self._outgoing = outgoing
        self._rows = ReadingRows(choice, names, outgoing)
        self._by_minutes = Kind.MINUTES in choice.kinds

    def cut(self, position: str, most_rows: int, until: str) -> tuple[list[Row], str, bool]:
        """The next rows."""
        place = positions.place(position)
        if place.gap is not None:
            found, there = self._hours(place, place.gap, most_rows)
            return found, str(there), True
        last = positions.place(until).report if until else positions.MOST
        pages = Pages(self._outgoing, self._rows, place, last)
        if self._by_minutes:
            found, there, more = MinuteCuts(pages, self._rows).cut(
                place, most_rows, ends=bool(until)
            )
        else:
            found, there, more = self._reports(pages, place, most_rows)
        if pages.lost is not None:
            if there.report == place.report:
                return [_gap_row(place, pages.lost)], str(place._replace(gap=pages.lost)), True
            return found, str(there), True
        return found, position if there == place else str(there), more

    def _reports(self, pages: Pages, place: Place, most: int) -> tuple[list[Row], Place, bool]:
        found: list[Row] = []
        last: Report | None = None
        for looked, report in enumerate(pages):
            taken = self._rows.readings(report)
            if (found and len(found) + len(taken) > most) or looked >= SCAN:
                return found, _behind(last, place), True
            found += taken
            last = report
        return found, _behind(last, place), False

    # -- where reports are gone -----------------------------------------------------------------

    def _hours(self, place: Place, gap: Gap, most: int) -> tuple[list[Row], Place]:
        """The next hours of a gap, series by series."""
        since_ms = place.at_ms // HOUR_MS * HOUR_MS if place.at_ms <= gap.until_ms else 0
        ask, until_ms = self._outgoing, gap.until_ms
        with ask.snapshot():
            wanted = {one.id: one for one in ask.series() if self._rows.wanted(one)}
            again = [gap.series] if gap.series in wanted else []
            found = ask.hours(again, gap.hour_at_ms + 1, until_ms, most)
            rest = [one for one in wanted if one > gap.series]
            if len(found) < most:
                found += ask.hours(rest, since_ms, until_ms, most - len(found))
        told: list[Row] = [self._rows.hour(wanted[hour.series], hour) for hour in found]
        if len(found) < most:
            return told, Place(gap.report, gap.until_ms)
        return told, place._replace(skip=0, gap=_reached(gap, found[-1]))

    # -- where it stands ------------------------------------------------------------------------

    def head(self) -> str:
        """The newest report."""
        with self._outgoing.snapshot():
            return str(Place(*self._outgoing.last_report()))

    def left(self, position: str, until: str) -> int:
        """How many reports are between two places."""
        place = positions.place(position)
        with self._outgoing.snapshot():
            last, _ = self._outgoing.last_report()
            first = self._outgoing.first_from(place.report + 1)
        last = min(last, positions.place(until).report) if until else last
        return max(last - first.id + 1, int(place.report < last)) if first is not None else 0

    def back(self, until: str, rows: int, position: str) -> str:
        """So many reports before a place, or ``position`` where fewer are there."""
        front, report = positions.place(position), positions.place(until).report - rows
        if report <= front.report:
            return position
        with self._outgoing.snapshot():
            there = self._outgoing.newest_until(report)
        return position if there is None else str(Place(report, max(there.received_at_ms, 0)))


def _behind(last: Report | None, place: Place) -> Place:
    return place if last is None else Place(last.id, max(last.received_at_ms, 0))


def _gap_row(place: Place, gap: Gap) -> Row:
    told = rows.gap("report", place.report, gap.report, place.at_ms or gap.until_ms)
    return told | {"until_ms": gap.until_ms}


def _reached(gap: Gap, hour: Hour) -> Gap:
    return gap._replace(series=hour.series, hour_at_ms=hour.at_ms)
