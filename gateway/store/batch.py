"""The nouns of the store: what goes in as one transaction, and what it says about itself."""

from collections import Counter
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.audit import Head, Record
from gateway.core.checkpoints import Checkpoint
from gateway.core.commands import Command
from gateway.core.readings import Report, Value
from gateway.core.signals import Signal
from gateway.core.verdicts import Decision, Verdict


class StoredReport(NamedTuple):
    """A report and what the store must know beside it."""

    report: Report
    key: int = 0
    """63-bit dedup key; 0 when there is none."""
    clock_ok: bool = True
    """The wall clock was synchronised when it was received."""


class RejectRow(NamedTuple):
    """A message that could not be read, kept so that somebody can look at it."""

    source: str
    broker: str
    topic: str
    payload: bytes
    """Cut to ``PAYLOAD_BYTES`` when it is stored."""
    reason: str
    detail: str
    received_at_ms: int


class OutboxRow(NamedTuple):
    """A message to publish, committed before it is published."""

    topic: str
    payload: bytes
    retain: bool = False
    qos: int = 1
    expires_at_ms: int | None = None
    id: int = 0
    """Set by the store."""


class SyncRow(NamedTuple):
    """Something for clouds that no other table holds."""

    kind: str
    """``alert`` or ``health``."""
    asset: str
    """Empty: about the gateway itself."""
    at_ms: int
    body: str
    """JSON."""


@dataclass(slots=True)
class Batch:
    """Everything one transaction stores; whole or not at all."""

    reports: list[StoredReport] = field(default_factory=list)
    rejects: list[RejectRow] = field(default_factory=list)
    verdicts: list[Verdict] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    explanations: dict[str, str] = field(default_factory=dict)
    """Id of a decision -> why it was made, as JSON; the decision is older, or in this batch."""
    commands: list[Command] = field(default_factory=list)
    """Inserted or, by id, brought up to date."""
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    """(scope, reason) -> how many; added to the durable counters."""
    kept: dict[tuple[str, str], str | None] = field(default_factory=dict)
    """(room, key) -> text; None forgets it."""
    outbox: list[OutboxRow] = field(default_factory=list)
    published: list[int] = field(default_factory=list)
    """Ids of outbox rows that the broker has: they are forgotten."""
    cursors: dict[str, int] = field(default_factory=dict)
    """Sink name -> the last report row it has taken."""
    sync_rows: list[SyncRow] = field(default_factory=list)
    """Only what a cloud wants."""
    synced: dict[str, int] = field(default_factory=dict)
    """Kind of such rows -> the last one that no cloud needs any more: they are forgotten."""
    records: list[Record] = field(default_factory=list)
    """For the audit chain; decisions and states of commands are recorded without being here."""
    checkpoints: list[Checkpoint] = field(default_factory=list)
    clock_ok: bool = True
    """Holds for the verdicts, decisions and commands of this batch."""
    at_ms: int = 0
    """Wall clock, for the audit chain; 0: that of the store's last upkeep."""

    def __bool__(self) -> bool:
        """There is something to store."""
        return any(
            getattr(self, name) for name in self.__slots__ if name not in ("clock_ok", "at_ms")
        )

    @property
    def audited(self) -> bool:
        """It makes the audit chain longer."""
        return bool(self.records or self.decisions or self.commands)


class Committed(NamedTuple):
    """What one transaction did."""

    reports: int
    last_report: int
    """Row id of its last report; 0 when it had none."""
    outbox_ids: tuple[int, ...]
    head: Head = Head()
    """The end of the audit chain."""
    epoch: str = ""
    """Of that chain: another one after damage."""


class StoredReading(NamedTuple):
    """One reading as the store gives it back."""

    key: str
    """``Metric.key``."""
    at_ms: int
    received_mono_ms: int
    boot: str
    value: Value
    reason: str


class StoredSignal(NamedTuple):
    """One block of samples as the store gives it back, with its reading."""

    reading: StoredReading
    metric: str
    unit: str
    signal: Signal


@dataclass(frozen=True, slots=True)
class Opened:
    """What happened when the database was opened."""

    created: bool
    migrated: tuple[str, ...] = ()
    """Names of the migrations that were applied."""
    salvaged: int | None = None
    """Rows rescued from a damaged file so far; None when there was none."""
    set_aside: str | None = None
    """Where the damaged file is now."""
    notes: tuple[str, ...] = ()
    """Sentences for the log."""
    epoch: str = ""
    """Of the audit chain."""


@dataclass(frozen=True, slots=True)
class Maintained:
    """What one call of ``maintain`` did."""

    dropped: Counter[tuple[str, str]]
    """(kind, reason) -> rows; the same is in the durable counters under ``dropped.<kind>``."""
    thinned: int = 0
    """Reports that live on as hourly values."""
    freed_bytes: int = 0
    """Given back to the file system."""
    salvaged: int = 0
    more: bool = False
    """There is more to do: call again soon."""


@dataclass(frozen=True, slots=True)
class StoreHealth:
    """How the store is, for the health document."""

    state: str
    """ok, full, read_only, corrupt or closed."""
    bytes: int
    wal_bytes: int
    free_disk_bytes: int
    ballast: bool
    """The reserve is there."""
    rows: dict[str, int]
    """Rows per kind."""
    oldest_at_ms: int | None
    newest_at_ms: int | None
    bad_rows: int
    """Rows skipped because their checksum was wrong, since start."""
    full_in_s: int | None = None
    """Until its limit or the disk is reached; the daemon's upkeep knows it (``core.filling``)."""
