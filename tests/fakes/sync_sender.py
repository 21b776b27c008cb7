"""The smallest honest sender over a real sink, as a process that may be killed at any time.

It counts from 1 to ``rows``; number n is the reading with the value n. What it keeps is in a SQLite
file: the batch on its way, before it is sent, and how far it is. ``fault`` makes it dishonest:
``early`` believes that what was handed over has arrived, ``late`` believes its own last note and
not the receiver's position, ``forgets`` cuts the batch on its way anew.
"""

import json
import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any

from gateway import registry
from gateway.core.batches import Batch, Cursor, Header, Row, Stream, pack
from gateway.core.sink_ports import Sink
from gateway.errors import SinkGapError, SinkUnavailableError

AT_MS = 1_766_000_000_000
FAULTS = ("early", "late")
OFTEN = 7
"""Batches between two notes of the sender that is ``late``."""


def reading(number: int) -> Row:
    return {
        "kind": "reading",
        "asset": f"pump-{number % 50}",
        "source": "zigbee",
        "device": f"0x00158d{number % 50:06x}",
        "metric": "power",
        "unit": "W",
        "value": float(number),
        "reason": "ok",
        "at_ms": AT_MS + number * 10,
        "received_at_ms": AT_MS + number * 10 + 3,
        "clock": 1,
    }


class Notes:
    """What outlives the process."""

    def __init__(self, path: str) -> None:
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.execute("PRAGMA journal_mode=WAL")
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS at (id PRIMARY KEY, seq, position)")
        self._database.execute(
            "CREATE TABLE IF NOT EXISTS kept (id PRIMARY KEY, after, last, position, payload)"
        )

    def at(self) -> Cursor:
        found = self._database.execute("SELECT seq, position FROM at").fetchone()
        return Cursor(*found) if found else Cursor(0, "0")

    def go(self, cursor: Cursor) -> None:
        self._database.execute("REPLACE INTO at VALUES (0, ?, ?)", tuple(cursor))

    def kept(self, stream: Stream) -> Batch | None:
        found = self._database.execute("SELECT after, last, position, payload FROM kept").fetchone()
        if found is None:
            return None
        after, last, position, payload = found
        return Batch(Header(stream, after, after + 1, last, position), payload)

    def keep(self, batch: Batch) -> None:
        header = batch.header
        values = (header.after, header.last, header.position, batch.payload)
        self._database.execute("REPLACE INTO kept VALUES (0, ?, ?, ?, ?)", values)


class Sender:
    """One stream to the end of its rows."""

    def __init__(self, told: dict[str, Any]) -> None:
        self._rows, self._fault = int(told["rows"]), str(told["fault"])
        self._random = random.Random(told["seed"])
        self._stream = Stream("north", told["epoch"], "live")
        self._notes = Notes(told["notes"])
        made = registry.find("sinks", told["kind"])
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in told["settings"].items()}
        self._sink: Sink = made(made.Settings(**given), self._stream)
        self._since = 0

    def run(self) -> None:
        while True:
            try:
                self._send_all(self._where(self._sink.cursor()))
            except SinkGapError:
                continue
            except SinkUnavailableError as error:
                print(error, flush=True)
                time.sleep(self._random.uniform(0.0, 0.1))
            else:
                return self._sink.close()

    def _where(self, cursor: Cursor | None) -> Cursor:
        """The receiver's cursor is the authority, where it has one."""
        ours = self._notes.at()
        if cursor is None:
            return ours
        if self._fault:
            return Cursor(cursor.seq, ours.position)
        return Cursor(cursor.seq, cursor.position or "0")

    def _send_all(self, at: Cursor) -> None:
        while int(at.position) < self._rows:
            batch = self._next(at)
            if self._fault == "early":
                self._notes.go(batch.header.cursor)
            answer = self._sink.send(batch)
            at = Cursor(answer.cursor.seq, answer.cursor.position)
            self._since += 1
            if self._fault != "late" or self._since % OFTEN == 0:
                self._notes.go(at)

    def _next(self, at: Cursor) -> Batch:
        """The kept one, if it is the next, byte for byte; else a new one."""
        kept = self._notes.kept(self._stream)
        if kept is not None and kept.header.after == at.seq and not self._fault:
            return kept
        done = int(at.position)
        count = min(self._random.randint(50, 800), self._rows - done)
        numbers = range(done + 1, done + count + 1)
        batch = pack(self._stream, at.seq, [reading(n) for n in numbers], str(done + count))
        self._notes.keep(batch)
        return batch


if __name__ == "__main__":
    Sender(json.loads(Path(sys.argv[1]).read_text())).run()
