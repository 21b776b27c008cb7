"""The MQTT sink in bad weather: brokers and receivers that die, refuse, freeze, talk nonsense."""

import json
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.core.batch_answers import CursorMessage, cursor_message, topic_of
from gateway.core.batches import Answer, Batch, Cursor, Lane, Stream
from gateway.errors import SinkGapError, SinkRefusedError, SinkUnavailableError
from gateway.sinks import mqtt
from tests.fakes.authority import Authority
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.mqtt_receiver import Receiver
from tests.fakes.proxy import Proxy
from tests.fakes.scripted_broker import CONNACK_5, REFUSED_5, TAKEN_OVER, ScriptedBroker
from tests.fakes.slow_line import SlowLine
from tests.fakes.waiting import wait_until
from tests.sinks.contract import cut, new_stream, patiently

TOPIC = f"faults-{uuid4().hex[:8]}"
"""Ours alone: ports are used again, and some other test's receiver may come back to one."""
MakeBroker = Callable[..., Mosquitto]
MakeReceiver = Callable[..., Receiver]


def _settings(port: int, **more: Any) -> mqtt.Settings:
    given = {"host": "127.0.0.1", "tls": False, "timeout_s": 5.0, "topic": TOPIC} | more
    return mqtt.Settings(port=port, **given)


@pytest.fixture
def make_receiver(tmp_path: Path) -> Iterator[MakeReceiver]:
    """One that runs."""
    made: list[Receiver] = []

    def make(broker: Mosquitto, topic: str = TOPIC) -> Receiver:
        made.append(Receiver(broker.port, tmp_path, topic))
        return made[-1].start()

    yield make
    for receiver in made:
        receiver.kill()


@pytest.fixture
def receiver(broker: Mosquitto, make_receiver: MakeReceiver) -> Receiver:
    return make_receiver(broker)


def _deliver(sink: mqtt.Sink, batches: dict[int, Batch], resent: list[int]) -> None:
    """What a lane does: each batch until it is taken, from where the receiver is."""
    at = patiently(sink)
    assert at is not None
    while at.seq in batches:
        try:
            at = sink.send(batches[at.seq]).cursor
        except SinkGapError as gap:
            at = Cursor(gap.seq, gap.position)
        except SinkUnavailableError:
            resent.append(at.seq)
            at = patiently(sink)
            assert at is not None


def test_nothing_is_lost_or_doubled_when_broker_and_receiver_are_killed(
    make_broker: MakeBroker, make_receiver: MakeReceiver
) -> None:
    broker, stream = make_broker("set_tcp_nodelay true").start(), new_stream()
    receiver = make_receiver(broker)
    batches = {after: cut(stream, after, 20) for after in range(0, 6_000, 20)}
    resent: list[int] = []
    with closing(mqtt.Sink(_settings(broker.port, timeout_s=0.8), stream)) as sink:
        sending = threading.Thread(target=_deliver, args=(sink, batches, resent))
        sending.start()
        for number in range(6):
            before = len(receiver.rows(stream))
            wait_until(
                lambda b=before: len(receiver.rows(stream)) > b + 100 or not sending.is_alive(),
                "rows arrive",
            )
            if number % 2:
                receiver.kill()
                receiver.start()
            else:
                broker.kill()
                broker.start()
        sending.join(120)
    assert [row["seq"] for row in receiver.rows(stream)] == list(range(1, 6_001))
    assert resent


def test_a_receiver_that_lost_rows_is_a_gap(broker: Mosquitto, receiver: Receiver) -> None:
    stream = new_stream()
    with closing(mqtt.Sink(_settings(broker.port), stream)) as sink:
        sink.cursor()
        sink.send(cut(stream, 0))
        sink.send(cut(stream, 3))
        receiver.forget(stream, 3, "report:30")
        with pytest.raises(SinkGapError) as told:
            sink.send(cut(stream, 6))
        assert (told.value.seq, told.value.position) == (3, "report:30")
        assert sink.cursor() == Cursor(3, "report:30")
        assert sink.send(cut(stream, 3)).cursor.seq == 6


def test_a_frozen_receiver_is_waited_for_so_long(broker: Mosquitto, receiver: Receiver) -> None:
    stream = new_stream()
    settings = _settings(broker.port, timeout_s=0.5)
    with closing(mqtt.Sink(settings, stream)) as sink:
        patiently(sink)
        receiver.hold(on=True)
        with pytest.raises(SinkUnavailableError, match=r"no answer of the receiver within 0\.5 s"):
            sink.send(cut(stream, 0))
        with pytest.raises(SinkUnavailableError, match="no answer"):
            sink.cursor()
        receiver.hold(on=False)
        patiently(sink)
        assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_a_slow_line_has_its_time(broker: Mosquitto, receiver: Receiver) -> None:
    stream = new_stream()
    batch = _of_size(stream, 6_000, random.Random(5))
    with SlowLine(broker.port, bytes_per_s=4_000) as line:
        sink = mqtt.Sink(_settings(line.port, timeout_s=0.7), stream)
        patiently(sink)
        assert sink.send(batch).cursor.seq == 1
        sink.close()


def test_a_line_that_falls_silent_ends_the_wait(broker: Mosquitto, receiver: Receiver) -> None:
    stream = new_stream()
    with Proxy(broker.port) as proxy:
        settings = _settings(proxy.port, timeout_s=1.0)
        with closing(mqtt.Sink(settings, stream)) as sink:
            patiently(sink)
            proxy.freeze()
            with pytest.raises(SinkUnavailableError):
                sink.send(cut(stream, 0))
            patiently(sink)
            assert sink.send(cut(stream, 0)).cursor.seq == 3


def test_without_a_receiver_nobody_waits(broker: Mosquitto) -> None:
    """MQTT 5 says at once that nobody has subscribed."""
    settings = _settings(broker.port, topic="nobody", timeout_s=60.0)
    sink = mqtt.Sink(settings, new_stream())
    with closing(sink), pytest.raises(SinkUnavailableError, match="no receiver has subscribed"):
        sink.cursor()


def test_version_3_works_too(broker: Mosquitto, receiver: Receiver) -> None:
    stream = new_stream()
    settings = _settings(broker.port, protocol="3.1.1")
    with closing(mqtt.Sink(settings, stream)) as sink:
        assert sink.cursor() == Cursor()
        assert sink.send(cut(stream, 0)).cursor.seq == 3
        assert sink.cursor() == Cursor(3, "report:30")  # and the retained one is not mistaken


# -- what a receiver may say ----------------------------------------------------------------------


class Answering:
    """A receiver that says what the test says, to every message."""

    def __init__(self, port: int, stream: Stream, *says: bytes) -> None:
        topics = [topic_of("said", what, stream) for what in ("ask", "batch")]
        self._topic = topic_of("said", "cursor", stream)
        self._says = list(says)
        self.peer = Peer(port, *topics)
        self.peer._client.on_message = self._answer

    def _answer(self, client: Any, _userdata: Any, _message: Any) -> None:
        while self._says and (said := self._says.pop(0)) != b"":
            client.publish(self._topic, said, 1)


def _told(stream: Stream, seq: int, **more: Any) -> bytes:
    return cursor_message(CursorMessage(stream.epoch, Answer(Cursor(seq, f"report:{seq}"), **more)))


def _answered(broker: Mosquitto, stream: Stream, *says: bytes) -> Answer:
    with Answering(broker.port, stream, *says).peer:
        settings = _settings(broker.port, topic="said", timeout_s=2.0)
        with closing(mqtt.Sink(settings, stream)) as sink:
            sink.cursor()
            return sink.send(cut(stream, 3))


def test_credit_is_passed_on(broker: Mosquitto) -> None:
    stream = new_stream()
    answer = _answered(
        broker, stream, _told(stream, 3), b"", _told(stream, 6, rows_per_s=10.0, wait_s=4.0)
    )
    assert (answer.rows_per_s, answer.wait_s) == (10.0, 4.0)


def test_only_our_own_epoch_counts(broker: Mosquitto) -> None:
    stream = new_stream()
    other = stream._replace(epoch="another")
    answer = _answered(
        broker,
        stream,
        *(_told(other, 9), _told(stream, 3), b""),
        *(_told(other, 6), b"nonsense", b"{}", _told(stream, 3), _told(stream, 6)),
    )
    assert answer.cursor == Cursor(6, "report:6")


def test_a_rejected_payload_is_refused_only_if_it_is_ours(broker: Mosquitto) -> None:
    stream = new_stream()
    crc = json.dumps({"epoch": "", "seq": 0, "position": "", "rejected": {"crc": 1, "reason": "x"}})
    says = (_told(stream, 3), b"", crc.encode(), _told(stream, 6))
    assert _answered(broker, stream, *says).cursor.seq == 6


def _does_not_open(settings: mqtt.Settings, why: str) -> None:
    sink = mqtt.Sink(settings, new_stream())
    with closing(sink), pytest.raises(SinkUnavailableError, match=why):
        sink.cursor()


# -- what a broker may say -----------------------------------------------------------------------


def test_who_may_not_publish_is_told(make_broker: MakeBroker, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic read {TOPIC}/#\ntopic write {TOPIC}/+/ask/+\n")
    broker, stream = make_broker(f"acl_file {acl}").start(), new_stream()
    sink = mqtt.Sink(_settings(broker.port, timeout_s=1.0), stream)
    with Peer(broker.port, f"{TOPIC}/#"), closing(sink):
        with pytest.raises(SinkUnavailableError, match="no answer"):
            sink.cursor()
        sink._link = link = mqtt.Link(sink._wire())
        link.open()
        with pytest.raises(SinkUnavailableError, match="Not authorized"):
            sink.send(cut(stream, 0))


def test_who_may_not_subscribe_is_told(make_broker: MakeBroker, tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text(f"topic write {TOPIC}/#\n")
    broker = make_broker(f"acl_file {acl}").start()
    sink = mqtt.Sink(_settings(broker.port, timeout_s=1.0), new_stream())
    with closing(sink), pytest.raises(SinkUnavailableError):
        sink.cursor()


def test_a_wrong_password_is_told(make_broker: MakeBroker, tmp_path: Path) -> None:
    broker = make_broker("allow_anonymous false").start()
    secret = tmp_path / "password"
    secret.write_text("wrong\n")
    settings = _settings(broker.port, username="north", password_file=str(secret))
    with closing(mqtt.Sink(settings, new_stream())) as sink:
        with pytest.raises(SinkUnavailableError, match="did not let us in: Not authorized"):
            sink.cursor()
        secret.unlink()
        with pytest.raises(SinkUnavailableError, match="No such file"):
            sink.cursor()


def test_a_broker_of_version_3_is_told_apart() -> None:
    with ScriptedBroker(REFUSED_5) as broker:
        _does_not_open(_settings(broker.port), r"set protocol: 3\.1\.1")


def test_the_brokers_largest_packet_bounds_batches(
    make_broker: MakeBroker, make_receiver: MakeReceiver
) -> None:
    broker, stream = make_broker("max_packet_size 20000").start(), new_stream()
    make_receiver(broker)
    with closing(mqtt.Sink(_settings(broker.port), stream)) as sink:
        assert sink.most_bytes == 262_144
        sink.cursor()
        assert 19_000 < sink.most_bytes < 20_000
        chance = random.Random(5)
        fitting = _of_size(stream, 19_800, chance)
        assert sink.send(fitting).cursor.seq == 1
        with pytest.raises(SinkRefusedError, match="at most are taken"):
            sink.send(_of_size(stream, 20_500, chance, 1))


def _of_size(stream: Stream, size: int, chance: random.Random, after: int = 0) -> Batch:
    """A batch of about that many bytes: hexadecimal digits pack to a little over a half."""
    noise = "".join(chance.choices("0123456789abcdef", k=int(size * 1.7)))
    return cut(stream, after, 1, row_0={"kind": "alert", "at_ms": 1, "body": noise})


def test_a_limit_that_the_broker_keeps_to_itself_looks_like_a_bad_line(
    make_broker: MakeBroker, make_receiver: MakeReceiver
) -> None:
    """``message_size_limit`` is not in CONNACK, so ``max_bytes`` must say it.

    mosquitto 2.0.11 answers with a reason that no PUBACK may have, and the line ends there.
    """
    broker, stream = make_broker("message_size_limit 8000").start(), new_stream()
    make_receiver(broker)
    chance = random.Random(5)
    with closing(mqtt.Sink(_settings(broker.port), stream)) as sink:
        sink.cursor()
        with pytest.raises(SinkUnavailableError):
            sink.send(_of_size(stream, 9_000, chance))
    with closing(mqtt.Sink(_settings(broker.port, max_bytes=7_000), stream)) as sink:
        sink.cursor()
        with pytest.raises(SinkRefusedError, match="7000 at most"):
            sink.send(_of_size(stream, 9_000, chance))
        assert sink.send(_of_size(stream, 6_500, chance)).cursor.seq == 1


def test_a_second_client_of_our_name_is_told_of() -> None:
    with ScriptedBroker(CONNACK_5 + TAKEN_OVER) as broker:
        _does_not_open(_settings(broker.port), "another client has our client id")


def test_the_younger_of_two_of_one_name_goes_on(broker: Mosquitto, receiver: Receiver) -> None:
    """What a killed process left behind must not keep its successor out."""
    stream = new_stream()
    settings = _settings(broker.port)
    with closing(mqtt.Sink(settings, stream)) as old, closing(mqtt.Sink(settings, stream)) as new:
        old.cursor()
        new.cursor()
        assert new.send(cut(stream, 0)).cursor.seq == 3
        with pytest.raises(SinkUnavailableError):
            old.send(cut(stream, 0))
        assert old.cursor() == Cursor(3, "report:30")


def test_lanes_have_names_of_their_own() -> None:
    settings = _settings(1883)
    wires = [mqtt.Sink(settings, new_stream(lane))._wire() for lane in Lane]
    assert len({wire.client_id for wire in wires}) == len(wires)
    assert wires[0] == mqtt.Sink(settings, new_stream(Lane.EVENTS))._wire()
    other = mqtt.Sink(replace(settings, topic="other"), new_stream(Lane.EVENTS))._wire()
    assert other.client_id != wires[0].client_id


# -- TLS -----------------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "authority", "test")


def test_tls_checks_the_broker_and_shows_our_certificate(
    make_broker: MakeBroker, tmp_path: Path, authority: Authority
) -> None:
    certificate, key = authority.issue("broker", "IP:127.0.0.1")
    broker = make_broker(
        f"cafile {authority.certificate}",
        *(f"certfile {certificate}", f"keyfile {key}"),
        *("require_certificate true", "use_identity_as_username true"),
    ).start()
    ours, our_key = authority.issue("north")
    settings = _settings(broker.port, tls=True, ca_file=str(authority.certificate), timeout_s=2.0)
    shown = replace(settings, cert_file=str(ours), key_file=str(our_key))
    stranger = Authority(tmp_path / "stranger", "stranger")
    _does_not_open(shown, "no receiver has subscribed")  # so it was let in
    _does_not_open(settings, "connection|CONNECT|TLS|SSL")
    _does_not_open(replace(shown, ca_file=""), "certificate verify failed")
    _does_not_open(replace(shown, ca_file=str(stranger.certificate)), "certificate verify failed")


def test_who_does_not_answer_at_all_is_not_waited_for_long() -> None:
    with socket.create_server(("127.0.0.1", 0)) as mute:
        port = mute.getsockname()[1]
        for tls in (True, False):
            began = time.monotonic()
            _does_not_open(_settings(port, tls=tls, timeout_s=0.3), "timed out|no answer")
            assert time.monotonic() - began < 20  # less than the keep-alive


def test_a_port_for_several_protocols_is_told_ours(authority: Authority) -> None:
    """AWS IoT Core, port 443."""
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*authority.issue("broker", "IP:127.0.0.1"))
    server.set_alpn_protocols(["http/1.1", "x-amzn-mqtt-ca"])
    chosen: list[str | None] = []

    def serve() -> None:
        with listener.accept()[0] as line, server.wrap_socket(line, server_side=True) as secure:
            chosen.append(secure.selected_alpn_protocol())

    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = threading.Thread(target=serve)
        serving.start()
        ca_file = str(authority.certificate)
        port = listener.getsockname()[1]
        settings = _settings(port, tls=True, ca_file=ca_file, alpn="x-amzn-mqtt-ca")
        _does_not_open(settings, "connection|CONNECT")
        serving.join(30)
    assert chosen == ["x-amzn-mqtt-ca"]


def test_the_broker_may_drop_what_nobody_took_in_time(broker: Mosquitto) -> None:
    stream, told = new_stream(), []
    with Peer(broker.port, topic_of("expires", "ask", stream)) as peer:
        peer._client.on_message = lambda _client, _userdata, message: told.append(
            message.properties.MessageExpiryInterval
        )
        sink = mqtt.Sink(_settings(broker.port, topic="expires", timeout_s=0.5), stream)
        with closing(sink), pytest.raises(SinkUnavailableError, match="no answer"):
            sink.cursor()
    assert told == [1]


@pytest.mark.parametrize(
    "given",
    [
        {"host": ""},
        {"topic": "a/+/b"},
        {"topic": "$SYS"},
        {"max_bytes": 10},
        {"key_file": "a"},
        {"ca_file": "a"},
        {"port": 70_000},
        {"timeout_s": 0},
        {"keepalive_s": 1},
    ],
)
def test_settings_that_do_not_fit_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(given)).split("_")[0]):
        mqtt.Settings(**({"host": "a", "tls": False} | given))
