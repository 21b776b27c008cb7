"""Rows as ordinary messages: a real mosquitto, and fronts that keep to the clouds' documents."""

import base64
import gzip
import json
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.batches import Batch, Lane, Row, Stream, pack, unpack
from gateway.errors import ConfigError, DecodeError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import mqtt_pieces, mqtt_plain
from gateway.sinks.mqtt_profiles import PROFILES, unfit_topic
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.strict_broker import (
    AWS,
    EVENT_GRID,
    IOT_HUB,
    Rules,
    StrictBroker,
    hub_lets_in,
)
from tests.fakes.waiting import wait_until
from tests.sinks import contract
from tests.sinks.contract import Check, cut, new_stream, patiently, reading

KEY = b"an ordinary secret of 32 bytes.."


def _rows(payload: bytes) -> list[Row]:
    """Of a message in any format."""
    if payload[:2] == b"\x1f\x8b":
        header, rows = unpack(payload)
        return [{**header.stream._asdict(), **row} for row in rows]
    if payload[:1] == b"[":
        return list(json.loads(payload))
    return [json.loads(line) for line in payload.splitlines()]


def _settings(port: int, **more: Any) -> mqtt_plain.Settings:
    given: dict[str, Any] = {"host": "127.0.0.1", "tls": False, "timeout_s": 10.0} | more
    return mqtt_plain.Settings(port=port, **given)


@contextmanager
def _opened(broker: StrictBroker, stream: Stream, **more: Any) -> Iterator[mqtt_plain.Sink]:
    with closing(mqtt_plain.Sink(_settings(broker.port, **more), stream)) as sink:
        sink.cursor()
        yield sink


class Rig:
    """``tests.sinks.contract.Rig`` for plain messages and one who hears them."""

    def __init__(self, port: int, form: str) -> None:
        self.topic = f"plain-{uuid4().hex[:8]}"
        self.peer = Peer(port, f"{self.topic}/#")
        self.settings = _settings(port, topic=f"{self.topic}/{{gateway}}/{{lane}}", format=form)

    def sink(self, stream: Stream) -> mqtt_plain.Sink:
        return mqtt_plain.Sink(replace(self.settings, client_id=uuid4().hex[:8]), stream)

    def rows(self, stream: Stream) -> list[Row]:
        told = [row for _, payload, _ in list(self.peer.heard) for row in _rows(payload)]
        return [row for row in told if Stream(*(row[name] for name in Stream._fields)) == stream]

    def stranger(self, stream: Stream) -> mqtt_plain.Sink:
        raise NotImplementedError

    def bad_row(self) -> Row:
        raise NotImplementedError

    def losing(self) -> AbstractContextManager[object]:
        raise NotImplementedError

    def stop(self) -> None:
        raise NotImplementedError

    def start(self) -> None:
        raise NotImplementedError


@pytest.fixture(params=["rows", "single", "lines", "batch"])
def rig(request: pytest.FixtureRequest, broker: Mosquitto) -> Iterator[Rig]:
    rig = Rig(broker.port, request.param)
    with rig.peer:
        yield rig


@pytest.mark.parametrize("check", contract.checks())
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


# -- messages ------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(codec="utf-8"), max_size=60)


@given(st.lists(TEXTS, min_size=1, max_size=30), st.integers(200, 700))
def test_messages_are_short_and_hold_every_row_once(texts: list[str], most: int) -> None:
    stream = Stream("north", "epoch", "live")
    batch = pack(stream, 7, [{"kind": "alert", "at_ms": 1, "body": text} for text in texts], "")
    for form in mqtt_pieces.FORMATS:
        pieces, refused = mqtt_pieces.cut(batch, form, most)
        assert all(len(piece.payload) <= most for piece in pieces)
        told = [row for piece in pieces for row in _rows(piece.payload)]
        found = {row["seq"]: row["body"] for row in told}
        assert found == {
            seq: text
            for seq, text in enumerate(texts, 8)
            if seq not in {row.seq for row in refused}
        }
        assert [row["seq"] for row in told] == sorted(found)
        assert (pieces, refused) == mqtt_pieces.cut(batch, form, most)


@pytest.mark.parametrize(
    "payload",
    [
        b"no gzip",
        gzip.compress(b"{}\n"),
        gzip.compress(b'{}\n{"seq":1,"a":1}\n{"seq":3,"a":1}\n{"seq":2,"a":1}\n'),
        gzip.compress(b'{}\n{"a":1,"seq":1}\n[]\n1\n'),
        cut(new_stream(), 0, 4).payload,
    ],
    ids=["no gzip", "no rows", "numbers out of order", "no numbers", "not as it is sent"],
)
def test_what_is_no_batch_has_no_messages(payload: bytes) -> None:
    batch = cut(new_stream(), 0, 3)
    with pytest.raises(DecodeError):
        mqtt_pieces.cut(replace(batch, payload=payload), "rows", 1_000)


def test_a_message_is_about_as_long_as_it_may_be() -> None:
    pieces, _ = mqtt_pieces.cut(cut(new_stream(), 0, 1_000), "rows", 20_000)
    assert min(len(piece.payload) for piece in pieces[:-1]) > 19_000


def test_a_batch_that_is_too_long_as_it_is_is_refused_row_by_row() -> None:
    pieces, refused = mqtt_pieces.cut(cut(new_stream(), 3, 3), "batch", 20)
    assert (pieces, [row.seq for row in refused]) == ([], [4, 5, 6])


def test_each_row_says_whose_it_is(broker: Mosquitto) -> None:
    rig, stream = Rig(broker.port, "rows"), new_stream()
    with rig.peer, closing(rig.sink(stream)) as sink:
        sink.cursor()
        sink.send(cut(stream, 0))
        wait_until(lambda: rig.peer.heard, "a message")
    topic, payload, _ = rig.peer.heard[0]
    assert topic == f"{rig.topic}/north/live"
    assert json.loads(payload)[0] == {
        **stream._asdict(),
        "seq": 1,
        **contract.reading(1),
    }


def test_a_row_too_long_is_refused_and_its_neighbours_go(broker: Mosquitto) -> None:
    rig, stream = Rig(broker.port, "rows"), new_stream()
    batch = cut(stream, 0, 3, row_1={**reading(2), "body": "x" * 300_000})
    with rig.peer, closing(rig.sink(stream)) as sink:
        sink.cursor()
        answer = sink.send(batch)
        assert [row.seq for row in answer.refused] == [2]
        assert "262144" in answer.refused[0].reason
        contract.wait_for_rows(rig, stream, 2)
    assert contract.seqs(rig, stream) == [1, 3]


# -- brokers -------------------------------------------------------------------------------------


def test_what_nobody_hears_is_kept_here(broker: Mosquitto) -> None:
    """mosquitto acknowledges it, and it is gone."""
    stream = new_stream()
    with closing(mqtt_plain.Sink(_settings(broker.port, topic="nobody"), stream)) as sink:
        sink.cursor()
        with pytest.raises(SinkUnavailableError, match="nobody has subscribed to nobody"):
            sink.send(cut(stream, 0))


def test_clouds_have_other_ways_to_hear(broker: Mosquitto) -> None:
    stream = new_stream()
    settings = _settings(broker.port, topic="nobody", profile="aws")
    with closing(mqtt_plain.Sink(settings, stream)) as sink:
        sink.cursor()
        assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_a_brokers_largest_packet_is_kept_to(
    make_broker: Callable[..., Mosquitto],
) -> None:
    broker, stream = make_broker("max_packet_size 5000").start(), new_stream()
    with Peer(broker.port, "edge/#") as peer:
        with closing(mqtt_plain.Sink(_settings(broker.port), stream)) as sink:
            sink.cursor()
            assert not sink.send(cut(stream, 0, 100)).refused
        wait_until(lambda: sum(len(_rows(m[1])) for m in peer.heard) == 100, "all rows")
    assert len(peer.heard) > 3


def test_a_broker_that_is_killed_gets_what_it_did_not_acknowledge(
    make_broker: Callable[..., Mosquitto],
) -> None:
    broker, stream = make_broker().start(), new_stream()
    settings = _settings(broker.port, profile="aws", timeout_s=2.0)
    with closing(mqtt_plain.Sink(settings, stream)) as sink:
        sink.cursor()
        broker.kill()
        with pytest.raises(SinkUnavailableError):
            sink.send(cut(stream, 0))
        broker.start()
        patiently(sink)
        assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_only_what_was_not_acknowledged_is_sent_again() -> None:
    stream, batch = new_stream(), cut(new_stream(), 0, 50)
    with StrictBroker(Rules()) as broker:
        settings = _settings(broker.port, format="single", timeout_s=0.5)
        with closing(mqtt_plain.Sink(settings, stream)) as sink:
            sink.cursor()
            broker.mute_after = 30
            with pytest.raises(SinkUnavailableError, match="no PUBACK"):
                sink.send(batch)
            broker.mute_after = None
            sink.cursor()
            assert sink.send(batch).cursor.seq == 50
        assert [json.loads(payload)["seq"] for _, payload in broker.taken] == list(range(1, 51))


def test_a_refusal_for_ever_is_of_these_rows() -> None:
    stream = new_stream()
    with StrictBroker(Rules(answer=0x99)) as broker, _opened(broker, stream) as sink:
        answer = sink.send(cut(stream, 0))
    assert [row.seq for row in answer.refused] == [1, 2, 3]
    assert "Payload format invalid" in answer.refused[0].reason


@pytest.mark.parametrize("code", [0x80, 0x83, 0x87, 0x97])
def test_a_refusal_for_now_is_waited_out(code: int) -> None:
    stream = new_stream()
    failing = pytest.raises(SinkUnavailableError, match="did not take")
    with StrictBroker(Rules(answer=code)) as broker, _opened(broker, stream) as sink, failing:
        sink.send(cut(stream, 0))


def test_what_is_no_batch_is_refused(broker: Mosquitto) -> None:
    stream = new_stream()
    with closing(mqtt_plain.Sink(_settings(broker.port), stream)) as sink:
        sink.cursor()
        batch = cut(stream, 0)
        with pytest.raises(SinkRefusedError):
            sink.send(Batch(batch.header, batch.payload[:-9]))


# -- clouds --------------------------------------------------------------------------------------


def _big(stream: Stream, count: int = 5_000) -> Batch:
    return cut(stream, 0, count)


def _sent(broker: StrictBroker) -> list[int]:
    return [row["seq"] for _, payload in broker.taken for row in _rows(payload)]


@pytest.mark.parametrize("delay_s", [0.0, 0.02])
@pytest.mark.parametrize(("profile", "rules"), [("aws", AWS), ("azure-event-grid", EVENT_GRID)])
def test_a_clouds_limits_are_kept_to(profile: str, rules: Rules, delay_s: float) -> None:
    stream = new_stream()
    with StrictBroker(rules, delay_s) as broker:
        with closing(mqtt_plain.Sink(_settings(broker.port, profile=profile), stream)) as sink:
            sink.cursor()
            answer = sink.send(_big(stream))
        assert broker.faults == []
        assert (answer.cursor.seq, answer.refused) == (5_000, ())
        assert _sent(broker) == list(range(1, 5_001))


def test_no_more_messages_a_second_than_aws_takes() -> None:
    stream = new_stream()
    with StrictBroker(AWS) as broker:
        settings = _settings(broker.port, profile="aws", format="single")
        with closing(mqtt_plain.Sink(settings, stream)) as sink:
            sink.cursor()
            began = time.monotonic()
            sink.send(_big(stream, 150))
            assert time.monotonic() - began > 1.4
        assert broker.faults == []


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"profile": "generic"}, "payload"),
        ({"profile": "generic", "format": "single", "messages_per_s": 0}, "rate"),
        ({"profile": "generic", "topic": "a/b/c/d/e/f/g/h/i", "max_bytes": 1_000}, "slashes"),
    ],
)
def test_the_front_does_hang_up_beyond_them(settings: dict[str, Any], fault: str) -> None:
    """The control: with other limits than the cloud's own, it goes wrong."""
    stream = new_stream()
    with StrictBroker(AWS) as broker:
        with closing(mqtt_plain.Sink(_settings(broker.port, **settings), stream)) as sink:
            sink.cursor()
            with pytest.raises(SinkUnavailableError):
                sink.send(_big(stream))
        assert fault in broker.faults[0]


def _hub(port: int, tmp_path: Path, **more: Any) -> mqtt_plain.Settings:
    keys = tmp_path / "keys"
    lines = [f"north-{lane} {base64.b64encode(KEY).decode()}" for lane in Lane]
    keys.write_text("# device key\n" + "\n".join(lines) + "\n")
    given = {"device": "north-{lane}", "device_keys_file": str(keys)} | more
    return _settings(port, profile="azure-iot-hub", **given)


def _hub_rules() -> Rules:
    devices = {f"north-{lane}": KEY for lane in Lane}
    return replace(IOT_HUB, lets_in=hub_lets_in("127.0.0.1", devices))


def test_iot_hub_hears_what_it_wants_to_hear(tmp_path: Path) -> None:
    stream = new_stream()
    with StrictBroker(_hub_rules()) as broker:
        with closing(mqtt_plain.Sink(_hub(broker.port, tmp_path), stream)) as sink:
            sink.cursor()
            sink.send(cut(stream, 0, 3_000))
        assert broker.faults == []
        assert _sent(broker) == list(range(1, 3_001))
        topic = broker.taken[0][0]
    assert topic.startswith("devices/north-live/messages/events/%24.mid=")
    bag = {name: value[0] for name, value in parse_qs(topic.rsplit("/", 1)[1]).items()}
    assert bag.pop("last") == bag["$.mid"].rsplit("-", 1)[1]
    assert bag == {
        "$.mid": bag["$.mid"],
        "$.ct": "application/json",
        "$.ce": "utf-8",
        **stream._asdict(),
        "first": "1",
    }


def test_a_token_is_renewed_before_it_ends(tmp_path: Path) -> None:
    stream = new_stream()
    with StrictBroker(_hub_rules()) as broker:
        with closing(mqtt_plain.Sink(_hub(broker.port, tmp_path), stream)) as sink:
            sink.cursor()
            sink.send(cut(stream, 0))
            sink._renew_at_s = time.monotonic() - 1  # most of its life is over
            sink.send(cut(stream, 3))
            sink.send(cut(stream, 6))
        assert len(broker.connects) == 2
        assert _sent(broker) == list(range(1, 10))


def test_who_has_no_key_is_not_let_in(tmp_path: Path) -> None:
    with StrictBroker(_hub_rules()) as broker:
        settings = _hub(broker.port, tmp_path)
        keys = Path(settings.device_keys_file)
        for text, why in (
            (base64.b64encode(b"another secret").decode(), "did not let us in"),
            ("no base64!", "keys: .*has no line"),
            ("*", "keys: "),
            ("", "has no line 'north-live <key>'"),
        ):
            keys.write_text(f"north-live {text}\n")
            sink = mqtt_plain.Sink(settings, new_stream())
            with closing(sink), pytest.raises(SinkUnavailableError, match=why):
                sink.cursor()


# -- settings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "wrong",
    [
        {"protocol": "5", "profile": "azure-iot-hub", "device": "a-{lane}"},
        {"keepalive_s": 10, "profile": "aws"},
        {"max_bytes": 200_000, "profile": "aws"},
        {"messages_per_s": -1},
        {"device": "a-{lane}"},
        {"device": "a", "profile": "azure-iot-hub"},
        {"device_keys_file": "/keys"},
        {"topic": "a/b/c/d/e/f/g/h/i", "profile": "aws"},
        {"topic": "a/+"},
        {"topic": "$SYS/a"},
        {"topic": "x" * 257, "profile": "azure-event-grid"},
        {"key_file": "/key"},
    ],
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        _settings(1883, **wrong)


def test_a_gateways_name_that_makes_a_topic_too_long_is_told() -> None:
    settings = _settings(1883, topic="a/b/c/d/e/{gateway}/{lane}", profile="aws")
    mqtt_plain.Sink(settings, new_stream())
    with pytest.raises(ConfigError, match="more than 7 slashes"):
        mqtt_plain.Sink(settings, new_stream(gateway="a/b/c"))
    with pytest.raises(ConfigError, match="client id"):
        mqtt_plain.Sink(settings, new_stream(gateway="a" * 128))


def test_port_443_of_aws_is_told_what_is_meant() -> None:
    """ALPN, as the AWS documents say for client certificates."""
    stream = new_stream()
    for port, profile, alpn in (
        (443, "aws", ["x-amzn-mqtt-ca"]),
        (8883, "aws", []),
        (443, "hivemq", []),
    ):
        wire = mqtt_plain.Sink(_settings(port, profile=profile, tls=True), stream)._wire()
        assert wire.tls is not None
        assert list(wire.tls.alpn) == alpn


def test_basic_ingest_of_aws_does_not_count() -> None:
    rule = "$aws/rules/edge_rows/"
    assert unfit_topic(PROFILES["aws"], rule + "a/b/c/d/e/f/g/h") == ""
    assert unfit_topic(PROFILES["aws"], rule + "a/b/c/d/e/f/g/h/i") == "more than 7 slashes"
    assert unfit_topic(PROFILES["generic"], "") != ""


def test_a_batch_as_it_is_tells_how_long_it_may_be() -> None:
    sink = mqtt_plain.Sink(_settings(1883, profile="aws", format="batch"), new_stream())
    assert 120_000 < sink.most_bytes < 131_072
    assert not hasattr(mqtt_plain.Sink(_settings(1883, profile="aws"), new_stream()), "most_bytes")
