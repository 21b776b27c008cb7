"""The PostgreSQL sink on a real server."""

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Cursor, Row, Stream, pack
from gateway.errors import SinkRefusedError, SinkUnavailableError
from gateway.sinks.postgres import Settings, Sink
from tests.fakes.authority import Authority
from tests.fakes.postgres import PROGRAMS, Postgres
from tests.fakes.relay import Relay
from tests.sinks import contract
from tests.sinks.contract import AT_MS, Check, cut, new_stream, opened, reading, seqs

psycopg = pytest.importorskip("psycopg", reason="needs psycopg")
if PROGRAMS is None:
    pytest.skip("needs postgresql", allow_module_level=True)


@pytest.fixture(scope="module")
def server() -> Iterator[Postgres]:
    server = Postgres("fsync=off")
    server.start().make_database()
    yield server
    server.remove()


class Rig:
    """The sink, a relay, and the server behind it."""

    def __init__(self, server: Postgres, relay: Relay, folder: Path) -> None:
        self.server, self.relay = server, relay
        self.settings = Settings(
            "127.0.0.1",
            relay.port,
            password_file=str(server.password_file),
            tls=False,
            timeout_s=20.0,
        )
        self._wrong = folder / "wrong"
        self._wrong.write_text("guessed\n")

    def sink(self, stream: Stream, **other: Any) -> Sink:
        return Sink(replace(self.settings, **other), stream)

    def stranger(self, stream: Stream) -> Sink:
        return self.sink(stream, password_file=str(self._wrong))

    def rows(self, stream: Stream) -> list[Row]:
        asked = """SELECT r.seq, r.asset, r.value, extract(epoch FROM r.at) * 1000
            FROM edge.reading r JOIN edge.stream s ON s.id = r.stream
            WHERE (s.gateway, s.epoch, s.lane) = (%s, %s, %s)
            ORDER BY r.xmin::text::bigint, r.seq"""
        names = ("seq", "asset", "value", "at_ms")
        return [dict(zip(names, row, strict=True)) for row in self.server.ask(asked, *stream)]

    def bad_row(self) -> Row:
        return reading(1, asset="pump\0seven")

    def losing(self) -> AbstractContextManager[None]:
        return self.relay.losing(b"COMMIT")

    def stop(self) -> None:
        self.server.kill()

    def start(self) -> None:
        self.server.start()


@pytest.fixture
def rig(server: Postgres, tmp_path: Path) -> Iterator[Rig]:
    with Relay(server.port) as relay:
        yield Rig(server, relay, tmp_path)


@pytest.mark.parametrize(
    "check",
    contract.checks(
        contract.KNOWS, contract.REFUSES, contract.STOPS, contract.LOSES, contract.LOCKS
    ),
)
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


def test_a_first_connection_makes_the_tables_and_two_at_once_do_not_collide(rig: Rig) -> None:
    outcome: list[object] = []

    def connect() -> None:
        with closing(rig.sink(new_stream(), schema="fresh")) as sink:
            outcome.append(sink.cursor())

    threads = [threading.Thread(target=connect) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert outcome == [Cursor()] * 4
    found = rig.server.ask("SELECT tablename FROM pg_tables WHERE schemaname = 'fresh' ORDER BY 1")
    tables = ["event", "reading", "reading_1h", "reading_1m", "refused", "stream"]
    assert [name for (name,) in found] == tables


def test_rows_that_are_refused_are_named_with_the_servers_words(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(
        stream,
        0,
        400,
        row_0=reading(1, value="warm"),
        row_9=reading(10, at_ms=None),
        row_200=reading(201, value="1e400"),
        row_201=reading(202, unit="a\0b"),
        row_202={"kind": "alert", "at_ms": AT_MS, "asset": "a", "body": {"text": "a\0b"}},
        row_399=reading(400, at_ms=10**18),
    )
    with opened(rig, stream) as sink:
        answer = sink.send(batch)
    said = dict(answer.refused)
    assert sorted(said) == [1, 10, 201, 202, 203, 400]
    assert said[1] == 'invalid input syntax for type double precision: "warm" (column value)'
    assert "null value" in said[10]
    assert "out of range" in said[201]
    assert "byte sequence" in said[202]
    assert "unsupported Unicode" in said[203]
    assert seqs(rig, stream) == [seq for seq in range(1, 401) if seq not in said]
    kept = rig.server.ask("SELECT count(*) FROM edge.refused WHERE reason ~ 'warm'")
    assert kept == [(1,)]


def test_a_constraint_of_the_users_refuses_rows(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream, schema="strict") as sink:
        del sink
    rig.server.ask("ALTER TABLE strict.reading ADD CHECK (value < 100)")
    with closing(rig.sink(stream, schema="strict")) as sink:
        sink.cursor()
        answer = sink.send(cut(stream, 0, 3, row_1=reading(2, value=100.5)))
    assert [seq for seq, _ in answer.refused] == [2]


def test_what_is_refused_only_at_the_commit_is_refused_as_a_batch(rig: Rig) -> None:
    stream = new_stream()
    with closing(rig.sink(stream, schema="late")) as sink:
        sink.cursor()
        rig.server.ask("ALTER TABLE late.reading ADD UNIQUE (seq) DEFERRABLE INITIALLY DEFERRED")
        sink.send(cut(stream, 0))
        other = new_stream()
        with closing(rig.sink(other, schema="late")) as another:
            another.cursor()
            with pytest.raises(SinkRefusedError, match="duplicate key"):
                another.send(cut(other, 0))


def test_minutes_hours_and_events_have_tables_of_their_own(rig: Rig) -> None:
    stream = new_stream()
    known = {"asset": "pump-7", "metric": "power", "at_ms": AT_MS}
    rows: list[Row] = [
        {"kind": "reading_1m", **known, "n": 60, "low": 1.0, "mean": 2.0, "high": 3.0, "last": 2.5},
        {"kind": "reading_1h", **known, "n": 9, "low": 1.0, "mean": 2.0, "high": 3.0},
        {"kind": "decision", "asset": "pump-7", "at_ms": AT_MS, "audit_seq": 7, "body": {"a": 1}},
        {"kind": "gap", "at_ms": AT_MS, "rows": 8},
        {"kind": "alert", "asset": "p", "at_ms": AT_MS, "body": {"notice": "alert"}},
    ]
    with opened(rig, stream) as sink:
        sink.send(pack(stream, 0, rows, ""))
    (epoch,) = [stream.epoch]
    of = "WHERE stream = (SELECT id FROM edge.stream WHERE epoch = %s) ORDER BY seq"
    assert rig.server.ask(f"SELECT n, last FROM edge.reading_1m {of}", epoch) == [(60, 2.5)]
    assert rig.server.ask(f"SELECT n, high FROM edge.reading_1h {of}", epoch) == [(9, 3.0)]
    assert rig.server.ask(f"SELECT seq, kind, body FROM edge.event {of}", epoch) == [
        (3, "decision", {"audit_seq": 7, "body": {"a": 1}}),
        (4, "gap", {"rows": 8}),
        (5, "alert", {"notice": "alert"}),
    ]


def test_a_server_that_is_frozen_is_given_up_in_time(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream, timeout_s=0.3) as sink:
        rig.server.freeze(on=True)
        try:
            with pytest.raises(SinkUnavailableError, match=r"no answer within 0\.3\d* s"):
                sink.send(cut(stream, 0))
        finally:
            rig.server.freeze(on=False)
        assert contract.patiently(sink) in (Cursor(), Cursor(3, "report:30"))
        assert sink.send(cut(stream, 0)).cursor.seq == 3
    assert seqs(rig, stream) == [1, 2, 3]


def test_a_closed_sink_does_not_wait_for_a_frozen_server(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink, rig.relay.frozen():
        failed: list[object] = []

        def send() -> None:
            with pytest.raises(SinkUnavailableError) as told:
                sink.send(cut(stream, 0))
            failed.append(told.value)

        sending = threading.Thread(target=send)
        sending.start()
        time.sleep(0)
        sink.close()
        sending.join(10)
        assert len(failed) == 1


@pytest.mark.parametrize("how", [signal.SIGQUIT, signal.SIGINT])
def test_a_restart_of_the_server_loses_nothing(rig: Rig, how: signal.Signals) -> None:
    stream = new_stream()
    with opened(rig, stream) as sink:
        sink.send(cut(stream, 0))
        rig.server.stop(how)
        rig.server.start()
        with pytest.raises(SinkUnavailableError):
            sink.send(cut(stream, 3))
        assert sink.cursor() == Cursor(3, "report:30")
        sink.send(cut(stream, 3))
    assert seqs(rig, stream) == list(range(1, 7))


def test_tls_is_checked_and_hides_what_is_sent(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "authority", "plant")
    certificate, key = authority.issue("server", "IP:127.0.0.1")
    server = Postgres("fsync=off").secure(certificate, key).start().make_database()
    mine = Settings(
        "127.0.0.1",
        server.port,
        password_file=str(server.password_file),
        ca_file=str(authority.certificate),
    )
    try:
        with closing(Sink(mine, new_stream())) as sink:
            sink.cursor()
            found = server.ask(
                "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) "
                "WHERE application_name LIKE 'edge-gateway%'"
            )
            assert found == [(True,)]
        stranger = Authority(tmp_path / "stranger", "stranger")
        for ca_file in ("", str(stranger.certificate)):
            with (
                closing(Sink(replace(mine, ca_file=ca_file), new_stream())) as sink,
                pytest.raises(SinkUnavailableError, match="certificate verify failed"),
            ):
                sink.cursor()
        with (
            closing(Sink(replace(mine, host="localhost"), new_stream())) as sink,
            pytest.raises(SinkUnavailableError, match="does not match host name"),
        ):
            sink.cursor()
    finally:
        server.remove()


def test_a_full_disk_is_said_and_waited_for(rig: Rig) -> None:
    stream = new_stream()
    with opened(rig, stream, schema="full_") as sink:
        rig.server.ask("""CREATE FUNCTION full_.fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE 'no room' USING ERRCODE = 'disk_full'; END $$""")
        rig.server.ask("""CREATE TRIGGER fails BEFORE INSERT ON full_.reading
            EXECUTE FUNCTION full_.fail()""")
        with pytest.raises(SinkUnavailableError, match="its disk is full") as told:
            sink.send(cut(stream, 0))
        assert told.value.wait_s == 60
        rig.server.ask("DROP TRIGGER fails ON full_.reading")
        assert sink.cursor() == Cursor()
        assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_a_server_that_only_reads_is_refused_at_the_door(rig: Rig) -> None:
    rig.server.ask("CREATE ROLE reader SUPERUSER LOGIN PASSWORD 'let us in'")
    rig.server.ask("ALTER ROLE reader SET default_transaction_read_only = on")
    with (
        closing(rig.sink(new_stream(), username="reader")) as sink,
        pytest.raises(SinkUnavailableError, match="read-only"),
    ):
        sink.cursor()


def test_missing_rights_say_what_to_do(rig: Rig) -> None:
    rig.server.ask("CREATE ROLE guest LOGIN PASSWORD 'let us in'")
    with closing(rig.sink(new_stream(), username="guest", schema="theirs")) as sink:
        with pytest.raises(SinkUnavailableError, match=r"permission denied .* see 'Rights'"):
            sink.cursor()
        rig.server.ask("CREATE SCHEMA theirs AUTHORIZATION guest")
        assert sink.cursor() == Cursor()


def test_the_rights_of_the_guide_are_enough(rig: Rig) -> None:
    guide = (Path(__file__).parents[2] / "docs/sinks/postgres.md").read_text()
    grants = [line for line in guide.splitlines() if line.startswith("GRANT")]
    with opened(rig, new_stream()):
        rig.server.ask("CREATE ROLE north LOGIN PASSWORD 'let us in'")
    for grant in grants:
        rig.server.ask(grant)
    stream = new_stream()
    with opened(rig, stream, username="north") as sink:
        answer = sink.send(cut(stream, 0, 5, row_2=rig.bad_row()))
        assert [seq for seq, _ in answer.refused] == [3]
        assert sink.send(cut(stream, 0, 5, row_2=rig.bad_row())).refused == answer.refused
        assert sink.cursor() == Cursor(5, "report:50")
    assert seqs(rig, stream) == [1, 2, 4, 5]


def test_a_missing_database_says_what_to_do(rig: Rig) -> None:
    with (
        closing(rig.sink(new_stream(), database="nowhere")) as sink,
        pytest.raises(SinkUnavailableError, match='database "nowhere" does not exist'),
    ):
        sink.cursor()


def test_a_password_file_that_is_missing_is_named(rig: Rig) -> None:
    with (
        closing(rig.sink(new_stream(), password_file="/nowhere/password")) as sink,
        pytest.raises(SinkUnavailableError, match="/nowhere/password"),
    ):
        sink.cursor()


def test_the_first_of_several_hosts_that_answers_is_taken(rig: Rig) -> None:
    with closing(rig.sink(new_stream(), host="127.0.0.2,127.0.0.1")) as sink:
        assert sink.cursor() == Cursor()


def test_a_commit_is_durable_whatever_the_server_does_by_default(rig: Rig) -> None:
    rig.server.ask("CREATE ROLE careless SUPERUSER LOGIN PASSWORD 'let us in'")
    rig.server.ask("ALTER ROLE careless SET synchronous_commit = off")
    with opened(rig, new_stream(), username="careless") as sink:
        assert sink._line.run("SHOW synchronous_commit") == [("on",)]


@pytest.mark.parametrize(
    "wrong",
    [{"schema": "edge; drop"}, {"cert_file": "c.pem"}, {"timeout_s": 0}],
    ids=["schema", "certificate without a key", "time-out"],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Settings("localhost", **wrong)
