"""The file sink: what is in the folder is the cursor, whatever happens to the process and drive."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from gateway.core.batches import Batch, Cursor, Row, Stream, pack
from gateway.errors import SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import file, file_folder, file_parquet
from tests.fakes.disk import small_disk
from tests.fakes.file_sender import rows_of
from tests.fakes.waiting import let_pass
from tests.sinks import contract
from tests.sinks.contract import AT_MS, Check, cut, new_stream, reading

ROOT = Path(__file__).parents[2]
HOUR_MS, DAY_MS = 3_600_000, 86_400_000


class Rig:
    """``tests.sinks.contract.Rig`` for files."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.settings = file.Settings(str(folder), **({"min_free_bytes": 0} | settings))

    def sink(self, stream: Stream) -> file.Sink:
        return file.Sink(self.settings, stream)

    def rows(self, stream: Stream) -> list[Row]:
        return rows_of(self.folder, stream)

    def stranger(self, stream: Stream) -> file.Sink:
        raise NotImplementedError

    def bad_row(self) -> Row:
        raise NotImplementedError

    def losing(self) -> AbstractContextManager[object]:
        raise NotImplementedError

    def away(self) -> Path:
        return self.folder.with_name("away")

    def stop(self) -> None:
        self.folder.rename(self.away())

    def start(self) -> None:
        self.away().rename(self.folder)


FORMATS = [
    {},
    {"segment_bytes": 1},
    {"segment_bytes": 3_000, "format": "parquet"},
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("settings", FORMATS, ids=["open", "jsonl", "parquet"])
@pytest.mark.parametrize("check", contract.checks(contract.KNOWS, contract.STOPS))
def test_it_keeps_the_contract(check: Check, folder: Path, settings: dict[str, Any]) -> None:
    check(Rig(folder, **settings))


def _sink(folder: Path, stream: Stream, **settings: Any) -> file.Sink:
    sink = Rig(folder, **settings).sink(stream)
    sink.cursor()
    return sink


def _at(stream: Stream, after: int, at_ms: int, count: int = 3) -> Batch:
    rows = [{**reading(after + n), "at_ms": at_ms + n} for n in range(1, count + 1)]
    return pack(stream, after, rows, f"report:{(after + count) * 10}")


def _names(folder: Path) -> list[str]:
    return sorted(
        str(path.relative_to(folder)).split("/", 3)[3]
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("lock", "cursor.json")
    )


# -- segments ------------------------------------------------------------------------------------


def test_what_is_open_can_be_read_with_zcat(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream)
    for after in (0, 3, 6):
        sink.send(cut(stream, after))
    assert _names(folder) == ["open.jsonl.gz"]
    (path,) = folder.rglob("open.jsonl.gz")
    lines = subprocess.run(["zcat", str(path)], capture_output=True, check=True).stdout
    assert [json.loads(line).get("seq") for line in lines.splitlines()] == [
        *(None, 1, 2, 3, None, 4, 5, 6, None, 7, 8, 9)
    ]


def test_a_segment_is_closed_by_size_age_and_day(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream, segment_s=3_600)
    noon = AT_MS // DAY_MS * DAY_MS + DAY_MS // 2
    times = [noon, noon + HOUR_MS - 10, noon + HOUR_MS, noon - HOUR_MS, noon + 12 * HOUR_MS]
    for number, at_ms in enumerate(times):
        sink.send(_at(stream, number * 3, at_ms))
    today = file_folder.day(noon)
    assert _names(folder) == [
        f"{today}/000000000001-000000000006.jsonl.gz",  # an hour was over
        f"{today}/000000000007-000000000012.jsonl.gz",  # the day was over; not when time ran back
        "open.jsonl.gz",
    ]
    assert [row["seq"] for row in rows_of(folder, stream)] == list(range(1, 16))


def test_the_oldest_segments_go_beyond_the_limit(folder: Path) -> None:
    stream = new_stream()
    size = len(cut(stream, 0).payload)
    sink = _sink(folder, stream, segment_bytes=1, max_total_bytes=3 * size)
    for after in range(0, 30, 3):
        sink.send(_at(stream, after, AT_MS + after * DAY_MS))
    assert [row["seq"] for row in rows_of(folder, stream)][-3:] == [28, 29, 30]
    assert 2 <= len(_names(folder)) <= 5
    assert len(list(folder.rglob("20*"))) == len(_names(folder)) - 1  # no empty days
    assert sink.cursor() == Cursor(30, "report:300")


def test_segments_may_be_moved_away(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream, segment_bytes=1)
    sink.send(cut(stream, 0))
    sink.send(cut(stream, 3))
    for path in folder.rglob("*.jsonl.gz"):
        if path.name != "open.jsonl.gz":
            path.unlink()
    assert _sink(folder, stream).cursor() == Cursor(6, "report:60")


@pytest.mark.parametrize("settings", FORMATS[1:], ids=["jsonl", "parquet"])
def test_the_files_themselves_say_how_far_they_are(folder: Path, settings: dict[str, Any]) -> None:
    """Without ``cursor.json``, and without the open segment."""
    stream = new_stream()
    sink = _sink(folder, stream, **settings | {"segment_bytes": 400})
    for after in (0, 30, 60):
        sink.send(cut(stream, after, 30))
    for path in (*folder.rglob("open.jsonl.gz"), *folder.rglob("cursor.json")):
        path.unlink()
    last = 60
    assert _sink(folder, stream).cursor() == Cursor(last, f"report:{last * 10}")
    with pytest.raises(SinkGapError) as told:
        sink.send(cut(stream, 90))
    assert told.value.seq == last


def test_a_closed_segment_is_not_kept_twice(folder: Path) -> None:
    """Killed after the Parquet file had its name, before the open segment was deleted."""
    stream = new_stream()
    sink = _sink(folder, stream, format="parquet", segment_bytes=600)
    sink.send(cut(stream, 0, 20))
    (path,) = folder.rglob("open.jsonl.gz")
    left = path.read_bytes()
    sink.send(cut(stream, 20, 20))
    path.write_bytes(left)
    assert _sink(folder, stream).cursor() == Cursor(20, "report:200")
    assert [row["seq"] for row in rows_of(folder, stream)] == list(range(1, 21))


# -- Parquet -------------------------------------------------------------------------------------


def test_parquet_has_everything_of_a_row(folder: Path) -> None:
    stream = new_stream()
    rows: list[dict[str, Any]] = [
        reading(1),
        reading(2, value="open", reason="ok"),
        reading(3, value=True),
        reading(4, value=None, reason="range"),
        {"kind": "reading_1m", "at_ms": AT_MS, "n": 60, "low": 1, "mean": 2.5, "high": 3.0},
        {"kind": "alert", "at_ms": AT_MS, "asset": "pump-7", "body": {"text": "zu hei\u00df"}},
        {"kind": "later", "at_ms": "soon", "seq_of": 2**60 + 1, "value": 2**60 + 1},
    ]
    sink = _sink(folder, stream, format="parquet", segment_s=1)
    sink.send(pack(stream, 0, rows, "report:7"))
    sink.send(_at(stream, len(rows), AT_MS + HOUR_MS))
    (path,) = folder.rglob("*.parquet")
    table = parquet.read_table(path)
    found = table.to_pylist()
    assert [row["seq"] for row in found] == list(range(1, 8))
    assert found[0]["value"] == 1.25
    assert round(found[0]["at_ms"].timestamp() * 1000) == AT_MS + 10
    assert found[0]["rest"] is None
    assert json.loads(found[1]["rest"]) == {"value": "open"}
    assert (found[2]["value"], json.loads(found[2]["rest"])) == (1.0, {"value": True})
    assert (found[3]["value"], found[3]["reason"]) == (None, "range")
    assert (found[4]["n"], found[4]["low"], found[4]["mean"]) == (60, 1.0, 2.5)
    assert json.loads(found[5]["rest"]) == {"body": {"text": "zu hei\u00df"}}
    assert json.loads(found[6]["rest"]) == {
        "at_ms": "soon",
        "seq_of": 2**60 + 1,
        "value": 2**60 + 1,
    }
    metadata = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    assert metadata == {**stream._asdict(), "position": "report:7"}


def test_parquet_columns_are_documented() -> None:
    page = (ROOT / "docs/sinks/file.md").read_text()
    for name, (kind, _) in file_parquet.COLUMNS.items():
        assert f"| `{name}` | {kind} |" in page
    assert f"| `{file_parquet.REST}` |" in page


def test_a_segment_that_cannot_be_written_stays_open(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream, format="parquet", segment_bytes=1)
    sink.send(cut(stream, 0))
    day = next(folder.rglob("open.jsonl.gz")).parent / file_folder.day(AT_MS)
    day.write_text("somebody's file")
    with pytest.raises(SinkUnavailableError):
        sink.send(cut(stream, 3))
    day.unlink()
    assert sink.cursor() == Cursor(3, "report:30")
    assert sink.send(cut(stream, 3)).cursor.seq == 6


# -- bad weather ---------------------------------------------------------------------------------


@pytest.mark.parametrize("left", [1, 10, 100])
def test_half_a_batch_is_cut_off(folder: Path, left: int) -> None:
    stream = new_stream()
    sink = _sink(folder, stream)
    sink.send(cut(stream, 0))
    (path,) = folder.rglob("open.jsonl.gz")
    with path.open("ab") as torn:
        torn.write(cut(stream, 3).payload[:left])
    again = _sink(folder, stream)
    assert again.cursor() == Cursor(3, "report:30")
    assert again.send(cut(stream, 3)).cursor.seq == 6
    assert [row["seq"] for row in rows_of(folder, stream)] == list(range(1, 7))


def test_a_broken_batch_in_the_middle_is_fetched_again(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream)
    batches = [cut(stream, after) for after in (0, 3, 6)]
    for batch in batches:
        sink.send(batch)
    (path,) = folder.rglob("open.jsonl.gz")
    data = bytearray(path.read_bytes())
    data[len(batches[0].payload) + 40] ^= 0xFF
    path.write_bytes(data)
    assert sink.cursor() == Cursor(3, "report:30")
    for batch in batches[1:]:
        sink.send(batch)
    assert [row["seq"] for row in rows_of(folder, stream)] == list(range(1, 10))


def test_what_is_no_batch_is_refused(folder: Path) -> None:
    stream = new_stream()
    sink, batch = _sink(folder, stream), cut(stream, 0)
    with pytest.raises(SinkRefusedError):
        sink.send(replace(batch, payload=batch.payload[:-9]))
    assert sink.cursor() == Cursor()


def test_a_folder_that_is_removed_is_missed(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream)
    sink.send(cut(stream, 0))
    subprocess.run(["rm", "-r", str(folder)], check=True)
    with pytest.raises(SinkUnavailableError, match="is its drive mounted"):
        sink.send(cut(stream, 3))
    with pytest.raises(SinkUnavailableError, match="is its drive mounted"):
        sink.cursor()
    folder.mkdir()  # another drive, empty
    assert sink.cursor() == Cursor()
    with pytest.raises(SinkGapError):
        sink.send(cut(stream, 3))


def test_a_stream_that_is_removed_begins_again(folder: Path) -> None:
    stream = new_stream()
    sink = _sink(folder, stream)
    sink.send(cut(stream, 0))
    subprocess.run(["rm", "-r", str(folder / "north")], check=True)
    with pytest.raises(SinkGapError) as told:
        sink.send(cut(stream, 3))
    assert told.value.seq == 0
    assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_a_drive_with_little_left_is_left_to_others(folder: Path) -> None:
    sink = Rig(folder, min_free_bytes=1 << 60).sink(new_stream())
    with pytest.raises(SinkUnavailableError, match="min_free_bytes"):
        sink.cursor()


def test_a_removable_drive_must_be_another_than_the_systems(folder: Path) -> None:
    if folder.stat().st_dev != Path("/").stat().st_dev:
        pytest.skip("needs the temporary folder on the system's drive")
    sink = Rig(folder, removable=True).sink(new_stream())
    with pytest.raises(SinkUnavailableError, match="is on the system's drive"):
        sink.cursor()


@pytest.fixture
def drive(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB."""
    with small_disk(tmp_path / "drive", "1m") as place:
        yield place


def test_a_full_drive_is_waited_for(drive: Path) -> None:
    stream = new_stream()
    sink = _sink(drive, stream, removable=True)
    noise = random.Random(7).randbytes(300_000).hex()
    for after in range(2):
        sink.send(_noisy(stream, after, noise))
    other = drive / "other"
    with other.open("wb", buffering=0) as taken, suppress(OSError):
        while True:
            taken.write(bytes(10_000))
    with pytest.raises(SinkUnavailableError, match="No space left"):
        sink.send(_noisy(stream, 2, noise))
    assert sink.cursor().seq == 2
    other.unlink()
    assert sink.send(_noisy(stream, 2, noise)).cursor.seq == 3
    assert [row["seq"] for row in rows_of(drive, stream)] == [1, 2, 3]


def _noisy(stream: Stream, after: int, noise: str) -> Batch:
    return cut(stream, after, 1, row_0={**reading(1), "body": noise[: 500_000 // 2]})


def test_a_drive_that_is_read_only_or_gone_is_waited_for(drive: Path) -> None:
    stream = new_stream()
    sink = _sink(drive, stream, removable=True)
    sink.send(cut(stream, 0))
    subprocess.run(["mount", "-o", "remount,ro", str(drive)], check=True)
    with pytest.raises(SinkUnavailableError, match="Read-only file system"):
        sink.send(cut(stream, 3))
    subprocess.run(["mount", "-o", "remount,rw", str(drive)], check=True)
    sink.cursor()
    assert sink.send(cut(stream, 3)).cursor.seq == 6
    subprocess.run(["umount", "-l", str(drive)], check=True)
    with pytest.raises(SinkUnavailableError, match="is on the system's drive"):
        sink.send(cut(stream, 6))
    assert list(drive.iterdir()) == []


@pytest.mark.parametrize("settings", FORMATS[1:], ids=["jsonl", "parquet"])
def test_nothing_is_lost_or_doubled_when_the_process_is_killed(
    folder: Path, settings: dict[str, Any]
) -> None:
    stream, chance = new_stream(), random.Random(3)
    small = {**settings, "segment_bytes": 600}
    command = [sys.executable, "-m", "tests.fakes.file_sender", str(folder), json.dumps(small)]
    for _ in range(5):
        with subprocess.Popen([*command, *stream], cwd=ROOT, stdout=subprocess.PIPE) as sender:
            assert sender.stdout is not None
            answered = int(sender.stdout.readline() or 0)  # it has begun to send
            let_pass(chance.uniform(0, 0.2))
            sender.send_signal(signal.SIGKILL)
            for line in sender.stdout:
                answered = int(line) if line.endswith(b"\n") else answered
        assert Rig(folder, **small).sink(stream).cursor().seq >= answered
    seqs = [row["seq"] for row in rows_of(folder, stream)]
    assert seqs == list(range(1, len(seqs) + 1))
    assert len(seqs) > 20
    assert len(file_folder.closed(file_folder.of(folder, stream))) > 2


@pytest.mark.parametrize(
    "given",
    [{"to_folder": ""}, {"segment_s": 0}, {"max_total_bytes": -1}, {"segment_bytes": 0}],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        file.Settings(**({"to_folder": "/tmp"} | given))
