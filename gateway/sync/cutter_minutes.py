"""Cuts of minutes: whole minutes of arrival, so that cuts of any size give the same rows.

A minute is over when a report of another one came in, or the gateway is known to have run on.
Where it gives more rows than one cut takes, it is gathered again for the rest.
"""

from typing import Final

from gateway.core.batches import Row
from gateway.core.positions import Place
from gateway.store.packing import Row as Report
from gateway.sync.cutter_pages import SCAN, Pages
from gateway.sync.rows_readings import ReadingRows
from gateway.sync.thin import MINUTE_MS, Minute

LATE_MS: Final = 2_000
"""A report that came in at the end of a minute is stored by then."""


class MinuteCuts:
    """One cut of minutes."""

    def __init__(self, pages: Pages, rows: ReadingRows) -> None:
        self._pages = pages
        self._rows = rows
        self._found: list[Row] = []
        self._minute = Minute()
        self._last: Report | None = None

    def cut(self, place: Place, most: int, *, ends: bool) -> tuple[list[Row], Place, bool]:
        """The next rows; ``ends``: what there is, is all of the range."""
        for looked, report in enumerate(self._pages):
            last = self._last
            if last is not None and _arrival(report) != _arrival(last):
                place, full = self._take(place, last, most)
                if full or looked >= SCAN:
                    return self._found, place, True
            self._rows.gather(report, self._minute)
            self._last = report
        if self._last is None or self._pages.lost is not None:
            return self._found, place, False
        if not ends and not self._over(self._last):
            return self._found, place, False
        place, full = self._take(place, self._last, most)
        return self._found, place, full

    def _over(self, last: Report) -> bool:
        return self._pages.closed(last, (_arrival(last) + 1) * MINUTE_MS + LATE_MS)

    def _take(self, place: Place, last: Report, most: int) -> tuple[Place, bool]:
        """Take the rows of a minute that is over; whether not all of them had room."""
        minute, self._minute = self._minute, Minute()
        room, found = most - len(self._found), len(minute) - place.skip
        if found > room and self._found:
            return place, True
        rows = list(minute.rows())[place.skip : place.skip + room]
        self._found += [self._rows.minute(key, bucket) for key, bucket in rows]
        if found > room:
            return place._replace(skip=place.skip + room), True
        return Place(last.id, max(last.received_at_ms, 0)), False


def _arrival(report: Report) -> int:
    return report.received_at_ms // MINUTE_MS
