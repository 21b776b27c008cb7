"""What the store does for itself between commits: repair, salvage, retention, room on the disk."""

import sqlite3
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from gateway.core.audit import Kind, Record, When
from gateway.store import boots, chain, queries, repair, salvage, space
from gateway.store.batch import Maintained, StoreHealth
from gateway.store.boots import Boot
from gateway.store.faults import transaction
from gateway.store.files import Ballast, beside, free_bytes, size_of
from gateway.store.metric_keep import Gone, MetricKeep
from gateway.store.readback import Unpacker
from gateway.store.retention import FULL_ROWS, FULL_STEPS, ROWS, Shed, Shedder
from gateway.store.settings import StoreSettings

SALVAGE_S: Final = 0.05
"""How long one call salvages."""

_KINDS: Final = (
    "report",
    "signal_block",
    "reading_hour",
    "verdict",
    "decision",
    "command",
    "reject",
)


@dataclass(slots=True)
class Upkeep:
    """The parts of an open database that upkeep works on."""

    settings: StoreSettings
    connection: sqlite3.Connection
    boot: Boot
    unpacker: Unpacker
    ballast: Ballast
    now_ms: int = 0
    """Wall clock, for the audit chain."""
    metrics: MetricKeep = field(init=False)

    def __post_init__(self) -> None:
        """Look after metrics with a time of their own, too."""
        self.metrics = MetricKeep(self.connection, self.unpacker)

    def maintain(self, mono_ms: int, *, clock_ok: bool) -> Maintained:
        """One bounded round of everything."""
        with transaction(self.connection):
            boots.seen(self.connection, self.boot, mono_ms)
            repaired = repair.step(self.connection)
        salvaged = salvage.run(self.connection, self.boot, SALVAGE_S)
        reason = space.pressure(self.connection, self.settings)
        done = self.shed(mono_ms, reason, by_age=clock_ok)
        short = self._keep_metrics(mono_ms) if clock_ok else Gone(0, more=False)
        freed = space.give_back(self.connection, self.settings.path, reason)
        self.ballast.restore(self.settings.min_free_bytes)
        more = bool(done.counts or freed or repaired.more or short.more)
        more = more or salvage.pending(self.connection)
        done.counts.update({("reading", "keep"): short.readings} if short.readings else {})
        return Maintained(done.counts, done.thinned, freed, salvaged, more)

    def _keep_metrics(self, mono_ms: int) -> Gone:
        """Readings that the file keeps for less long than the others; counted."""
        with transaction(self.connection):
            gone = self.metrics.step(self.boot.running_ms(mono_ms))
            if gone.readings:
                queries.count(self.connection, {("dropped.reading", "keep"): gone.readings})
        return gone

    def make_room(self, mono_ms: int) -> None:
        """On a disk or quota that is full: drop the oldest rows in small transactions."""
        for _ in range(FULL_STEPS):
            if not self.shed(mono_ms, "full", by_age=False).counts:
                break
            self.connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()

    def shed(self, mono_ms: int, reason: str, *, by_age: bool) -> Shed:
        """One step of retention, counted in the same transaction."""
        running_ms = self.boot.running_ms(mono_ms)
        rows = ROWS if reason in ("", "quota") else FULL_ROWS
        shedder = Shedder(self.connection, self.unpacker, running_ms, rows)
        with transaction(self.connection):
            done = shedder.by_age(self.settings) if by_age else Shed(Counter())
            if reason and not done.counts:
                done = shedder.by_pressure(reason)
            counts = {(f"dropped.{kind}", why): n for (kind, why), n in done.counts.items()}
            queries.count(self.connection, counts)
            when = When(self.now_ms, self.boot.id, mono_ms, int(by_age))
            chain.note_dropped(self.connection, shedder.dropped, when)
        return done

    def repair_clock(self, boot: str, offset_ms: int, mono_ms: int) -> int:
        """Note the offset and repair the first rows; how many."""
        with transaction(self.connection):
            if not repair.note(self.connection, boot, offset_ms, mono_ms):
                return 0
            when = When(self.now_ms + offset_ms, self.boot.id, mono_ms, 1)
            told = {"boot": boot, "offset_ms": offset_ms, "until_mono_ms": mono_ms}
            chain.append(self.connection, [Record(Kind.CLOCK, boot, told)], when)
        rows = 0
        for _ in range(repair.STEPS):
            with transaction(self.connection):
                done = repair.step(self.connection)
            rows += done.rows
            if not done.more:
                break
        return rows

    def health(self, state: str) -> StoreHealth:
        """How the store is now."""
        path = self.settings.path
        at_ms = "SELECT (SELECT min(at_ms) FROM report), (SELECT max(at_ms) FROM report)"
        oldest, newest = self.connection.execute(at_ms).fetchone()
        (waiting,) = self.connection.execute("SELECT count(*) FROM outbox").fetchone()
        size, count, _ = space.pages(self.connection)
        return StoreHealth(
            state=state,
            bytes=size * count,  # also of what is in the WAL and not yet merged
            wal_bytes=size_of(beside(path, "-wal")),
            free_disk_bytes=free_bytes(path),
            ballast=self.ballast.there,
            rows={kind: queries.span(self.connection, kind) for kind in _KINDS}
            | {"outbox": waiting},
            oldest_at_ms=oldest,
            newest_at_ms=newest,
            bad_rows=self.unpacker.bad_rows,
        )
