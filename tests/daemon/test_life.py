"""What systemd is told, and what hostile messages do to a running daemon."""

import os
import random
import signal
import socket
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from gateway.core.topics import matches
from gateway.daemon.beat import STUCK_MS
from gateway.daemon.journal import Journal
from gateway.store.reader import Reader
from tests.fakes import fuzz
from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import Clocks, Inside
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

EVERYTHING = """
gateway: {{id: here}}
brokers: {{local: {{host: 127.0.0.1, port: {port}}}}}
sources:
  zigbee: {{bridge: zigbee2mqtt, broker: local, keep: all}}
  lora: {{bridge: chirpstack, broker: local, keep: all}}
  things: {{bridge: thethings, broker: local, keep: all}}
  plugs: {{bridge: tasmota, broker: local, keep: all}}
store: {{path: gateway.db, min_free_bytes: 1MiB}}
log: {{level: warning, format: json}}
assets:
  pump:
    metrics: {{power: {{from: zigbee/plug}}}}
"""


def test_systemd_is_told_of_the_start_of_life_and_of_the_end(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        wait_until(lambda: daemon.notices.count("WATCHDOG=1") == 2, "signs of life")
        assert daemon.stop() == 0
        kinds = [line.partition("=")[0] for line in daemon.notices]
        assert kinds == ["READY", "STATUS", "WATCHDOG", "WATCHDOG", "STOPPING"]
        assert daemon.logged("broker_lost") == []


def test_no_sign_of_life_while_nothing_is_judged_whatever_else_moves(
    tmp_path: Path, zigbee: Zigbee, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = make.one_cell(*make.flat_tail("window", 1))
    document = make.document(recipe)
    document["input"] |= {"channels": [{"name": "power", "unit": "W"}], "period_s": 0.1}
    make.write(tmp_path / "tiny", recipe, input=document["input"])
    file = tmp_path / "gateway.yaml"
    file.write_text(
        pump(
            zigbee.port,
            ("    verdicts:\n", "    verdicts:\n      - {model: tiny, deadline: 60s}\n"),
            ("assets:\n", "models: {tiny: {package: tiny}}\nassets:\n"),
        )
    )
    clock = Clocks()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(str(tmp_path / "notify"))
        notices.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))

        def signs() -> int:
            """Signs of life since the last look."""
            count = 0
            try:
                while True:
                    count += notices.recv(4096) == b"WATCHDOG=1"
            except BlockingIOError:
                return count

        with Inside(file, clock) as inside:
            zigbee.online()
            zigbee.tell("plug", power=1)
            wait_until(lambda: zigbee.newest("asset/pump/state").get("rung") == "model:tiny", "it")
            wait_until(signs, "a sign of life")
            assert inside.daemon is not None
            worker = inside.daemon.parts.inference._worker.pid
            assert worker is not None
            os.kill(worker, signal.SIGSTOP)
            zigbee.tell("plug", power=2)
            wait_until(lambda: inside.daemon and inside.daemon.parts.decide.busy, "it is stuck")
            clock.pass_ms(STUCK_MS + 1_000)
            before = zigbee.newest("health")
            wait_until(lambda: zigbee.newest("health") != before, "a beat, late by then")
            signs()
            moving = Counter[str]()
            for _ in range(2):
                beat = inside.daemon.parts.journal.commits
                zigbee.tell("plug", power=3)
                parts = inside.daemon.parts
                wait_until(partial(committed, parts.journal, beat), "moves")
                clock.pass_ms(31_000)
                before = zigbee.newest("health")
                wait_until(lambda: zigbee.newest("health") != before, "a beat")  # noqa: B023
                moving["signs"] += signs()
            assert moving["signs"] == 0
            os.kill(worker, signal.SIGCONT)
            wait_until(signs, "a sign of life again")


def committed(journal: Journal, before: int) -> bool:
    """More was committed."""
    return journal.commits > before


def hostile(seed: int, count: int) -> Iterator[tuple[str, bytes]]:
    """Messages that a broker will take."""
    rng = random.Random(seed)
    for _ in range(count):
        one = fuzz.message(rng.choice([*fuzz.SEEDS]), rng)
        if (
            one.topic.isprintable()
            and one.topic[:1] not in {"", "$"}
            and not {*"+#"} & {*one.topic}
        ):
            yield one.topic, one.payload


REFUSED = (
    "SELECT scope, n FROM counter WHERE reason <> 'duplicate' AND scope NOT LIKE 'quarantine:%'"
)


def test_hostile_messages_are_survived_and_every_one_is_accounted_for(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(EVERYTHING.format(port=zigbee.port))
    expected = Counter({"zigbee": 4})  # the bridge's own three, and the last one
    with Inside(file, Clocks()) as inside:
        zigbee.online()
        assert inside.daemon is not None
        feeds = inside.daemon.parts.site.feeds
        for topic, payload in hostile(20261121, 400):
            zigbee.peer.publish(topic, payload)
            for name, feed in feeds.items():
                expected[name] += any(matches(one.filter, topic) for one in feed.subscriptions)
        last_is_stored(zigbee, file, 4711)
        assert {name: feed.messages for name, feed in feeds.items()} == dict(expected)
        assert expected.total() > 200
        rejected = {name: feed.rejects for name, feed in feeds.items() if feed.rejects}
    rows = Counter(source for (source,) in answer(file, "SELECT source FROM reject"))
    assert rows == rejected
    assert rows.total() > 50
    counted = Counter[str]()
    for scope, count in answer(file, REFUSED):
        counted[str(scope)] += int(str(count))
    assert counted == rows
    with Inside(file, Clocks()):
        last_is_stored(zigbee, file, 4712)
    assert len(answer(file, "SELECT 1 FROM reject")) == rows.total()


def last_is_stored(zigbee: Zigbee, file: Path, power: float) -> None:
    zigbee.tell("plug", power=power)
    wait_until(
        lambda: answer(file, f"SELECT 1 FROM reading WHERE value = {power}"), "the last is stored"
    )


def answer(file: Path, sql: str) -> list[tuple[object, ...]]:
    with Reader.open(file.parent / "gateway.db") as reader:
        return reader.query(sql).rows
