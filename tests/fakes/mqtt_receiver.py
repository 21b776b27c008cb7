"""The simplest honest receiver behind a broker: docs/sinks/mqtt.md, kept to in a hundred lines.

A process of its own, so that it can be killed, over a SQLite file that outlives it.
"""

import json
import signal
import socket
import sqlite3
import subprocess
import sys
import zlib
from contextlib import closing
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.core.batches import Row, Stream, unpack
from gateway.errors import DecodeError
from tests.fakes.waiting import wait_until

UNWANTED = "unwanted"
"""A row with this kind is refused."""
ROOT = Path(__file__).parents[2]


class Receiver:
    """The process, seen from a test."""

    def __init__(self, port: int, folder: Path, topic: str = "edge-sync") -> None:
        self._arguments = [str(port), topic, str(folder / "received.db")]
        self._ready = folder / "ready"
        self._process: subprocess.Popen[bytes] | None = None
        with closing(self._database()) as database:
            database.executescript(
                "PRAGMA journal_mode=WAL;"
                "CREATE TABLE cursor (stream PRIMARY KEY, seq, position);"
                "CREATE TABLE row (stream, seq, body);"
                "CREATE TABLE refused (stream, seq, reason);"
            )

    def start(self) -> "Receiver":
        """Start it and wait until it has subscribed."""
        self._ready.unlink(missing_ok=True)
        command = [sys.executable, "-m", "tests.fakes.mqtt_receiver", *self._arguments]
        self._process = subprocess.Popen([*command, str(self._ready)], cwd=ROOT)
        wait_until(self._ready.exists, "the receiver has subscribed")
        return self

    def kill(self) -> None:
        """End it without giving it time for anything."""
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None

    def hold(self, *, on: bool) -> None:
        """Freeze it, or let it go on."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP if on else signal.SIGCONT)

    def rows(self, stream: Stream) -> list[Row]:
        """What it holds of a stream, in the order in which it came."""
        with closing(self._database()) as database:
            query = "SELECT body FROM row WHERE stream = ? ORDER BY rowid"
            return [json.loads(body) for (body,) in database.execute(query, (str(stream),))]

    def forget(self, stream: Stream, seq: int, position: str) -> None:
        """Go back to an older state, as after a restored backup."""
        with closing(self._database()) as database, database:
            database.execute("DELETE FROM row WHERE stream = ? AND seq > ?", (str(stream), seq))
            database.execute(
                "UPDATE cursor SET seq = ?, position = ? WHERE stream = ?",
                (seq, position, str(stream)),
            )

    def _database(self) -> sqlite3.Connection:
        return sqlite3.connect(self._arguments[2], timeout=30)


class _Server:
    """What runs in the process."""

    def __init__(self, port: str, topic: str, file: str, ready: str) -> None:
        self._database = sqlite3.connect(file, isolation_level=None, timeout=30)
        self._database.execute("PRAGMA synchronous=FULL")
        self._topic, self._ready = topic, Path(ready)
        client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.on_socket_open = lambda _client, _userdata, sock: sock.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )
        client.on_connect = self._connected
        client.on_subscribe = lambda *_: self._ready.touch()
        client.on_message = self._message
        client.reconnect_delay_set(0.05, 0.2)
        client.connect("127.0.0.1", int(port))
        client.loop_forever()

    def _connected(self, client: paho.Client, *_: Any) -> None:
        client.subscribe([(f"{self._topic}/+/batch/+", 1), (f"{self._topic}/+/ask/+", 1)])

    def _message(self, client: paho.Client, _userdata: Any, message: paho.MQTTMessage) -> None:
        base, gateway, what, lane = message.topic.rsplit("/", 3)
        refused: list[Any] = []
        rejected = None
        epoch = ""
        if what == "ask":
            asked = json.loads(message.payload)
            stream = Stream(asked["gateway"], asked["epoch"], asked["lane"])
            epoch = stream.epoch
        else:
            try:
                stream, refused = self._take(message.payload)
                epoch = stream.epoch
            except DecodeError as error:
                rejected = {"crc": zlib.crc32(message.payload), "reason": str(error)}
        document = {"epoch": epoch, "seq": 0, "position": "", "refused": refused}
        if epoch:
            document["seq"], document["position"] = self._cursor(str(stream))
        if rejected:
            document["rejected"] = rejected
        told = json.dumps(document)
        client.publish(f"{base}/{gateway}/cursor/{lane}", told, 1, retain=not rejected)

    def _take(self, payload: bytes) -> tuple[Stream, list[Any]]:
        header, rows = unpack(payload)
        name = str(header.stream)
        if self._cursor(name)[0] == header.after:
            self._store(name, header.cursor, rows)
        query = "SELECT seq, reason FROM refused WHERE stream = ? AND seq BETWEEN ? AND ?"
        found = self._database.execute(query, (name, header.first, header.last))
        return header.stream, [{"seq": seq, "reason": reason} for seq, reason in found]

    def _store(self, name: str, cursor: Any, rows: list[Any]) -> None:
        self._database.execute("BEGIN IMMEDIATE")
        for row in rows:
            if row["kind"] == UNWANTED:
                given = (name, row["seq"], "it is not wanted")
                self._database.execute("INSERT INTO refused VALUES (?, ?, ?)", given)
            else:
                given = (name, row["seq"], json.dumps(row))
                self._database.execute("INSERT INTO row VALUES (?, ?, ?)", given)
        self._database.execute("INSERT OR REPLACE INTO cursor VALUES (?, ?, ?)", (name, *cursor))
        self._database.execute("COMMIT")

    def _cursor(self, name: str) -> tuple[int, str]:
        query = "SELECT seq, position FROM cursor WHERE stream = ?"
        found = self._database.execute(query, (name,)).fetchone()
        return found or (0, "")


if __name__ == "__main__":
    _Server(*sys.argv[1:])
