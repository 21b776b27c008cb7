import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.documents import INVALID, load, text
from gateway.errors import DecodeError

TREES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


def _compact(tree):
    return json.dumps(tree, separators=(",", ":"), ensure_ascii=False)


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"", "json"),
        (b"\x00", "json"),
        (b"007", "json"),
        (b"+5", "json"),
        (b"{'a': None}", "json"),
        (b'{"a":1}{"a":2}', "json"),
        (b'{"a":1,}', "json"),
        (b'"line\nbreak"', "json"),
        (b'{"a":1,"a":1}', "keys"),
        (b'[{"b":{"a":1,"a":2}}]', "keys"),
        (b"[" * 33 + b"]" * 33, "depth"),
        (b"[" * 100_000, "depth"),
        ('{"a":1}'.encode("utf-16"), "utf8"),
        (b'{"name":"P\xfcmpe"}', "utf8"),
        (b'{"name":"\\ud83d"}', "utf8"),
        (b'{"\\uDE00":1}', "utf8"),
        (b'"\xed\xa0\xbd"', "utf8"),
        (b" " * 262_145, "size"),
        (b"[" + b"1," * 40_000 + b'{"a":1,"b":2}]', None),
    ],
)
def test_what_is_no_strict_json_is_refused_with_its_reason(payload, reason):
    if reason is None:
        load(payload)
        return
    with pytest.raises(DecodeError) as caught:
        load(payload)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (b"NaN", INVALID),
        (b"-Infinity", INVALID),
        (b"1e400", INVALID),
        (b"-1e400", INVALID),
        (b"7" * 5000, INVALID),
        (b"1e-400", 0.0),
        (b"9" * 40, 1e40),
        (b"9223372036854775807", 2**63 - 1),
        (b"-9223372036854775807", -(2**63) + 1),
        (b"9223372036854775808", 2.0**63),
        (b"18446744073709551615", 2.0**64),
        (b"1700000000123456789", 1700000000123456789),
    ],
)
def test_a_number_that_is_none_spoils_one_value_only(number, value):
    tree = load(b'{"bad":' + number + b',"good":1}')
    assert tree == {"bad": value, "good": 1}
    assert type(tree["bad"]) is type(value)


def test_one_byte_order_mark_is_dropped_and_no_second():
    assert load(b'\xef\xbb\xbf{"a":1}') == {"a": 1}
    with pytest.raises(DecodeError):
        load(b'\xef\xbb\xbf\xef\xbb\xbf{"a":1}')


def test_a_surrogate_pair_is_a_character():
    assert load(b'"\\ud83d\\ude00"') == "\U0001f600"


def test_brackets_inside_strings_are_no_depth():
    assert load(json.dumps({"a": "[" * 100}).encode()) == {"a": "[" * 100}


def test_keys_are_counted_over_all_objects():
    many = json.dumps([{f"k{at}": 0} for at in range(5001)]).encode()
    with pytest.raises(DecodeError, match="keys"):
        load(many)
    assert len(load(many, max_keys=5001)) == 5001


def test_limits_can_be_widened_for_a_registry():
    payload = b"[" * 40 + b"]" * 40
    assert load(payload, max_depth=40)
    with pytest.raises(DecodeError, match="size"):
        load(payload, max_bytes=79)


@given(TREES)
def test_what_json_writes_is_read_back(tree):
    assert load(json.dumps(tree).encode()) == tree


ESCAPED = st.text(st.characters()).map(lambda words: json.dumps(words).encode())


@given(st.binary(max_size=200) | ESCAPED)
def test_any_bytes_raise_nothing_but_a_decode_error(payload):
    for read in (load, text):
        try:
            tree = read(payload)
        except DecodeError as error:
            reason = error.reason
        else:
            reason = None
            json.dumps(tree, ensure_ascii=False, default=repr).encode()
        assert reason in {None, "size", "utf8", "json", "depth", "keys"}


@given(
    st.one_of(TREES.map(json.dumps), TREES.map(_compact), st.text()), st.text(" \t\n\r\x0b\x85\xa0")
)
def test_the_quick_reading_and_the_strict_one_say_the_same(document, end):
    """White space in front sends a document to the strict reading; devices pad the end."""
    payload = (document + end).encode("utf-8", "surrogatepass")
    quick, strict = (_said(one) for one in (payload, b" " + payload))
    assert repr(quick) == repr(strict)


@pytest.mark.parametrize(
    "twice", ['{"a":1,"a":1}', '{"b":[{"a":1,"a":2}]}', '{"a" :1,"a":1,"b":2}']
)
def test_no_key_comes_twice_unseen(twice):
    with pytest.raises(DecodeError, match="duplicate"):
        load(twice.encode())


def _said(payload):
    try:
        return load(payload)
    except DecodeError as error:
        return error.reason
