import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.frames import HEAD, MAGIC, Frame, FrameError, decode, encode

headers = st.dictionaries(st.text(max_size=9), st.integers() | st.text() | st.none(), max_size=4)


@given(headers, st.binary(max_size=64))
def test_a_frame_survives_the_wire(header, block):
    assert decode(encode(header, block)) == Frame(header, block)


@given(headers, st.binary(max_size=64), st.data())
def test_a_frame_cut_short_is_waited_for(header, block, data):
    whole = encode(header, block)
    assert decode(whole[: data.draw(st.integers(0, len(whole) - 1))]) is None


@given(st.binary(min_size=HEAD.size))
def test_arbitrary_bytes_are_no_frame(content):
    try:
        frame = decode(content)
    except FrameError:
        return
    assert frame is None or content.startswith(MAGIC)


@pytest.mark.parametrize(
    "content",
    [
        encode({}) + b"x",
        HEAD.pack(b"http", 2, 0) + b"{}",
        HEAD.pack(MAGIC, 2**31, 0),
        HEAD.pack(MAGIC, 0, 2**31),
        HEAD.pack(MAGIC, 2, 0) + b"[]",
        HEAD.pack(MAGIC, 2, 0) + b"{,",
        HEAD.pack(MAGIC, 2, 0) + b"\xff\xff",
    ],
)
def test_what_can_never_be_one_frame_is_an_error(content):
    with pytest.raises(FrameError):
        decode(content)
