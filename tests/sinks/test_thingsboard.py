"""ThingsBoard's gateway API, before a front that keeps to its documents, and to no more."""

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gateway.core.batches import Batch, Stream, pack
from gateway.errors import SinkRefusedError, SinkUnavailableError
from gateway.sinks import thingsboard
from tests.fakes.strict_broker import THINGSBOARD, StrictBroker
from tests.sinks.contract import AT_MS, cut, new_stream, reading

TOKEN = "A1_TEST_TOKEN"
RULES = replace(THINGSBOARD, lets_in=lambda _client, user, _password: user == TOKEN)


@pytest.fixture
def token(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    return file


@contextmanager
def _opened(
    broker: StrictBroker, stream: Stream, token: Path, **more: Any
) -> Iterator[thingsboard.Sink]:
    given: dict[str, Any] = {"messages_per_s": 50.0, "timeout_s": 5.0} | more
    settings = thingsboard.Settings("127.0.0.1", str(token), port=broker.port, tls=False, **given)
    with closing(thingsboard.Sink(settings, stream)) as sink:
        sink.cursor()
        yield sink


def _kept(broker: StrictBroker) -> dict[tuple[str, str, int], Any]:
    """What ThingsBoard has: by device, key and time, the last one counts."""
    kept = {}
    for topic, payload in broker.taken:
        if topic != thingsboard.TELEMETRY:
            continue
        for device, entries in json.loads(payload).items():
            for entry in entries:
                for key, value in entry["values"].items():
                    kept[device, key, entry["ts"]] = value
    return kept


def _said(broker: StrictBroker, topic: str) -> list[Any]:
    return [json.loads(payload) for name, payload in broker.taken if name == topic]


def test_readings_are_telemetry_of_their_asset(token: Path) -> None:
    stream = new_stream()
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        assert sink.send(cut(stream, 0, 10)).cursor.seq == 10
        assert broker.faults == []
        assert len(_said(broker, thingsboard.TELEMETRY)) == 1
        assert _kept(broker) == {
            (f"pump-{n % 7}", "power", AT_MS + n * 10): n + 0.25 for n in range(1, 11)
        }


def test_every_kind_of_row_has_its_keys(token: Path) -> None:
    stream = new_stream()
    summary = {"at_ms": AT_MS, "asset": "a", "metric": "power", "n": 60, "low": 1, "high": 3}
    rows = [
        {**reading(1), "asset": "a", "value": None, "reason": "range"},
        {**reading(2), "asset": "a", "value": 9.5, "reason": "flatline"},
        {**reading(3), "asset": "a", "metric": "door", "value": "open"},
        {**summary, "kind": "reading_1m", "mean": 2.0, "last": 2.5},
        {"kind": "alert", "at_ms": AT_MS, "asset": "a", "body": {"text": "hot"}},
        {"kind": "health", "at_ms": AT_MS, "body": {"state": "ok"}},
    ]
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        sink.send(pack(stream, 0, rows, ""))
        assert _kept(broker) == {
            ("a", "power_reason", AT_MS + 10): "range",
            ("a", "power_reason", AT_MS + 20): "flatline",
            ("a", "door", AT_MS + 30): "open",
            ("a", "power", AT_MS): 2.0,
            ("a", "power_low", AT_MS): 1,
            ("a", "power_high", AT_MS): 3,
            ("a", "power_n", AT_MS): 60,
            ("a", "alert", AT_MS): {"seq": 5, "at_ms": AT_MS, "body": {"text": "hot"}},
            ("north", "health", AT_MS): {"seq": 6, "at_ms": AT_MS, "body": {"state": "ok"}},
        }


def test_devices_are_introduced_once_a_connection(token: Path) -> None:
    stream = new_stream()
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        sink.send(cut(stream, 0, 20))
        sink.send(cut(stream, 20, 20))
        hellos = _said(broker, thingsboard.CONNECT)
        assert hellos == [{"device": f"pump-{n}", "type": "edge-asset"} for n in range(7)]
        assert {"pump-3": {"gateway": "north", "epoch": stream.epoch}} in _said(
            broker, thingsboard.ATTRIBUTES
        )
        sink.cursor()
        sink.send(cut(stream, 40, 20))
        assert len(_said(broker, thingsboard.CONNECT)) == 14


def test_no_message_is_longer_than_the_server_takes(token: Path) -> None:
    stream = new_stream()
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        assert not sink.send(cut(stream, 0, 5_000)).refused
        assert broker.faults == []
        assert len(_kept(broker)) == 5_000
        sizes = [len(told) for name, told in broker.taken if name == thingsboard.TELEMETRY]
    assert 30_000 < max(sizes) <= 60_000


def test_a_row_too_long_is_refused_and_its_neighbours_go(token: Path) -> None:
    stream = new_stream()
    long = {"kind": "alert", "at_ms": 1, "body": "x" * 70_000}
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        answer = sink.send(cut(stream, 0, 3, row_1=long))
        assert [row.seq for row in answer.refused] == [2]
        assert len(_kept(broker)) == 2


def test_what_is_sent_again_is_there_once(token: Path) -> None:
    stream, batch = new_stream(), cut(new_stream(), 0, 600)
    small = {"max_bytes": 2_000, "timeout_s": 0.5}
    with StrictBroker(RULES) as broker, _opened(broker, stream, token, **small) as sink:
        broker.mute_after = 20
        with pytest.raises(SinkUnavailableError):
            sink.send(batch)
        broker.mute_after = None
        sink.cursor()
        assert sink.send(batch).cursor.seq == 600
        assert len(_kept(broker)) == 600


def test_who_has_no_token_is_not_let_in(token: Path) -> None:
    stream = new_stream()
    with StrictBroker(RULES) as broker:
        token.write_text("another\n")
        _does_not_open(broker, stream, token, "let us in")
        token.unlink()
        _does_not_open(broker, stream, token, "No such file")


def _does_not_open(broker: StrictBroker, stream: Stream, token: Path, why: str) -> None:
    with pytest.raises(SinkUnavailableError, match=why), _opened(broker, stream, token):
        pass


def test_what_is_no_batch_is_refused(token: Path) -> None:
    stream, batch = new_stream(), cut(new_stream(), 0)
    broken = Batch(batch.header, batch.payload[:-9])
    with StrictBroker(RULES) as broker, _opened(broker, stream, token) as sink:
        with pytest.raises(SinkRefusedError):
            sink.send(broken)
        sink.close()
        with pytest.raises(SinkUnavailableError):
            sink.send(batch)


@pytest.mark.parametrize("wrong", [{"max_bytes": 10}, {"messages_per_s": 0}, {"host": ""}])
def test_settings_that_do_not_fit_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        thingsboard.Settings(**({"host": "a", "token_file": "/token"} | wrong))
