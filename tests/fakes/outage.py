"""A gateway that sends: lanes in virtual time, over a database of numbered rows."""

import random
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from gateway.core.batches import Lane as Name
from gateway.core.batches import Row, Stream
from gateway.core.sync_pace import Allowance, Now, Patience
from gateway.errors import DecodeError
from gateway.store import sync_opening
from gateway.store.sync_entries import Key
from gateway.store.sync_ledger import Ledger
from gateway.sync.book import Book
from gateway.sync.lane import Lane
from gateway.sync.pacing import Pacing
from gateway.sync.supply import Backfill, Supply
from tests.fakes.sink import Cloud, Settings, Sink

GATEWAY = "north"


class Cut(NamedTuple):
    rows: list[Row]
    position: str
    more: bool


@dataclass(slots=True)
class Numbers:
    """A database whose rows are numbers; every fifth is of no interest. Passes for a ``Cutter``."""

    epoch: str = "e1"
    last: int = 0
    scan: int = 50
    """Rows that are looked at in one cut."""

    def cut(self, position: str, most_rows: int, until: str = "") -> Cut:
        at = self._number(position)
        end = self._number(until) if until else self.last
        rows: list[Row] = []
        for looked in range(self.scan):
            if at >= end:
                return Cut(rows, self._word(at, position), more=False)
            if len(rows) == most_rows or looked == self.scan - 1:
                break
            at += 1
            if at % 5:
                rows.append({"kind": "reading", "at_ms": at, "n": at})
        return Cut(rows, self._word(at, position), more=at < end)

    def head(self) -> str:
        return self._word(self.last, "")

    def left(self, position: str, until: str = "") -> int:
        return (self._number(until) if until else self.last) - self._number(position)

    def back(self, until: str, rows: int, position: str = "") -> str:
        at = max(self._number(until) - rows, self._number(position))
        return self._word(at, position)

    @staticmethod
    def _number(position: str) -> int:
        if not position:
            return 0
        if not position.startswith("report:"):
            raise DecodeError("position", position)
        return int(position.removeprefix("report:"))

    @staticmethod
    def _word(at: int, position: str) -> str:
        return f"report:{at}" if at else position

    def wanted(self) -> list[int]:
        """What a cloud has to have in the end."""
        return [n for n in range(1, self.last + 1) if n % 5]


@dataclass(slots=True)
class Watch:
    """A clock that a test turns."""

    ms: int = 1_800_000_000_000
    ok: bool = True

    def now(self) -> Now:
        return Now(self.ms, self.ms - 1_700_000_000_000, self.ok)


def ledger() -> Ledger:
    """An empty one in memory: what was committed outlives the lanes, as a file does."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    sync_opening.prepare(connection)
    return Ledger(connection)


@dataclass(slots=True)
class Site:
    """The sync process of a gateway with one sink, without its threads."""

    cloud: Cloud = field(default_factory=Cloud)
    rows: Numbers = field(default_factory=Numbers)
    watch: Watch = field(default_factory=Watch)
    ledger: Ledger = field(default_factory=ledger)
    allowance: Allowance = field(default_factory=Allowance)
    backfill: Backfill = "oldest"
    names: Sequence[Name] = (Name.LIVE, Name.BACKFILL)
    every_ms: int = 1_000
    far: int = 40
    """Rows of a backlog."""
    rng: random.Random = field(default_factory=lambda: random.Random(7))
    lanes: dict[Name, Lane] = field(default_factory=dict)
    told: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    due: dict[Name, int] = field(default_factory=dict)

    def start(self) -> None:
        """Start the process, anew where it was killed."""
        pacing = Pacing("hq", self.allowance, self.ledger)
        self.lanes = {name: self._lane(name, pacing) for name in self.names}
        self.due = dict.fromkeys(self.names, self.watch.ms)

    def _lane(self, name: Name, pacing: Pacing) -> Lane:
        key = Key("hq", name)
        supply = Supply(key, self.rows, self.ledger, self.backfill, self.far, self.far)
        book = Book(GATEWAY, self.ledger, supply, lambda: f"{self.rng.getrandbits(32):08x}")
        patience = Patience(self.rng.random)
        make = lambda stream: Sink(Settings(self.cloud), stream)
        return Lane(name, make, book, pacing, patience, self.watch, self._tell, self.every_ms)

    def _tell(self, event: str, /, **keys: object) -> None:
        self.told.append((event, keys))

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.watch.ms + round(seconds * 1000)
        while (at := min(self.due.values())) <= end:
            self.watch.ms = max(self.watch.ms, at)
            name = min(self.due, key=lambda one: self.due[one])
            self.step(name)
        self.watch.ms = end

    def step(self, name: Name) -> None:
        """One step of one lane; something changes only every so many milliseconds."""
        wait = self.lanes[name].step()
        self.due[name] = self.watch.ms + max(wait, 1)

    def stream(self, name: Name) -> Stream:
        return Stream(GATEWAY, self.rows.epoch, name)

    def numbers(self, *names: Name) -> list[int]:
        """What the cloud holds of these lanes, in the order in which it came."""
        return [row["n"] for name in names for row in self.cloud.rows.get(self.stream(name), ())]
