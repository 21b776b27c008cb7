"""A chain is whole, or the walk says where it first is not: whatever was done to it."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.audit import (
    Entry,
    Head,
    Kind,
    Record,
    When,
    canonical,
    entry_of,
    extend,
    line,
    link,
    text,
)
from gateway.core.audit_bodies import differing
from gateway.core.audit_walk import LOOK, MOST, Fault, Mark, Walk, beginning, walk

WHEN = When(1_790_000_000_000, 1, 1_000, 1)
WORDS = st.text(max_size=8)
BODIES = st.dictionaries(
    WORDS,
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | WORDS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
        max_leaves=5,
    ),
    max_size=3,
)
RECORDS = st.builds(Record, st.sampled_from([*Kind]), WORDS, BODIES)


def chain(length: int) -> list[Entry]:
    return extend(Head(), [Record(Kind.MODEL, f"m{n}", {"n": n}) for n in range(length)], WHEN)


def checked(entries: list[Entry], *marks: Mark) -> Walk:
    return walk(entries, Head(), marks)


def first(entries: list[Entry], *marks: Mark) -> tuple[int, Fault]:
    found = checked(entries, *marks)
    assert found.breaks
    return found.breaks[0].seq, found.breaks[0].what


def mark(entry: Entry, name: str = "one") -> Mark:
    return Mark(entry.seq, entry.hash, name)


@given(st.lists(st.lists(RECORDS, max_size=3), max_size=5))
def test_control_a_chain_that_nobody_touched_is_whole(batches: list[list[Record]]) -> None:
    head, entries = Head(), []
    for batch in batches:
        made = extend(head, batch, WHEN)
        entries += made
        head = Head(made[-1].seq, made[-1].hash) if made else head
    found = checked(entries, *map(mark, entries))
    assert (found.breaks, found.records, found.marks) == ([], len(entries), len(entries))
    assert [entry.seq for entry in entries] == list(range(1, len(entries) + 1))


@given(RECORDS)
def test_a_record_comes_through_an_export_as_it_was(record: Record) -> None:
    (entry,) = extend(Head(), [record], WHEN)
    words = line(entry)
    assert entry_of(words) == entry
    assert json.loads(words)["hash"] == entry.hash.hex()
    cut = words[: words.rindex(',"hash":"')] + "}"  # anybody can do it, without our code
    assert link(bytes(32), cut.encode()) == entry.hash


FIELDS = ("at_ms", "boot", "mono_ms", "clock", "kind", "subject", "body", "hash")


@given(st.integers(0, 11), st.sampled_from(FIELDS), st.data())
def test_any_byte_of_any_record_that_is_changed_is_found_where_it_is(
    place: int, name: str, data: st.DataObject
) -> None:
    entries = chain(12)
    entries[place] = entries[place]._replace(**{name: spoilt(getattr(entries[place], name), data)})
    assert first(entries) == (place + 1, Fault.CHANGED)


def spoilt(value: object, data: st.DataObject) -> object:
    if isinstance(value, int):
        return value + data.draw(st.integers(1, 1 << 40))
    raw = bytearray(value if isinstance(value, bytes) else str(value).encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= 1 << data.draw(st.integers(0, 6))
    return bytes(raw) if isinstance(value, bytes) else raw.decode("latin-1")


@pytest.mark.parametrize("wrong", ["1", None, 1.5, b"x"])
def test_a_column_of_another_kind_is_a_change_too(wrong: object) -> None:
    entries = chain(3)
    entries[1] = entries[1]._replace(at_ms=wrong)  # type: ignore[arg-type]
    assert first(entries) == (2, Fault.CHANGED)


@given(st.integers(0, 10), st.integers(1, 5))
def test_records_that_were_taken_out_are_missed_where_they_were(start: int, count: int) -> None:
    entries = chain(16)
    del entries[start : start + count]
    found = checked(entries)
    assert [one.seq for one in found.breaks] == [start + 1]
    assert found.breaks[0].what is Fault.MISSING


@given(st.integers(0, 10), st.integers(1, 5))
def test_and_those_behind_them_cannot_be_numbered_anew(start: int, count: int) -> None:
    entries = chain(16)
    del entries[start : start + count]
    entries = [entry._replace(seq=n) for n, entry in enumerate(entries, 1)]
    assert first(entries) == (start + 1, Fault.CHANGED)


@given(st.sets(st.integers(0, 11), min_size=2, max_size=2), st.booleans())
def test_two_records_that_changed_places_are_told_as_that(
    places: set[int],
    hashes_stay: bool,
) -> None:
    entries = chain(12)
    low, high = sorted(places)
    one, other = entries[low], entries[high]
    entries[low] = other._replace(seq=one.seq, hash=one.hash if hashes_stay else other.hash)
    entries[high] = one._replace(seq=other.seq, hash=other.hash if hashes_stay else one.hash)
    assert first(entries) == (low + 1, Fault.REORDERED)


@given(st.integers(0, 9), st.integers(1, 5))
def test_a_line_of_an_export_that_was_moved_is_told_as_that(start: int, far: int) -> None:
    entries = chain(16)
    entries.insert(start + far, entries.pop(start))
    found = checked(entries)
    assert (found.breaks[0].seq, found.breaks[0].what) == (start + 1, Fault.REORDERED)


@given(st.integers(0, 11))
def test_a_cut_at_the_end_is_seen_by_who_has_a_checkpoint_and_only_by_him(left: int) -> None:
    entries = chain(12)
    assert checked(entries[:left]).breaks == []
    assert first(entries[:left], mark(entries[-1])) == (left + 1, Fault.TRUNCATED)


@given(st.integers(1, 11))
def test_a_chain_written_anew_differs_from_a_checkpoint_behind_it(place: int) -> None:
    entries = chain(12)
    kept = (mark(entries[0], "first"), mark(entries[-1], "last"))
    head = Head(entries[place - 1].seq, entries[place - 1].hash)
    rest = [Record(Kind.MODEL, "forged", {}) for _ in entries[place:]]
    found = checked(entries[:place] + extend(head, rest, WHEN), *kept)
    assert [(one.seq, one.what) for one in found.breaks] == [(12, Fault.REWRITTEN)]
    assert "after record 1, whose checkpoint agrees" in found.breaks[0].detail


def test_a_checkpoint_that_cannot_be_believed_is_told_wherever_it_is() -> None:
    entries = chain(4)
    for seq in (2, 4, 9):
        bad = Mark(seq, entries[1].hash, "x", "bad signature")
        assert first(entries, bad) == (seq, Fault.REFUSED)


def test_what_is_behind_a_break_is_looked_at_too_up_to_a_bound() -> None:
    entries = [entry._replace(subject="x") for entry in chain(MOST + 50)]
    found = checked(entries)
    assert (len(found.breaks), found.more) == (MOST, 50)
    far = chain(LOOK + 20)
    far[1] = far[1]._replace(subject="y")
    assert [one.seq for one in checked(far).breaks] == [2]


def test_a_chain_whose_front_is_gone_needs_a_checkpoint_over_the_record_before() -> None:
    entries = chain(6)
    anchor = mark(entries[2])
    head, wrong = beginning(entries[3], iter([anchor]))
    assert (head, wrong) == (Head(3, entries[2].hash), None)
    assert walk(entries[3:], head, []).breaks == []
    head, wrong = beginning(entries[3], iter([mark(entries[1]), anchor._replace(fault="bad")]))
    assert head is None
    assert wrong is not None
    assert wrong.what is Fault.MISSING
    assert beginning(None, iter([]))[1] is not None
    assert beginning(entries[0], iter([])) == (Head(), None)


def test_what_json_does_not_have_is_recorded_as_text() -> None:
    odd = {"nan": float("nan"), "set": {"b", "a"}, "\udc80": "\udc80", "deep": [float("inf")]}
    tree = json.loads(canonical(odd))
    assert tree == {"nan": "nan", "set": ["a", "b"], "\udc80": "\udc80", "deep": ["inf"]}
    assert text(extend(Head(), [Record("k", "\udc80", odd)], WHEN)[0])


@settings(max_examples=50)
@given(st.text())
def test_what_is_no_record_is_refused(words: str) -> None:
    with pytest.raises(ValueError, match="no record"):
        entry_of(words)


def test_times_may_differ_by_the_offset_of_their_boot_and_nothing_else_may() -> None:
    told = {"sent_at_ms": 1_000, "value": 1_000, "verdict": {"at_ms": 5, "score": 0.5}}
    moved = {"sent_at_ms": 1_700, "value": 1_000, "verdict": {"at_ms": 705, "score": 0.5}}
    assert differing(told, moved, 700) == []
    assert differing(told, moved, None) == ["sent_at_ms", "verdict"]
    assert differing(told, {**moved, "value": 1_700}, 700) == ["value"]
    assert differing(told, {"value": True}, None) == ["value"]
