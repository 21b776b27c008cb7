"""Tidings: what clouds are told and no table holds, stored in the batch of what it tells of.

Alerts are the notices that people are told, whether or not somebody is told beside the cloud;
health is the health document, now and then. Nothing is stored that no cloud wants.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Final

from gateway.core.alerts import Kind as Told
from gateway.core.alerts import Notice
from gateway.core.choices import QUEUED, Choice, RowKind, queued
from gateway.core.positions import MOST
from gateway.core.topic_tree import Document
from gateway.daemon.clock import Clock
from gateway.daemon.journal import HELD_ROWS, Journal
from gateway.store.batch import SyncRow

EVERY_MS: Final = 60_000
"""Between two rows of health."""
SECURITY: Final = 60
"""Notices of that kind in a minute; further ones are counted."""


class Tidings:
    """Rows for clouds."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        """Nobody wants anything yet."""
        self._journal = journal
        self._clock = clock
        self._wanted: frozenset[RowKind] = frozenset()
        self._every_ms = EVERY_MS
        self._due_ms = clock.mono_ms()
        self._minute = self._security = 0

    def adopt(self, choices: Iterable[Choice], every_ms: int = EVERY_MS) -> None:
        """Take what the clouds of a file want; what waits and nobody wants any more is forgotten.

        Args:
            choices: one of each cloud.
            every_ms: between two rows of health.
        """
        self._wanted, self._every_ms = queued(choices), every_ms
        for kind in self._wanted:
            self._journal.batch.synced.pop(kind.value, None)
        self.taken({kind.value: MOST for kind in QUEUED.values() if kind not in self._wanted})

    def taken(self, rows: Mapping[str, int]) -> None:
        """Forget rows; by kind, the last one that every cloud has that wants it."""
        if rows:
            self._journal.batch.synced.update(rows)
            self._journal.changed()

    def notice(self, notice: Notice) -> None:
        """Something that people are told."""
        if RowKind.ALERT in self._wanted and not self._flooding(notice):
            told: Document = {"kind": notice.kind.value, "text": notice.text}
            self._queue(RowKind.ALERT, notice.asset, notice.at_ms, told)

    def _flooding(self, notice: Notice) -> bool:
        """An attacker could make as many as he likes, and push what is true out of the table."""
        if notice.kind is not Told.SECURITY:
            return False
        minute = self._clock.mono_ms() // EVERY_MS
        if minute != self._minute:
            self._minute, self._security = minute, 0
        self._security += 1
        if self._security <= SECURITY:
            return False
        self._journal.batch.counts["dropped.sync_row", "flood"] += 1
        return True

    def health(self, document: Document) -> None:
        """How the gateway is; stored when it is due."""
        if RowKind.HEALTH in self._wanted and self._clock.mono_ms() >= self._due_ms:
            self._due_ms = self._clock.mono_ms() + self._every_ms
            self._queue(RowKind.HEALTH, "", self._clock.now_ms(), document)

    def _queue(self, kind: RowKind, asset: str, at_ms: int, told: Document) -> None:
        """Store a row; while the store refuses, only so many wait."""
        batch = self._journal.batch
        if self._journal.trouble and len(batch.sync_rows) >= HELD_ROWS:
            batch.counts["journal", "store_unavailable"] += 1
            return
        text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        batch.sync_rows.append(SyncRow(kind.value, asset, at_ms, text))
        self._journal.changed()
