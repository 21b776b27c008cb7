"""Laws of the packet cutter, with paho's own parser as the oracle."""

from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt import _packet
from paho.mqtt.enums import MQTTProtocolVersion

from gateway.adapters.mqtt_frames import FrameError, Frames

TOPICS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20)


@st.composite
def publishes(draw: st.DrawFn, *, five: bool) -> tuple[bytes, int, bytes]:
    """The whole packet, its first byte, its body."""
    qos = draw(st.sampled_from([0, 1]))
    first = 0x30 | draw(st.sampled_from([0, 8])) * qos | qos << 1 | draw(st.sampled_from([0, 1]))
    topic = draw(TOPICS).encode()
    body = len(topic).to_bytes(2, "big") + topic
    if qos:
        body += draw(st.integers(1, 65_535)).to_bytes(2, "big")
    if five:
        pairs = draw(st.lists(st.binary(max_size=60), max_size=3))
        properties = b"".join(
            b"\x26\0\1k" + len(v).to_bytes(2, "big") + v.hex()[: len(v)].encode() for v in pairs
        )
        body += _varint(len(properties)) + properties
    body += draw(st.binary(max_size=300))
    return bytes([first]) + _varint(len(body)) + body, first, body


def _varint(value: int) -> bytes:
    out = bytearray()
    while True:
        value, low = value >> 7, value & 127
        out.append(low | (128 if value else 0))
        if not value:
            return bytes(out)


@given(st.data(), st.booleans(), st.integers(1, 500))
def test_messages_are_those_that_paho_reads_however_the_bytes_arrive(
    data: st.DataObject, five: bool, chunk: int
) -> None:
    packets = data.draw(st.lists(publishes(five=five), min_size=1, max_size=6))
    stream = b"".join(whole + b"\xd0\x00" for whole, _, _ in packets)
    frames = Frames("b", 3, properties=five, max_payload=1_000)
    for at in range(0, len(stream), chunk):
        frames.feed(stream[at : at + chunk], 5, 6)
    version = MQTTProtocolVersion.MQTTv5 if five else MQTTProtocolVersion.MQTTv311
    expected = [_packet.decode_publish(first, body, version) for _, first, body in packets]
    assert [
        (m.topic.encode(), m.payload, m.qos, m.retain, m.dup, m.receipt) for m in frames.messages
    ] == [
        (
            e.topic,
            bytes(e.payload),
            e.qos,
            bool(e.retain),
            bool(e.dup),
            3 << 16 | e.mid if e.qos else 0,
        )
        for e in expected
    ]
    assert frames.control == [(0xD0, b"")] * len(packets)
    assert frames.delivered == [e.mid for e in expected if e.qos]


@given(st.lists(st.binary(max_size=200), max_size=20), st.booleans())
def test_arbitrary_bytes_raise_nothing_but_a_frame_error(chunks: list[bytes], five: bool) -> None:
    frames = Frames("b", 1, properties=five, max_payload=50)
    try:
        for chunk in chunks:
            frames.feed(chunk, 0, 0)
    except FrameError:
        pass
    assert all(len(message.payload) <= 50 for message in frames.messages)


@given(st.data(), st.integers(1, 5_000))
def test_what_is_too_large_is_skipped_whatever_the_size_of_the_reads(
    data: st.DataObject, chunk: int
) -> None:
    sizes = data.draw(st.lists(st.sampled_from([0, 10, 999, 1_000, 1_001, 70_000]), max_size=8))
    stream = b""
    for packet_id, size in enumerate(sizes, 1):
        body = b"\0\1t" + packet_id.to_bytes(2, "big") + b"\0" + b"p" * size
        stream += b"\x32" + _varint(len(body)) + body
    frames = Frames("b", 1, properties=True, max_payload=1_000)
    for at in range(0, len(stream), chunk):
        frames.feed(stream[at : at + chunk], 0, 0)
    assert [len(m.payload) for m in frames.messages] == [s for s in sizes if s <= 1_000]
    assert frames.poison == [i for i, size in enumerate(sizes, 1) if size > 1_000]
    assert frames.delivered == list(range(1, len(sizes) + 1))
    assert frames.dropped["size"] == len(frames.poison)
