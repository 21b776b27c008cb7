"""The chain in the database: grown with what it tells of, kept by triggers, whole after kill -9."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.adapters import signing
from gateway.core import checkpoints
from gateway.core.audit import Head, Kind, Record, canonical
from gateway.core.audit_walk import Fault
from gateway.core.checkpoints import Checkpoint
from gateway.core.commands import State
from gateway.errors import StoreError
from gateway.store import audit_check, opening, retention, salvage
from gateway.store.audit_check import Checked
from gateway.store.audit_rows import Ledger
from gateway.store.batch import Batch, Committed
from gateway.store.reader import Reader
from gateway.store.settings import DAY_MS
from gateway.store.writer import Store
from tests.store.samples import (
    BOOT,
    NOW_MS,
    crash,
    decision,
    open_store,
    order,
    settings,
    stored,
    verdict,
)

TURNS = 6


def turn(store: Store, n: int, mono_ms: int = 1_000) -> Committed:
    """One decision, and its command through three states, in two commits."""
    decided = replace(decision(n), verdict=verdict(n, mono_ms=mono_ms))
    command = replace(order(n), created_mono_ms=mono_ms, state=State.SENT)
    said = Record(Kind.INTERVENTION, "pump-7", {"author": "Ann", "n": n})
    store.commit(Batch(decisions=[decided], commands=[command], records=[said], at_ms=NOW_MS + n))
    states = [
        replace(command, state=State.ACCEPTED, evidence="bridge"),
        replace(command, state=State.CONFIRMED, evidence="proof", ended_at_ms=NOW_MS + n + 5),
    ]
    return store.commit(Batch(commands=states, at_ms=NOW_MS + n + 5))


def signed(key: signing.SigningKey, done: Committed) -> Checkpoint:
    drafted = checkpoints.draft(done.head, done.epoch, "here", key.public, NOW_MS)
    return checkpoints.signed(drafted, key.sign(canonical(drafted).encode()))


def trust(key: signing.SigningKey) -> Callable[[Checkpoint], str]:
    def fault(made: Checkpoint) -> str:
        content, signature = made.signed
        good = made.public_key == key.public and signing.holds(content, signature, key.public)
        return "" if good else "bad signature"

    return fault


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> signing.SigningKey:
    return signing.SigningKey.make(tmp_path_factory.mktemp("key") / "audit.key")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory, key: signing.SigningKey) -> Path:
    """A closed database with a chain and a checkpoint after every second turn."""
    place = tmp_path_factory.mktemp("sound")
    store = open_store(settings(place))
    for n in range(TURNS):
        done = turn(store, n)
        if n % 2:
            store.commit(Batch(checkpoints=[signed(key, done)]))
    store.close()
    return place / "gateway.db"


def check(path: Path, key: signing.SigningKey, *others: str) -> Checked:
    with Reader.open(path) as reader:
        return reader.audit.check(trust(key), others)


def tamper(path: Path, *statements: str) -> None:
    """Change a database as somebody with an SQLite shell would, triggers out of the way."""
    connection = sqlite3.connect(path)
    for name in ("audit_unchanged", "audit_kept", "checkpoint_unchanged", "checkpoint_kept"):
        connection.execute(f"DROP TRIGGER IF EXISTS {name}")
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()


@pytest.fixture
def copy(sound: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(sound, tmp_path / "gateway.db"))


def test_control_what_nobody_touched_is_whole(sound: Path, key: signing.SigningKey) -> None:
    found = check(sound, key)
    assert (found.breaks, found.records, found.first) == ((), 1 + 5 * TURNS, 1)
    assert (found.checkpoints, found.good) == (3, found.head.seq)
    assert found.uncovered == {"decision": 0, "command": 0}


def test_every_state_of_a_command_is_a_record_and_stands_in_one_transaction_with_it(
    sound: Path,
) -> None:
    with Reader.open(sound) as reader:
        bodies = [
            json.loads(one.body) for one in reader.audit.entries() if one.subject == "c000002"
        ]
        assert [body["state"] for body in bodies] == ["sent", "accepted", "confirmed"]
        rows = reader.query("SELECT c.audit, a.kind FROM command c JOIN audit a ON a.seq = c.audit")
        assert {kind for _, kind in rows.rows} == {"command"}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE audit SET body = '{}' WHERE seq = 2", "never changed"),
        ("DELETE FROM audit WHERE seq = (SELECT max(seq) FROM audit)", "signed checkpoint"),
        ("UPDATE audit_checkpoint SET document = ''", "never changed"),
        ("DELETE FROM audit_checkpoint", "with the records before them"),
    ],
)
def test_sql_that_would_change_the_past_is_refused(
    copy: Path, key: signing.SigningKey, statement: str, words: str
) -> None:
    store = open_store(settings(copy.parent))
    store.commit(Batch(records=[Record(Kind.GATEWAY, "here", {})]))
    with pytest.raises(sqlite3.IntegrityError, match=words):
        store._connection.execute(statement)
    store.close()
    assert check(copy, key).whole


CELLS = ("at_ms", "boot", "mono_ms", "clock", "kind", "subject", "body", "hash")


@config(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 5 * TURNS + 1), st.sampled_from(CELLS), st.integers(0, 10_000))
def test_a_byte_of_any_record_that_is_flipped_is_located(
    sound: Path, key: signing.SigningKey, tmp_path_factory: pytest.TempPathFactory,
    seq: int, cell: str, where: int,
) -> None:  # fmt: skip
    path = Path(shutil.copy(sound, tmp_path_factory.mktemp("flip") / "gateway.db"))
    if cell in ("at_ms", "boot", "mono_ms", "clock"):
        tamper(path, f"UPDATE audit SET {cell} = {cell} + 1 WHERE seq = {seq}")
    else:
        connection = sqlite3.connect(path)
        (value,) = connection.execute(f"SELECT {cell} FROM audit WHERE seq = {seq}").fetchone()
        connection.close()
        raw = bytearray(value if isinstance(value, bytes) else value.encode()) or bytearray(b"x")
        raw[where % len(raw)] ^= 1
        shown = f"x'{raw.hex()}'" if cell == "hash" else f"CAST(x'{raw.hex()}' AS TEXT)"
        tamper(path, f"UPDATE audit SET {cell} = {shown} WHERE seq = {seq}")
    found = check(path, key)
    assert (found.breaks[0].seq, found.breaks[0].what) == (seq, Fault.CHANGED)


@config(deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(1, 5 * TURNS), st.integers(1, 4))
def test_records_that_were_deleted_are_located(
    sound: Path, key: signing.SigningKey, tmp_path_factory: pytest.TempPathFactory,
    seq: int, count: int,
) -> None:  # fmt: skip
    path = Path(shutil.copy(sound, tmp_path_factory.mktemp("gone") / "gateway.db"))
    tamper(path, f"DELETE FROM audit WHERE seq BETWEEN {seq} AND {seq + count - 1}")
    found = check(path, key)
    wanted = Fault.TRUNCATED if seq + count > 5 * TURNS + 1 else Fault.MISSING
    assert (found.breaks[0].seq, found.breaks[0].what) == (seq, wanted)


def test_two_records_that_changed_places_are_told_as_that(
    copy: Path, key: signing.SigningKey
) -> None:
    tamper(
        copy,
        "UPDATE audit SET seq = -1 WHERE seq = 5",
        "UPDATE audit SET seq = 5 WHERE seq = 9",
        "UPDATE audit SET seq = 9 WHERE seq = -1",
    )
    found = check(copy, key)
    assert (found.breaks[0].seq, found.breaks[0].what) == (5, Fault.REORDERED)


BACK = (
    "UPDATE command SET state = 'sent', evidence = '', ended_at_ms = NULL, audit = audit - 2 "
    "WHERE id = 'c000003'"
)


@pytest.mark.parametrize(
    ("statement", "what", "detail"),
    [
        ("UPDATE decision SET action = 'start' WHERE id = 'd000003'", Fault.ROW_CHANGED, "action"),
        ("UPDATE decision SET verdict = json_set(verdict, '$.score', 0.1) WHERE id = 'd000003'",
         Fault.ROW_CHANGED, "verdict"),
        ("UPDATE decision SET at_ms = at_ms + 1 WHERE id = 'd000003'", Fault.ROW_CHANGED, "at_ms"),
        ("UPDATE decision SET audit = NULL WHERE id = 'd000003'", Fault.ROW_CHANGED, "audit"),
        ("UPDATE command SET evidence = '' WHERE id = 'c000003'", Fault.ROW_CHANGED, "evidence"),
        ("UPDATE command SET state = 'failed' WHERE id = 'c000003'", Fault.ROW_CHANGED, "state"),
        ("UPDATE command SET set_json = '{}' WHERE id = 'c000003'", Fault.ROW_CHANGED, "set"),
        (BACK, Fault.ROW_CHANGED, "audit"),
        ("UPDATE command SET ended_at_ms = 7, clock = 2 WHERE id = 'c000003'", Fault.ROW_CHANGED,
         "ended_at_ms"),
        ("DELETE FROM command WHERE id = 'c000003'", Fault.ROW_MISSING, "c000003"),
        ("DELETE FROM decision WHERE id = 'd000003'", Fault.ROW_MISSING, "d000003"),
        ("UPDATE command SET id = 'c9' WHERE id = 'c000003'", Fault.ROW_MISSING, "c000003"),
    ],
)  # fmt: skip
def test_a_row_that_was_altered_afterwards_is_named(
    copy: Path, key: signing.SigningKey, statement: str, what: Fault, detail: str
) -> None:
    tamper(copy, statement)
    found = check(copy, key)
    assert found.breaks
    assert found.breaks[0].what is what
    assert detail in found.breaks[0].detail


SLIP = (
    "INSERT INTO decision SELECT 'd9', asset, at_ms, policy, event, mode, action, refused, "
    "votes, verdict, boot, mono_ms, clock, explanation, {}, value FROM decision LIMIT 1"
)


def test_a_row_that_was_slipped_in_is_told(copy: Path, key: signing.SigningKey) -> None:
    tamper(copy, SLIP.format("NULL"))
    (one,) = check(copy, key).breaks
    assert (one.what, "d9" in one.detail) == (Fault.ROW_UNRECORDED, True)
    tamper(copy, "DELETE FROM decision WHERE id = 'd9'", SLIP.format("audit"))
    (one,) = check(copy, key).breaks
    assert (one.what, one.seq) == (Fault.ROW_UNRECORDED, 3)


def test_a_cut_needs_a_checkpoint_that_was_kept_and_a_forged_one_is_refused(
    copy: Path, key: signing.SigningKey
) -> None:
    with Reader.open(copy) as reader:
        kept = reader.audit.newest_checkpoint()
    last = check(copy, key).head.seq
    tamper(
        copy,
        f"DELETE FROM audit WHERE seq > {last - 5}",
        f"DELETE FROM audit_checkpoint WHERE seq > {last - 5}",
        *(f"DELETE FROM {table} WHERE audit > {last - 5}" for table in ("decision", "command")),
    )
    assert check(copy, key).whole
    found = check(copy, key, kept)
    assert (found.breaks[0].seq, found.breaks[0].what) == (last - 4, Fault.TRUNCATED)
    forged = kept.replace(f'"seq":{last}', f'"seq":{last - 5}')
    assert check(copy, key, forged).breaks[0].what is Fault.REFUSED
    assert check(copy, key, "nonsense").breaks[0].what is Fault.REFUSED


def test_a_chain_written_anew_without_the_key_does_not_pass(
    copy: Path, key: signing.SigningKey
) -> None:
    with Reader.open(copy) as reader:
        kept = reader.audit.newest_checkpoint()
    tamper(copy, "DELETE FROM audit WHERE seq > 1", "DELETE FROM decision", "DELETE FROM command",
           "DELETE FROM audit_checkpoint")  # fmt: skip
    store = open_store(settings(copy.parent))
    for n in range(TURNS):
        turn(store, n + 100)
    store.close()
    assert check(copy, key).whole
    assert check(copy, key, kept).breaks[0].what is Fault.REWRITTEN


def test_an_open_database_whose_end_was_cut_says_so_when_it_opens(copy: Path) -> None:
    tamper(copy, "DELETE FROM audit WHERE seq > 9")
    store = open_store(settings(copy.parent))
    assert any("cut off" in note for note in store.opened.notes)
    store.close()


# -- clocks, retention, damage ---------------------------------------------------------------------


def test_repaired_clocks_move_rows_and_never_records(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    store = open_store(settings(tmp_path))
    early = Batch(verdicts=[verdict(1)], decisions=[decision(1)], commands=[order(1)])
    early.clock_ok = False
    before = store.commit(early)
    with Reader.open(tmp_path / "gateway.db") as reader:
        told = list(reader.audit.entries())
    assert store.repair_clock(BOOT, 86_400_000) == 3
    late = replace(order(1), state=State.CONFIRMED, ended_at_ms=NOW_MS + 86_400_000)
    store.commit(Batch(commands=[late], at_ms=NOW_MS + 86_400_000))
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        assert list(reader.audit.entries())[: before.head.seq] == told
        (clock,) = (one for one in reader.audit.entries() if one.kind == Kind.CLOCK)
        assert json.loads(clock.body)["offset_ms"] == 86_400_000
    assert check(tmp_path / "gateway.db", key).breaks == ()
    tamper(tmp_path / "gateway.db", "UPDATE decision SET at_ms = at_ms + 1, "
           "verdict = json_set(verdict, '$.at_ms', at_ms + 1)")  # fmt: skip
    assert check(tmp_path / "gateway.db", key).breaks[0].what is Fault.ROW_CHANGED


def drain(store: Store, mono_ms: int) -> None:
    for _ in range(200):
        if not store.maintain(NOW_MS, clock_ok=True, mono_ms=mono_ms).more:
            return
    pytest.fail("maintain never ends")


def test_decisions_that_age_out_are_on_record_and_nothing_is_broken(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    store = open_store(settings(tmp_path, keep_ms={"decisions": 10 * DAY_MS}))
    for n in range(20):
        turn(store, n, mono_ms=n * DAY_MS + 1_000)
    drain(store, 21 * DAY_MS)
    path = tmp_path / "gateway.db"
    with Reader.open(path) as reader:
        (left,) = reader.query("SELECT count(*) FROM decision").rows[0]
        dropped = [one for one in reader.audit.entries() if one.kind == Kind.RETENTION]
    assert 0 < int(str(left)) < 20
    assert {one.subject for one in dropped} == {"decision", "command"}
    assert check(path, key).breaks == ()
    store.close()
    tamper(path, "DELETE FROM decision WHERE id = 'd000018'")
    assert check(path, key).breaks[0].what is Fault.ROW_MISSING


def test_old_records_go_only_up_to_a_signed_checkpoint_and_the_rest_is_whole(
    tmp_path: Path, key: signing.SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "ROWS", 20)
    store = open_store(settings(tmp_path, keep_ms={"audit": 10 * DAY_MS}))
    path = tmp_path / "gateway.db"
    for n in range(20):
        turn(store, n, mono_ms=n * DAY_MS + 1_000)
    drain(store, 21 * DAY_MS)
    assert check(path, key).first == 1  # nothing is signed: nothing goes
    for n in range(20, 40):
        done = turn(store, n, mono_ms=n * DAY_MS + 1_000)
        store.commit(Batch(checkpoints=[signed(key, done)]))
    drain(store, 41 * DAY_MS)
    found = check(path, key)
    assert found.breaks == ()
    assert 100 < found.first < found.head.seq
    assert found.uncovered["decision"] > 0  # their records are gone, they are not
    store.close()
    tamper(path, f"DELETE FROM audit WHERE seq <= {found.first + 4}",
           f"DELETE FROM audit_checkpoint WHERE seq < {found.first + 4}")  # fmt: skip
    (one, *_) = check(path, key).breaks
    assert (one.what, one.seq) == (Fault.MISSING, found.first)


def test_under_pressure_records_go_last_and_the_newest_checkpoint_stays(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    store = open_store(settings(tmp_path))
    for n in range(5):
        done = turn(store, n)
        store.commit(Batch(checkpoints=[signed(key, done)]))
    kinds = []
    while counts := store._upkeep.shed(2_000, "quota", by_age=False).counts:
        kinds += [kind for kind, _ in counts]
    assert kinds == ["command", "decision", "audit"]
    found = check(tmp_path / "gateway.db", key)
    assert (found.breaks, found.checkpoints) == ((), 1)
    store.close()


def test_after_damage_a_new_chain_names_the_old_one_and_keeps_what_was_left(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    store = open_store(settings(tmp_path))
    for n in range(TURNS):
        done = turn(store, n)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    path = tmp_path / "gateway.db"
    with path.open("r+b") as file:
        file.write(b"\0" * 24)
    store = open_store(settings(tmp_path))
    assert store.opened.set_aside is not None
    assert store.opened.epoch != done.epoch
    drain(store, 2_000)
    turn(store, 50)
    store.close()
    found = check(path, key)
    assert found.breaks == ()
    assert found.uncovered == {"decision": TURNS, "command": TURNS}
    with Reader.open(path) as reader:
        link = next(one for one in reader.audit.entries() if one.kind == Kind.SALVAGE)
        body = json.loads(link.body)
        (before,) = reader.audit.before()
    assert (body["epoch"], body["hash"]) == (done.epoch, done.head.hash.hex())
    assert (before.epoch, before.records, before.lost) == (done.epoch, 1 + 5 * TURNS, 0)
    assert before.breaks == ()
    tamper(path, "UPDATE audit_before SET body = '{}' WHERE seq = 4",
           "DELETE FROM audit_before WHERE seq = 9")  # fmt: skip
    with Reader.open(path) as reader:
        (before,) = reader.audit.before()
    assert [one.seq for one in before.breaks] == [4, 9]
    tamper(path, SLIP.format("NULL"))
    assert check(path, key).breaks[0].what is Fault.ROW_UNRECORDED


def test_while_rows_are_still_being_rescued_nothing_is_called_unrecorded(
    tmp_path: Path, key: signing.SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(settings(tmp_path))
    done = turn(store, 1)
    late = signed(key, done)
    store._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    crash(store)
    path = tmp_path / "gateway.db"
    with path.open("r+b") as file:
        file.write(b"\0" * 24)
    monkeypatch.setattr(salvage, "STEPS", 1)
    monkeypatch.setattr(opening, "SALVAGE_S", 0.0)
    store = open_store(settings(tmp_path))
    store.commit(Batch(checkpoints=[late]))  # it waited while the damage was found
    while salvage.pending(store._connection):
        assert check(path, key).breaks == ()
        store._upkeep.maintain(2_000, clock_ok=False)
    assert check(path, key).breaks == ()
    store.close()


def test_rows_dropped_while_it_is_checked_are_no_break(
    tmp_path: Path, key: signing.SigningKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = open_store(settings(tmp_path))
    for n in range(TURNS):
        turn(store, n)
    compare, dropped = audit_check.row_breaks, []

    def meanwhile(connection: sqlite3.Connection, ledger: Ledger) -> object:
        """Between the walk and the look at the rows, the gateway drops some."""
        if not dropped:
            dropped.append(store._upkeep.shed(2_000, "quota", by_age=False).counts)
        return compare(connection, ledger)

    monkeypatch.setattr(audit_check, "row_breaks", meanwhile)
    assert check(tmp_path / "gateway.db", key).breaks == ()
    assert [dict(one) for one in dropped] == [{("command", "quota"): TURNS}]
    store.close()


def test_what_is_older_than_the_chain_is_counted_and_not_called_broken(
    copy: Path, key: signing.SigningKey
) -> None:
    tamper(copy, "DROP TABLE audit", "DROP TABLE audit_checkpoint", "DROP TABLE audit_before",
           "ALTER TABLE decision DROP COLUMN audit", "ALTER TABLE command DROP COLUMN audit",
           "ALTER TABLE decision DROP COLUMN value", "ALTER TABLE command DROP COLUMN attempt",
           "DELETE FROM _sqlite_migrations WHERE name IN "
           "('audit_chain', 'command_attempts', 'decision_values')")  # fmt: skip
    with Reader.open(copy) as reader, pytest.raises(StoreError, match="no audit chain yet"):
        _ = reader.audit
    store = open_store(settings(copy.parent))
    assert store.opened.migrated == ("audit_chain", "command_attempts", "decision_values")
    turn(store, 60)
    store.close()
    found = check(copy, key)
    assert (found.breaks, found.uncovered["decision"]) == ((), TURNS)


def test_a_commit_that_came_back_with_the_wal_is_not_recorded_twice(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    store = open_store(settings(tmp_path))
    done = turn(store, 1)
    batch = Batch(decisions=[decision(2)], records=[Record(Kind.GATEWAY, "here", {})])
    store.commit(batch)
    store._failed, store._head = batch, done.head  # as after a sync that failed
    store._reopen()
    assert store.commit(batch).head.seq == done.head.seq + 2
    store.close()
    assert check(tmp_path / "gateway.db", key).whole


def test_a_batch_of_readings_alone_adds_no_record(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    before = store.commit(Batch(reports=[stored(1)])).head
    assert store.commit(Batch(reports=[stored(2)])).head == before
    assert before != Head()
    store.close()


# -- kill -9 ---------------------------------------------------------------------------------------

WRITER = """
import os, sys
from pathlib import Path
from tests.store.samples import *
from tests.store.test_audit import turn
store = open_store(settings(Path(sys.argv[1])))
n = int(sys.argv[2])
while True:
    done = turn(store, n)
    n += 1
    os.write(1, f"{n} {done.head.seq} {done.head.hash.hex()}\\n".encode())
"""


def test_killed_again_and_again_the_chain_is_whole_and_holds_all_that_was_reported(
    tmp_path: Path, key: signing.SigningKey
) -> None:
    dice, turns = random.Random(3), 0
    for _ in range(8):
        command = [sys.executable, "-c", WRITER, str(tmp_path), str(turns)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(dice.randint(1, 40)):
                said = writer.stdout.readline()
                assert said
            os.kill(writer.pid, signal.SIGKILL)
            said = ([said, *writer.stdout.read().splitlines()])[-1]
        turns, seq, hash_ = int(said.split()[0]) + 1, int(said.split()[1]), said.split()[2]
        open_store(settings(tmp_path)).close()
        found = check(tmp_path / "gateway.db", key)
        assert found.breaks == ()
        with Reader.open(tmp_path / "gateway.db") as reader:
            kept = next(one for one in reader.audit.entries(seq - 1))
        assert kept.hash.hex() == hash_


def test_what_actions_were_told_before_there_was_a_column_is_taken_from_their_records(
    copy: Path, key: signing.SigningKey
) -> None:
    with Reader.open(copy) as reader:
        told = reader.query("SELECT id, value FROM decision ORDER BY id").rows
    tamper(copy, "ALTER TABLE decision DROP COLUMN value",
           "DELETE FROM _sqlite_migrations WHERE name = 'decision_values'")  # fmt: skip
    store = open_store(settings(copy.parent))
    assert store.opened.migrated == ("decision_values",)
    store.close()
    with Reader.open(copy) as reader:
        assert reader.query("SELECT id, value FROM decision ORDER BY id").rows == told
    assert check(copy, key).breaks == ()
