import gzip
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batches import Header, Line, Stream, pack, unpack
from gateway.errors import DecodeError

STREAM = Stream("north", "6f0c", "live")
ROWS = st.lists(
    st.dictionaries(
        st.text(min_size=1).filter(lambda name: name != "seq"),
        st.one_of(st.text(), st.integers(), st.floats(allow_nan=False, allow_infinity=False)),
    ),
    min_size=1,
)


@given(rows=ROWS, after=st.integers(0, 2**53))
def test_what_is_unpacked_is_what_was_packed(rows, after):
    batch = pack(STREAM, after, rows, "report:7")
    header, found = unpack(batch.payload)
    assert header == batch.header == Header(STREAM, after, after + 1, after + len(rows), "report:7")
    assert found == [{"seq": after + n, **row} for n, row in enumerate(rows, 1)]


@given(rows=ROWS)
def test_the_same_rows_give_the_same_bytes(rows):
    assert pack(STREAM, 4, rows, "").payload == pack(STREAM, 4, rows, "").payload


def test_nan_and_nothing_are_no_rows():
    with pytest.raises(ValueError):
        pack(STREAM, 0, [], "")
    with pytest.raises(ValueError):
        pack(STREAM, 0, [{"value": float("nan")}], "")


@given(payload=st.binary())
def test_any_bytes_are_refused_in_one_way(payload):
    with pytest.raises(DecodeError):
        unpack(payload)


@given(lines=st.binary())
def test_any_lines_are_refused_in_one_way(lines):
    with pytest.raises(DecodeError):
        unpack(gzip.compress(lines))


@pytest.mark.parametrize(
    "change",
    [{"first": 3}, {"last": 9}, {"after": -1}, {"schema": 2}, {"epoch": ""}, {"gateway": None}],
    ids=str,
)
def test_a_header_that_does_not_fit_its_rows_is_refused(change):
    lines = gzip.decompress(pack(STREAM, 1, [{"kind": "reading"}], "").payload).splitlines()
    head = json.loads(lines[0]) | change
    if change == {"gateway": None}:
        del head["gateway"]
    with pytest.raises(DecodeError):
        unpack(gzip.compress(b"\n".join([json.dumps(head).encode(), *lines[1:]])))


def test_a_batch_cut_short_is_refused():
    payload = pack(STREAM, 0, [{"kind": "reading", "value": n} for n in range(100)], "").payload
    with pytest.raises(DecodeError):
        unpack(payload[:-9])


@given(rows=ROWS)
def test_rows_that_were_written_before_give_the_same_bytes(rows):
    rows = [{"kind": "reading", **row} for row in rows]
    lines = [Line(json.dumps(row, ensure_ascii=False, separators=(",", ":"))[1:]) for row in rows]
    assert [dict(line) for line in lines] == rows
    assert pack(STREAM, 4, lines, "p") == pack(STREAM, 4, rows, "p")


def test_half_a_character_stops_no_batch():
    payload = pack(STREAM, 0, [{"kind": "reading", "value": "\ud800"}], "").payload
    assert unpack(payload)[1][0]["value"] == "\ud800"
