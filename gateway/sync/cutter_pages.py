"""Pages of reports, behind one and in order, and whether the store's limits were faster."""

from collections.abc import Iterator
from typing import Final

from gateway.core.positions import Gap, Place
from gateway.store.outgoing import Outgoing
from gateway.store.packing import Row as Report
from gateway.sync.rows_readings import ReadingRows

SIZE: Final = 1_000
"""Reports of one read: some 10 ms."""
SCAN: Final = 20_000
"""Reports that one cut looks at, about, when few of them give rows."""


class Pages:
    """The reports behind a place, for one cut."""

    def __init__(self, outgoing: Outgoing, rows: ReadingRows, place: Place, until: int) -> None:
        self._outgoing = outgoing
        self._rows = rows
        self._after = place.report
        self._until = until
        self.lost: Gap | None = None
        """Where it stopped, because the next reports are gone."""

    def __iter__(self) -> Iterator[Report]:
        """Reports in the order of their numbers; layouts are known when they come."""
        while self._after < self._until:
            page = self._page()
            yield from page
            if len(page) < SIZE:
                return
            self._after = page[-1].id

    def _page(self) -> list[Report]:
        ask = self._outgoing
        with ask.snapshot():
            page = ask.reports(self._after, self._until, SIZE)
            self.lost = self._hole(page)
            if self.lost is not None:
                return []
            self._rows.learn(ask.shape(), {report.layout for report in page})
        return page

    def _hole(self, page: list[Report]) -> Gap | None:
        """What is gone between the last report and the first of a page; None: nothing.

        Single reports go when a device is erased, or all that they said: nothing is told of these.
        """
        if page and page[0].id == self._after + 1:
            return None
        there = page[0] if page else self._outgoing.first_from(self._after + 1)
        if there is None or self._outgoing.kept_before(there.id):
            return None
        return Gap(min(there.id - 1, self._until), max(there.received_at_ms, 0))

    def closed(self, report: Report, until_ms: int) -> bool:
        """The gateway is known to have gone on until then, after it took a report."""
        with self._outgoing.snapshot():
            ran = self._outgoing.ran_until(report.boot)
        return ran is None or report.received_at_ms + ran - report.mono_ms >= until_ms
