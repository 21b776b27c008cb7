"""A device that was erased is in no byte of any file; the others are whole."""

from pathlib import Path

import pytest

from gateway.core.audit import Kind, Record
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Uplink
from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, MetricKind, Report
from gateway.store.batch import Batch, OutboxRow, RejectRow, StoredReport
from gateway.store.reader import Reader
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store

DAY_MS = 86_400_000
MARK = "markeddevice0815"
WORD = "unmistakable words of it"
NUMBER = 47_110_815.5
"""A value that nothing else has; reports hold it as text."""


def open_store(path: Path, mono_ms: int = 0) -> Store:
    keep_ms = {"rejects": 400 * DAY_MS}
    file = path / "gateway.db"
    settings = StoreSettings(path=file, keep_ms=keep_ms, min_free_bytes=0, ballast_bytes=0)
    return Store.open(settings, boot="b1", now_ms=1_795_000_000_000, mono_ms=mono_ms)


def metric(device: str, name: str) -> Metric:
    kind = MetricKind.TEXT if name == "said" else MetricKind.GAUGE
    return Metric(name, "zigbee", device, ValuePath.parse(name), asset="", kind=kind)


def reports(device: str, count: int, start_ms: int, number: float) -> list[StoredReport]:
    mapper = Mapper("zigbee", [metric(device, "level"), metric(device, "said")])
    found = []
    for at in range(count):
        uplink = Uplink(
            device, {"level": number + at % 7, "said": f"{WORD if device == MARK else 'x'}"}
        )
        at_ms = start_ms + at * 1_000
        message = Message("local", f"z/{device}", b"", 1, False, False, at_ms, at_ms)
        report = mapper.report(uplink, message)
        assert isinstance(report, Report)
        found.append(StoredReport(report))
    return found


def everything(folder: Path) -> bytes:
    return b"\n".join(one.read_bytes() for one in sorted(folder.iterdir()) if one.is_file())


def marks(folder: Path) -> int:
    content = everything(folder).lower()
    return sum(content.count(mark.encode()) for mark in (MARK, WORD, str(int(NUMBER))))


def lived(folder: Path) -> Store:
    """Both devices spoke in turns; some of it was thinned, some changed, some left."""
    store = open_store(folder)
    for turn in range(6):
        start_ms = turn * 400_000
        batch = Batch(
            reports=reports(MARK, 150, start_ms, NUMBER) + reports("other", 150, start_ms, 1)
        )
        shouted = b'{"a": "' + MARK.upper().encode()
        batch.rejects = [
            RejectRow("zigbee", "local", f"z/{MARK}", b"bad", "json", "", 0),
            RejectRow("zigbee", "local", "z/other", shouted, "json", "", 0),
            RejectRow("zigbee", "local", "z/other", b"bad", "json", "", 0),
        ]
        batch.kept["roster", "zigbee\nz/bridge/devices"] = f'[{{"friendly_name": "{MARK}"}}]' * (
            turn + 1
        )
        batch.kept["quarantine", f"zigbee/{MARK}"] = "{}"
        batch.kept["versions", "a"] = "stays"
        batch.outbox = [
            OutboxRow("edge/x/event", f'{{"device": "{MARK}"}}'.encode()),
            OutboxRow("t", b"{}"),
        ]
        store.commit(batch)
    return store


def test_no_byte_of_it_is_left_and_the_other_device_is_whole(tmp_path: Path) -> None:
    store = lived(tmp_path)
    store._upkeep.shed(90 * 86_400_000 + 3_000_000, "", by_age=True)  # thinned: deleted and left
    last = reports("other", 5, 9_000_000, 1) + reports(MARK, 5, 9_000_000, NUMBER)
    store.commit(Batch(reports=last))
    assert marks(tmp_path) > 100
    done = store.forget("zigbee", MARK)
    assert done.reports > 0
    assert (done.rejects, done.kept, done.outbox, done.audit_records) == (12, 2, 6, 0)
    assert marks(tmp_path) == 0
    store.commit(Batch(reports=reports("other", 1, 9_900_000, 1)))
    store.close()
    assert marks(tmp_path) == 0
    with Reader.open(tmp_path / "gateway.db") as reader:
        assert reader.query("SELECT DISTINCT device FROM reading", ()).rows == [("other",)]
        assert reader.query("SELECT text FROM kept WHERE room = 'versions'", ()).rows == [
            ("stays",)
        ]
        assert reader.query("SELECT count(*) FROM reject", ()).rows == [(6,)]
        assert reader.query("PRAGMA integrity_check", ()).rows == [("ok",)]


def test_row_ids_go_on_when_the_newest_report_was_erased(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.commit(Batch(reports=reports("other", 3, 0, 1)))
    last = store.commit(Batch(reports=reports(MARK, 3, 10_000, NUMBER))).last_report
    assert store.forget("zigbee", MARK).reports == 3
    store.close()
    store = open_store(tmp_path, 20_000)
    assert store.commit(Batch(reports=reports("other", 1, 30_000, 1))).last_report == last + 1
    assert [one.value for one in store.latest() if isinstance(one.value, float)] == [1.0]
    store.close()


def test_a_damaged_database_that_was_set_aside_goes_too(tmp_path: Path) -> None:
    lived(tmp_path).close()
    (tmp_path / "gateway.db.corrupt.20260101T000000Z").write_text(MARK)
    store = open_store(tmp_path, 9_000_000)
    assert store.forget("zigbee", MARK).files == 1
    store.close()
    assert marks(tmp_path) == 0


def test_the_chain_says_that_it_happened_and_still_holds(tmp_path: Path) -> None:
    store = lived(tmp_path)
    store.commit(Batch(records=[Record(Kind.SECURITY, MARK, {"device": MARK})]))
    assert store.forget_recorded("zigbee", MARK).audit_records == 1
    assert store.forget_recorded("zigbee", MARK)[:6] == (0,) * 6
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        query = "SELECT body FROM audit WHERE kind = 'security' ORDER BY seq DESC LIMIT 1"
        ((body,),) = reader.query(query, ()).rows
    assert "security_device_forgotten" in body
    assert MARK not in body


@pytest.mark.parametrize("shared", [True, False], ids=["in one message", "each in its own"])
def test_a_metric_is_kept_for_its_own_time(tmp_path: Path, *, shared: bool) -> None:
    store = open_store(tmp_path)
    names = [("level", "said")] if shared else [("level",), ("said",)]
    mappers = [Mapper("zigbee", [metric("door", one) for one in group]) for group in names]
    for day in range(40):
        batch = Batch()
        for mapper in mappers:
            at_ms = day * DAY_MS
            message = Message("local", "z", b"", 1, False, False, at_ms, at_ms)
            report = mapper.report(Uplink("door", {"level": day, "said": f"{WORD} {day}"}), message)
            assert report is not None
            batch.reports.append(StoredReport(report))
        store.commit(batch)
    store.keep_metrics({"zigbee/door/said": 10 * DAY_MS})
    now_ms = 40 * DAY_MS
    assert not store.maintain(now_ms, False, now_ms).dropped
    assert store.maintain(now_ms, True, now_ms).dropped["reading", "keep"] == 30
    assert not store.maintain(now_ms, True, now_ms).dropped
    store.close()
    with Reader.open(tmp_path / "gateway.db") as reader:
        counts = "SELECT metric, count(*), min(at_ms) FROM reading GROUP BY metric ORDER BY metric"
        rows = reader.query(counts, ()).rows
    assert rows == [("level", 40, 0), ("said", 10, 30 * DAY_MS)]
    assert f"{WORD} 7".encode() not in everything(tmp_path)
