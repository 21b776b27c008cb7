"""The Kafka sink on librdkafka's mock broker, over the network; there is no real one to install."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Cursor, Row, Stream, unpack
from gateway.errors import SinkRefusedError, SinkUnavailableError
from gateway.sinks.kafka import Settings, Sink
from gateway.sinks.kafka_settings import producing, words
from tests.fakes.kafka import Kafka
from tests.fakes.relay import Relay
from tests.sinks import contract
from tests.sinks.contract import Check, cut, new_stream, opened, seqs

pytest.importorskip("confluent_kafka", reason="needs confluent-kafka")


@pytest.fixture(scope="module")
def kafka() -> Kafka:
    return Kafka()


class Rig:
    """The sink, a relay, and the broker behind it; to stop it is to be out of its reach."""

    def __init__(self, kafka: Kafka, relay: Relay, **settings: Any) -> None:
        self.kafka, self.relay = kafka, relay
        self.settings = Settings(
            (f"127.0.0.1:{relay.port}",),
            tls=False,
            timeout_s=1.0,
            connect_timeout_s=1.0,
            **settings,
        )

    def sink(self, stream: Stream, /, **other: Any) -> Sink:
        return Sink(replace(self.settings, **other), stream)

    def stranger(self, stream: Stream) -> Sink:
        raise NotImplementedError

    def rows(self, stream: Stream) -> list[Row]:
        batches = [unpack(message.value()) for message in self.kafka.messages("edge")]
        return [row for header, rows in batches for row in rows if header.stream == stream]

    def bad_row(self) -> Row:
        raise NotImplementedError

    def losing(self) -> AbstractContextManager[None]:
        return self.relay.losing(b"edge-last")

    def stop(self) -> None:
        self.relay.away(on=True)

    def start(self) -> None:
        self.relay.away(on=False)


@pytest.fixture
def rig(kafka: Kafka) -> Iterator[Rig]:
    with kafka.relay() as relay:
        yield Rig(kafka, relay)


@pytest.mark.parametrize(
    "check",
    contract.checks(contract.KNOWS, contract.STOPS, contract.LOSES, contract.FENCES),
)
def test_it_keeps_the_contract(check: Check, rig: Rig) -> None:
    check(rig)


def test_a_message_is_the_batch_as_it_was_cut_and_its_headers_say_which(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    with opened(rig, stream, topic="plain") as sink:
        sink.send(batch)
    (message,) = rig.kafka.messages("plain")
    assert (message.key(), message.value()) == (b"north", batch.payload)
    told = {name: value.decode() for name, value in message.headers()}
    assert told == {
        "edge-gateway": "north",
        "edge-epoch": stream.epoch,
        "edge-lane": "live",
        "edge-after": "0",
        "edge-first": "1",
        "edge-last": "3",
        "edge-position": "report:30",
        "edge-content-type": "application/x-ndjson",
        "edge-content-encoding": "gzip",
    }


def test_all_lanes_of_a_gateway_are_in_one_partition(rig: Rig) -> None:
    for stream in (new_stream("events"), new_stream("live")):
        with opened(rig, stream, topic="together") as sink:
            sink.send(cut(stream, 0))
    assert len({message.partition() for message in rig.kafka.messages("together")}) == 1


def test_a_batch_too_far_back_is_not_found_and_our_own_record_counts(rig: Rig) -> None:
    old, busy = new_stream(), new_stream()
    with opened(rig, old, topic="busy") as sink:
        sink.send(cut(old, 0))
    with opened(rig, busy, topic="busy") as sink:
        for after in range(0, 15, 3):
            sink.send(cut(busy, after))
    with closing(rig.sink(old, topic="busy", look_back=3)) as sink:
        assert sink.cursor() is None
        assert sink.send(cut(old, 3)).cursor.seq == 6
        assert sink.cursor() == Cursor(6, "report:60")
    with closing(rig.sink(old, topic="busy")) as sink:
        assert sink.cursor() == Cursor(6, "report:60")


def test_messages_of_others_are_passed_over(rig: Rig) -> None:
    from confluent_kafka import Producer

    stream = new_stream()
    with opened(rig, stream, topic="mixed") as sink:
        sink.send(cut(stream, 0))
    others = Producer({"bootstrap.servers": f"127.0.0.1:{rig.kafka.port}", "log_level": 0})
    for headers in ([], [("edge-gateway", b"north")], [("edge-last", None)]):
        for partition in range(4):
            others.produce("mixed", b"hello", partition=partition, headers=headers)
    assert others.flush(30) == 0
    with closing(rig.sink(stream, topic="mixed")) as sink:
        assert sink.cursor() == Cursor(3, "report:30")


def test_without_transactions_it_is_an_idempotent_producer(rig: Rig) -> None:
    stream = new_stream()
    settings = replace(rig.settings, transactions=False)
    assert "transactional.id" not in producing(settings, stream)
    with opened(rig, stream, transactions=False) as sink:
        sink.send(cut(stream, 0))
        assert sink.cursor() == Cursor(3, "report:30")
        sink.send(cut(stream, 3))
    assert seqs(rig, stream) == list(range(1, 7))


def test_a_batch_that_is_too_long_is_refused(rig: Rig) -> None:
    stream = new_stream()
    batch = cut(stream, 0)
    with opened(rig, stream) as sink:
        assert sink.most_bytes == 1_000_000
        with pytest.raises(SinkRefusedError, match=r"message\.max\.bytes"):
            sink.send(replace(batch, payload=bytes(1_100_000)))


def test_a_broker_out_of_reach_is_said(rig: Rig) -> None:
    rig.stop()
    with (
        closing(rig.sink(new_stream(), connect_timeout_s=0.5)) as sink,
        pytest.raises(SinkUnavailableError),
    ):
        sink.cursor()


def test_credentials_are_for_the_wire_and_are_read_at_each_connect(tmp_path: Path) -> None:
    password = tmp_path / "password"
    password.write_text("one\n")
    settings = Settings(
        ("kafka:9093",),
        username="edge",
        password_file=str(password),
        ca_file="/ca.pem",
        cert_file="/c.pem",
        key_file="/k.pem",
    )
    told = words(settings, print)
    assert told["security.protocol"] == "SASL_SSL"
    assert told["sasl.mechanism"] == "SCRAM-SHA-512"
    assert told["sasl.password"] == "one"
    assert told["ssl.ca.location"] == "/ca.pem"
    password.write_text("two\n")
    assert words(settings, print)["sasl.password"] == "two"
    password.unlink()
    with (
        closing(Sink(settings, new_stream())) as sink,
        pytest.raises(SinkUnavailableError, match="password cannot be read"),
    ):
        sink.cursor()


@pytest.mark.parametrize(
    "wrong",
    [
        {"brokers": ()},
        {"brokers": ("kafka",)},
        {"brokers": ("kafka:9092,other:9092",)},
        {"cert_file": "c"},
        {"username": "edge"},
        {"timeout_s": 0.5},
        {"look_back": 0},
    ],
    ids=str,
)
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Settings(**{"brokers": ("kafka:9092",), **wrong})
