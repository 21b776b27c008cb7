"""Events as rows: alerts first, the chain whole, and no name of the site under pseudonyms."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import settings as config
from hypothesis import strategies as st

from gateway.core.audit import Kind as Recorded
from gateway.core.audit import Record, entry_of, link, text
from gateway.core.batches import Lane
from gateway.core.checkpoints import Checkpoint
from gateway.core.choices import Kind
from gateway.core.commands import Command, State
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.store.batch import Batch, SyncRow
from tests.sync.rooms import NOW_MS, POWER, choice, cutter, everything, open_store, stored

ALL = choice(Kind.DECISIONS, Kind.ALERTS, Kind.AUDIT, Kind.HEALTH)


def decision(n, asset="pump-7"):
    seen = Verdict(
        *(asset, NOW_MS + n, 1_000 + n, "model:pump-7-anomaly", "alarm", 0.9, 0.5, "1.2", "ab"),
        inputs={"power": 1.5, "word": "the plug of pump-7"},
        abstained={"rule:1": "nothing of plug"},
        cause="stale: power",
    )
    told = ("raised", Mode.ACT, "stop", seen, "interlock: plug is open", "3 of 5")
    return Decision(f"d{n}", asset, f"{asset}/policy/0", *told, 2.5)


def command(n, asset="pump-7"):
    return Command(
        *(f"c{n}", f"d{n}", asset, "stop", "zigbee", "plug", {"state": "OFF", "level": 3}),
        *(NOW_MS, NOW_MS + 10, 1_000, 2_000, 12_000, "boot-1"),
        state=State.FAILED,
        reason="rejected: by plug",
        evidence="plug said no",
        by="person:Ada",
    )


def alert(n, asset="pump-7"):
    body = {"kind": "raised", "text": f"Cooling pump ({asset}): alarm {n}"}
    return SyncRow("alert", asset, NOW_MS + n, json.dumps(body))


def health(n):
    body = {
        "state": "degraded",
        "problems": ["source zigbee: silent"],
        "sources": {"zigbee": {"offline": ["plug"]}},
        "store": {"bytes": n, "state": "ok"},
    }
    return SyncRow("health", "", NOW_MS + n, json.dumps(body))


def checkpoint(store, seq):
    document = json.dumps({"ts": "2026-01-01T00:00:00Z", "seq": seq, "signature": "x"})
    return Checkpoint(seq, b"", store.opened.epoch, "key", document)


def events(store, chosen=ALL):
    return cutter(store, chosen, Lane.EVENTS)


def test_alerts_come_before_everything_and_health_last(store):
    store.commit(Batch(decisions=[decision(1)], commands=[command(1)], sync_rows=[health(1)]))
    store.commit(Batch(checkpoints=[checkpoint(store, 3)], sync_rows=[alert(2)]))
    rows, end = everything(events(store))
    assert [row["kind"] for row in rows] == [
        *("alert", "genesis", "decision", "command", "checkpoint", "health")
    ]
    assert end == "alert:2,audit:3,checkpoint:3,health:1"
    assert events(store).head() == "alert:2,audit:3,checkpoint:3,health:2"
    assert rows[0]["body"] == {"kind": "raised", "text": "Cooling pump (pump-7): alarm 2"}
    assert rows[2]["asset"] == "pump-7"
    assert rows[2]["body"]["verdict"]["label"] == "alarm"
    assert rows[4]["body"]["seq"] == 3


def test_nothing_but_what_is_chosen(store):
    store.commit(Batch(decisions=[decision(1)], records=[Record(Recorded.MODEL, "m")]))
    store.commit(Batch(sync_rows=[alert(1), health(1)]))

    def kinds(*chosen):
        return [row["kind"] for row in everything(events(store, choice(*chosen)))[0]]

    assert kinds(Kind.ALERTS) == ["alert"]
    assert kinds(Kind.DECISIONS) == ["decision"]
    assert kinds(Kind.HEALTH) == ["health"]
    assert kinds(Kind.AUDIT) == ["genesis", "model"]
    assert kinds(Kind.READINGS) == []


def test_only_the_assets_that_are_named(store):
    store.commit(
        Batch(
            decisions=[decision(1), decision(2, "fan-1")],
            records=[Record(Recorded.SECURITY, "plug", {"device": "plug"})],
            sync_rows=[alert(1), alert(2, "fan-1"), alert(3, ""), health(4)],
        )
    )
    rows, _ = everything(events(store, replace(ALL, assets=frozenset({"fan-1"}))))
    assert [(row["kind"], row["asset"]) for row in rows] == [
        *(("alert", "fan-1"), ("alert", ""), ("decision", "fan-1"), ("health", ""))
    ]
    assert rows[1]["body"] == {"kind": "raised"}
    assert "zigbee" not in str(rows)


def test_whoever_has_every_record_can_verify_the_chain(store):
    store.commit(Batch(decisions=[decision(1)], commands=[command(1)], at_ms=NOW_MS))
    rows, _ = everything(events(store, choice(Kind.DECISIONS, Kind.AUDIT)))
    before = bytes(32)
    for row in json.loads(json.dumps(rows)):
        named = {"seq": row["audit_seq"], **row}
        entry = entry_of(json.dumps(named))
        before = link(before, text(entry))
        assert before == entry.hash
    assert len(rows) == 3


def test_records_that_were_dropped_before_they_were_sent_are_told(store):
    for n in range(30):
        store.commit(Batch(decisions=[decision(n)], at_ms=NOW_MS))
    store.commit(Batch(checkpoints=[checkpoint(store, 20), checkpoint(store, 31)]))
    found = events(store, choice(Kind.DECISIONS))
    start = found.cut("", 4).position
    store._connection.execute("DELETE FROM audit WHERE seq <= 20")
    rows, _ = everything(found, [1, 1], start)
    assert rows[0] == {
        "kind": "gap",
        "at_ms": NOW_MS,
        "from_position": "audit:5",
        "to_position": "audit:20",
        "rows": 15,
    }
    assert [row["audit_seq"] for row in rows[1:]] == list(range(21, 32))


def test_half_a_character_goes_out_as_its_escape(store):
    text = SyncRow("alert", "pump-7", NOW_MS, json.dumps({"kind": "raised", "text": "a\ud800"}))
    store.commit(Batch(sync_rows=[text]))
    (row,) = events(store, choice(Kind.ALERTS)).cut("", 10).rows
    assert row["body"]["text"] == "a\\ud800"


def test_how_much_is_left_is_told(store):
    store.commit(Batch(decisions=[decision(1)], sync_rows=[alert(1), alert(2), health(3)]))
    found = events(store)
    assert found.left("") == 5
    assert found.left(found.cut("", 2).position) == 3
    assert found.left("", found.cut("", 2).position) == 2
    assert found.left(found.head()) == 0


EVENTS = st.lists(st.sampled_from(["alert", "health", "decision", "checkpoint"]), max_size=30)


def batch(store, kinds, first):
    made = Batch(at_ms=NOW_MS)
    for n, kind in enumerate(kinds, first):
        if kind == "decision":
            made.decisions.append(decision(n))
        elif kind == "checkpoint":
            made.checkpoints.append(checkpoint(store, n + 1))
        else:
            made.sync_rows.append(alert(n) if kind == "alert" else health(n))
    return made


@config(deadline=None, max_examples=40)
@given(EVENTS, st.lists(st.tuples(st.integers(0, 5), st.integers(1, 4)), max_size=30))
def test_a_writer_in_between_makes_it_skip_nothing_and_send_nothing_twice(
    tmp_path_factory, kinds, turns
):
    store = open_store(tmp_path_factory.mktemp("db"))
    found, rows, position, done = events(store), [], "", 0
    for writes, size in turns:
        store.commit(batch(store, kinds[done : done + writes], done))
        done = min(done + writes, len(kinds))
        cut = found.cut(position, size)
        rows, position = rows + cut.rows, cut.position
    store.commit(batch(store, kinds[done:], done))
    rows += everything(found, (), position)[0]
    whole, _ = everything(found)
    paged, _ = everything(found, [size for _, size in turns])
    assert paged == whole
    for kind in ("alert", "health", "decision", "checkpoint"):
        assert [one for one in rows if one["kind"] == kind] == [
            one for one in whole if one["kind"] == kind
        ]
    assert len(whole) == len(kinds) + 1
    found.close()
    store.close()


def test_under_pseudonyms_no_name_of_the_site_leaves(store):
    told = {"event": "source_flooding", "source": "zigbee", "device": "plug", "text": "plug!"}
    records = [
        Record(kind, "pump-7", {**told, "asset": "pump-7", "reason": "Ada said so", "plug": 3})
        for kind in Recorded
    ]
    store.commit(Batch(reports=[stored(1, (POWER, 1.0))], records=records))
    store.commit(Batch(decisions=[decision(1)], commands=[command(1)]))
    store.commit(Batch(sync_rows=[alert(1), alert(2, ""), health(3)]))
    rows, _ = everything(events(store, replace(ALL, pseudonyms=True)))
    words = json.dumps(rows)
    for name in ("pump-7", "plug", "zigbee", "Ada", "Cooling", '"hash"'):
        assert name not in words, name
    by_kind = {row["kind"]: row for row in rows}
    made = by_kind["decision"]
    assert made["subject"] == "d1"
    assert made["body"]["policy"] == f"{made['asset']}/policy/0"
    assert made["body"]["verdict"]["inputs"] == {"power": 1.5}
    assert (made["body"]["event"], made["body"]["refused"]) == ("raised", "interlock")
    ordered = by_kind["command"]
    assert ordered["body"]["set"] == {"level": 3}
    assert (ordered["body"]["by"], ordered["body"]["reason"]) == ("person", "rejected")
    assert by_kind["alert"]["body"] == {"kind": "raised"}
    assert by_kind["health"]["body"]["store"] == {"state": "ok", "bytes": 3}
