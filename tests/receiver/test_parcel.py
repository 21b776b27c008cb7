"""Opening a batch: what is wrong with a row is that row's affair."""

import gzip
import json
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batches import Stream, pack
from gateway.errors import DecodeError
from gateway.receiver import parcel
from gateway.receiver.parcel import open_parcel

STREAM = Stream("north", "e1", "live")
HEADER = {
    "schema": 1,
    **STREAM._asdict(),
    "after": 0,
    "first": 1,
    "last": 3,
    "position": "report:3",
}


def row(seq: int) -> dict[str, object]:
    return {"seq": seq, "kind": "reading", "metric": "power", "value": seq, "at_ms": seq}


def lines(*rows: str, **changes: object) -> bytes:
    return gzip.compress(
        "\n".join([json.dumps({**HEADER, **changes}), *rows, ""]).encode(), mtime=0
    )


def good(seq: int) -> str:
    return json.dumps(row(seq))


def test_a_batch_is_opened_with_the_text_of_each_row() -> None:
    batch = pack(STREAM, 0, [row(seq) for seq in (1, 2, 3)], "report:3")
    opened = open_parcel(batch.payload)
    assert opened.header == batch.header
    assert [(one.row["seq"], json.loads(one.line)) for one in opened.good] == [
        (seq, row(seq)) for seq in (1, 2, 3)
    ]
    assert not opened.aside
    assert opened.size == len(batch.payload)


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "{",
        "nonsense",
        "[1, 2]",
        '{"seq": 2, "kind": "reading", "metric": "m", "value": NaN, "at_ms": 1}',
        '{"seq": 2, "kind": "reading", "metric": "m", "value": 1e999, "at_ms": 1}',
        '{"seq": 2, "kind": "x", "at_ms": 1} {"seq": 2}',
        '{"seq": 2, "kind": "x", "at_ms": 1},',
        '{"seq": 2, "kind": "x", "at_ms": 1, "deep": ' + "[" * 5_000 + "]" * 5_000 + "}",
        '{"seq": 2, "kind": "x", "at_ms": 1, "long": ' + "9" * 5_000 + "}",
        '{"seq": 2, "kind": "x", "at_ms": 1, "long": "' + "x" * parcel.MOST_LINE + '"}',
    ],
)
def test_a_bad_row_is_kept_aside_and_its_neighbours_go_in(bad: str) -> None:
    opened = open_parcel(lines(good(1), bad, good(3)))
    assert [one.row["seq"] for one in opened.good] == [1, 3]
    ((seq, reason, line),) = opened.aside
    assert seq == 2
    assert reason
    assert line == bad[: parcel.MOST_LINE]


def test_a_row_cannot_end_in_the_line_of_another() -> None:
    """Joined to one array these three lines are three objects."""
    first = good(1) + "," + good(2)
    opened = open_parcel(lines(first, '{"seq":2,"kind":"x","at_ms":1,"y":[{}', '{"seq":3}]}'))
    assert not opened.good
    assert len(opened.aside) == 3


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\x1f\x8b",
        b"<html>",
        gzip.compress(b"", mtime=0),
        gzip.compress(b"no header\n", mtime=0),
        gzip.compress(b"\xff\xfe\n\n", mtime=0),
        lines(good(1)),
        lines(good(1), good(2), good(3), good(4)),
        lines(good(1), good(2), good(3), schema=2),
        lines(good(1), good(2), good(3), gateway=""),
        lines(good(1), good(2), good(3), after=1),
        lines(good(1), good(2), good(3), first=0),
        lines(good(1), good(2), good(3), last=10**9),
        lines(good(1), after=10**30, first=10**30 + 1, last=10**30 + 1),
        lines(good(1), good(2), good(3), gateway="a\0b"),
        lines(good(1), good(2), good(3), lane="\ud800"),
        lines(good(1), good(2), good(3), position="\udfff"),
        lines(good(1), good(2), good(3), epoch="e" * 257),
        lines(good(1), good(2), good(3), position="p" * 4_097),
        lines(good(1), good(2), good(3))[:-4],
        gzip.compress(lines(good(1)), mtime=0),
    ],
)
def test_what_is_no_batch_is_said_to_be_none(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        open_parcel(payload)


def test_a_bomb_is_not_unpacked_beyond_the_bound() -> None:
    packer = zlib.compressobj(9, wbits=31)
    payload = packer.compress(b"\n" * (parcel.MOST_BYTES + 1)) + packer.flush()
    assert len(payload) < 100_000
    with pytest.raises(DecodeError):
        open_parcel(payload)


def test_lines_beyond_the_bound_are_not_read() -> None:
    payload = gzip.compress(
        json.dumps(HEADER).encode() + b"\n" + b"{}\n" * (parcel.MOST_ROWS + 1), mtime=0
    )
    with pytest.raises(DecodeError, match="rows"):
        open_parcel(payload)


@given(st.binary(max_size=300) | st.binary(max_size=300).map(gzip.compress))
def test_arbitrary_bytes_raise_nothing_else(payload: bytes) -> None:
    with pytest.raises(DecodeError):
        open_parcel(payload)


@given(st.lists(st.text(st.characters(exclude_characters="\n", codec="utf-8")), max_size=5))
def test_arbitrary_lines_are_all_accounted_for(texts: list[str]) -> None:
    opened = open_parcel(lines(good(1), *texts, last=1 + len(texts)))
    seqs = [one.row["seq"] for one in opened.good] + [one.seq for one in opened.aside]
    assert sorted(seqs) == list(range(1, 2 + len(texts)))
