"""The receiver as a process, behind a real broker, with the gateway's own MQTT sink before it."""

import json
import random
import threading
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.core.batch_answers import (
    CursorMessage,
    ask,
    cursor_message,
    read_cursor_message,
    topic_of,
)
from gateway.core.batches import Answer, Cursor, Row, Stream
from gateway.errors import SinkGapError, SinkUnavailableError
from gateway.sinks import mqtt
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.receiver import Receiver
from tests.fakes.waiting import wait_until
from tests.sinks import contract
from tests.sinks.contract import Check, cut, new_stream, patiently, reading


class Rig:
    """The receiver on a topic of its own."""

    def __init__(self, broker: Mosquitto, folder: Path, *options: str) -> None:
        self.topic = f"sync-{uuid4().hex[:8]}"
        self.broker = broker
        given = ("--mqtt", f"{broker.host}:{broker.port}", "--topic", self.topic, *options)
        self.receiver = Receiver(folder, *given, http=False)
        self.settings = mqtt.Settings(
            host=broker.host, port=broker.port, topic=self.topic, tls=False, timeout_s=3.0
        )

    def sink(self, stream: Stream, **settings: Any) -> mqtt.Sink:
        return mqtt.Sink(
            replace(self.settings, **{"client_id": uuid4().hex[:8], **settings}), stream
        )

    def rows(self, stream: Stream) -> list[Row]:
        return list(self.receiver.rows(stream))

    def bad_row(self) -> Row:
        return reading(0, at_ms="noon")

    def stranger(self, stream: Stream) -> mqtt.Sink:
        raise NotImplementedError

    def losing(self) -> AbstractContextManager[object]:
        raise NotImplementedError

    def stop(self) -> None:
        self.receiver.kill()

    def start(self) -> None:
        self.receiver.start()


@pytest.fixture(scope="module")
def rig(broker: Mosquitto, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    rig = Rig(broker, tmp_path_factory.mktemp("receiver"))
    with rig.receiver:
        yield rig


@pytest.mark.parametrize("check", contract.checks(contract.KNOWS, contract.REFUSES, contract.STOPS))
def test_with_the_gateways_sink_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


# -- the topics, spoken by hand --------------------------------------------------------------------


class Speaker:
    """A client that hears everything below a topic."""

    def __init__(self, rig: Rig) -> None:
        self.heard: list[tuple[str, bytes, bool]] = []
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311
        )
        ready = threading.Event()
        self._client.on_message = lambda _c, _u, m: self.heard.append(
            (m.topic, m.payload, m.retain)
        )
        self._client.on_subscribe = lambda *_: ready.set()
        self._client.connect(rig.broker.host, rig.broker.port)
        self._client.loop_start()
        self._client.subscribe(f"{rig.topic}/#", 1)
        assert ready.wait(20)

    def say(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        self._client.publish(topic, payload, 1, retain).wait_for_publish(20)

    def hear(self, topic: str, fits: Callable[[CursorMessage], object]) -> CursorMessage:
        """The first cursor there that fits."""
        found: list[CursorMessage] = []

        def heard() -> bool:
            told = [read_cursor_message(said) for at, said, _ in self.heard if at == topic]
            found[:] = [one for one in told if fits(one)]
            return bool(found)

        wait_until(heard, f"a cursor on {topic}")
        return found[0]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


@pytest.fixture
def speaker(rig: Rig) -> Iterator[Speaker]:
    speaker = Speaker(rig)
    yield speaker
    speaker.close()


def test_the_wire_is_as_the_page_says(rig: Rig, speaker: Speaker) -> None:
    stream = new_stream(gateway="plant/7")
    base = f"{rig.topic}/plant%2F7"
    speaker.say(f"{base}/ask/live", json.dumps(stream._asdict()).encode())
    cursor = f"{base}/cursor/live"
    assert speaker.hear(cursor, lambda one: one.epoch == stream.epoch).answer.cursor == Cursor()
    speaker.say(f"{base}/batch/live", cut(stream, 0).payload)
    speaker.hear(cursor, lambda one: one.answer.cursor.seq == 3)
    (payload,) = [said for at, said, _ in speaker.heard if at == cursor and b'"seq":3' in said]
    assert json.loads(payload) == {
        "epoch": stream.epoch,
        "seq": 3,
        "position": "report:30",
        "refused": [],
        "rows_per_s": None,
        "wait_s": 0.0,
    }
    late = Speaker(rig)
    late.hear(cursor, lambda one: one.answer.cursor.seq == 3)
    assert any(at == cursor and retained for at, _, retained in late.heard)
    late.close()


def test_what_is_no_batch_is_named_by_its_checksum(rig: Rig, speaker: Speaker) -> None:
    stream = new_stream()
    payload = cut(stream, 0).payload[:-9]
    speaker.say(topic_of(rig.topic, "batch", stream), payload)
    told = speaker.hear(topic_of(rig.topic, "cursor", stream), lambda one: one.rejected)
    assert told.rejected is not None
    assert told.rejected.crc == zlib.crc32(payload)
    assert told.rejected.reason


def test_a_batch_on_the_topic_of_another_gateway_is_not_taken(rig: Rig, speaker: Speaker) -> None:
    stream, other = new_stream(), new_stream(gateway="south")
    speaker.say(topic_of(rig.topic, "batch", other), cut(stream, 0).payload)
    told = speaker.hear(topic_of(rig.topic, "cursor", other), lambda one: one.rejected)
    assert told.rejected is not None
    assert "topic" in told.rejected.reason
    assert rig.rows(stream) == []


@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"{}", b"[]", b"\xff", b'{"gateway":"north"}'),
        b'{"gateway":"north","epoch":"\\ud800","lane":"events"}',
        b'{"gateway":"north","epoch":"\\u0000","lane":"events"}',
    ],
)
def test_an_ask_that_names_nobody_is_not_answered(
    rig: Rig, speaker: Speaker, payload: bytes
) -> None:
    stream = new_stream(lane="events")
    speaker.say(topic_of(rig.topic, "ask", stream), payload)
    speaker.say(topic_of(rig.topic, "ask", stream), ask(stream))
    speaker.hear(
        topic_of(rig.topic, "cursor", stream), lambda one: one.epoch == stream.epoch
    )  # it lives on


def test_topics_that_are_none_of_ours_harm_nobody(rig: Rig, speaker: Speaker) -> None:
    for topic in ("north/batch", "north/batch/live/more", "/batch/", "north//live"):
        speaker.say(f"{rig.topic}/{topic}", b"x")
    stream = new_stream()
    with closing(rig.sink(stream)) as sink:
        assert sink.cursor() == Cursor()


def test_what_the_broker_retains_is_set_right_when_it_begins(
    broker: Mosquitto, tmp_path: Path
) -> None:
    rig, stream = Rig(broker, tmp_path), new_stream()
    topic = topic_of(rig.topic, "cursor", stream)
    speaker = Speaker(rig)
    old = CursorMessage(stream.epoch, Answer(Cursor(5_000, "report:5")))
    speaker.say(topic, cursor_message(old), retain=True)
    for n, ugly in enumerate((b"x", b'{"epoch":"\\ud800","seq":1,"position":""}', b"[" * 9_000)):
        speaker.say(f"{rig.topic}/north/cursor/ugly-{n}", ugly, retain=True)
    with rig.receiver:
        told = speaker.hear(topic, lambda one: one.answer.cursor.seq == 0)
    assert told.epoch == stream.epoch
    assert rig.receiver.logged("cursor_corrected")
    speaker.close()


# -- killed ----------------------------------------------------------------------------------------


def test_receiver_and_broker_are_killed_again_and_again(
    make_broker: Callable[..., Mosquitto], tmp_path: Path
) -> None:
    broker = make_broker().start()
    rig, stream, chance = Rig(broker, tmp_path), new_stream(), random.Random(3)
    rig.receiver.start()
    done, held = threading.Event(), [0]

    def send() -> None:
        with closing(rig.sink(stream, timeout_s=1.0)) as sink:
            at = patiently(sink) or Cursor()
            while not done.is_set():
                try:
                    at = sink.send(cut(stream, at.seq, chance.randint(1, 200))).cursor
                except SinkGapError as gap:
                    at = Cursor(gap.seq, gap.position)
                except SinkUnavailableError:
                    at = patiently(sink) or Cursor()
                assert at.seq >= held[0]
                held[0] = at.seq

    thread = threading.Thread(target=send)
    thread.start()
    for round_ in range(6):
        wanted = held[0] + 400
        wait_until(lambda wanted=wanted: held[0] >= wanted, "rows arrive")
        victim: Any = broker if round_ % 3 == 2 else rig.receiver
        victim.kill()
        victim.start()
    wanted = held[0] + 400
    wait_until(lambda: held[0] >= wanted, "rows arrive again")
    done.set()
    thread.join(60)
    assert not thread.is_alive()
    assert rig.receiver.seqs(stream) == list(range(1, held[0] + 1))
    assert rig.receiver.stop() == 0
