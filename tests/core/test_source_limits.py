"""Limits of a source, quarantine, and the features of its traffic."""

from collections import Counter
from math import log1p

import pytest

from gateway.adapters.mqtt_inbox import Inbox
from gateway.core import quarantine
from gateway.core.messages import Message
from gateway.core.quarantine import MOST, Quarantine, Quarantined, Why
from gateway.core.source_limits import DAY_MS, TOPICS, Gate, Over, SourceLimits
from gateway.core.traffic import FEATURES, Tally, deviations


def message(
    topic: str = "z/plug", payload: bytes = b"{}", mono_ms: int = 0, qos: int = 0
) -> Message:
    return Message("local", topic, payload, qos, False, False, 0, mono_ms)


@pytest.mark.parametrize(
    ("given", "over"),
    [
        (message(payload=b"x" * 100), None),
        (message(payload=b"x" * 101), Over.PAYLOAD),
        (message(topic="t" * 32), None),
        (message(topic="t" * 33), Over.TOPIC),
    ],
)
def test_what_is_too_large_is_over_its_limit(given: Message, over: Over | None) -> None:
    assert Gate(SourceLimits(max_payload=100, max_topic=32), ()).admit(given) is over


def test_a_burst_passes_and_then_the_rate_holds() -> None:
    gate = Gate(SourceLimits(messages_per_second=10, burst=50), ())
    passed = [gate.admit(message(mono_ms=10 * at)) for at in range(1_000)]  # 100 a second
    assert 140 <= passed.count(None) <= 150
    assert set(passed) == {None, Over.RATE}
    assert gate.admit(message(mono_ms=60_000)) is None


def test_a_rate_of_zero_is_no_limit() -> None:
    gate = Gate(SourceLimits(messages_per_second=0, device_per_second=0), ())
    heard = gate.welcome("plug", 0)
    assert heard is not None
    assert not any(gate.admit(message()) or gate.floods(heard, 0) for _ in range(10_000))


def test_unmapped_devices_are_limited_and_mapped_ones_are_not() -> None:
    gate = Gate(SourceLimits(max_devices=3), ["plug"])
    welcome = [gate.welcome(f"fake {at}", 1_000) is not None for at in range(5)]
    assert welcome == [True, True, True, False, False]
    assert gate.welcome("plug", 1_000) is not None
    later = 2 * DAY_MS
    assert gate.welcome("new", later) is not None
    assert "plug" in gate.devices
    assert "fake 0" not in gate.devices


def test_a_flood_of_topics_does_not_fill_the_memory() -> None:
    gate = Gate(SourceLimits(), ())
    for at in range(TOPICS + 100):
        gate.admit(message(f"z/{at}"))
    assert len(gate._topics) == TOPICS


def test_overload_takes_from_those_who_have_most() -> None:
    inbox = Inbox(100)
    inbox.add([message(f"quiet/{at}") for at in range(20)], [])
    inbox.add([message(f"loud/{at}") for at in range(500)], [])
    left = [one.topic for one in inbox.take()]
    assert len(left) == 100
    assert Counter(topic.partition("/")[0] for topic in left) == {"quiet": 20, "loud": 80}
    assert left[-1] == "loud/499"
    assert inbox.counters["overload"] == 420


def test_two_that_are_equally_loud_lose_equally_much() -> None:
    inbox = Inbox(100)
    inbox.add([message(f"{'ab'[at % 2]}/{at}") for at in range(300)], [])
    left = Counter(one.topic[0] for one in inbox.take())
    assert left == {"a": 50, "b": 50}


def held(device: str, mono_ms: int = 0, boot: str = "b1") -> Quarantined:
    return Quarantined("zigbee", device, Why.FLOOD, "too many", 5, mono_ms, boot, 60_000)


def test_quarantine_ends_by_time_and_is_bounded() -> None:
    one = Quarantine()
    gone = [one.put(held(str(at), at)) for at in range(MOST + 1)]
    assert [left and left.device for left in gone[-2:]] == [None, "0"]
    assert [out.device for out in one.over(60_001)] == ["1"]
    assert one.release("zigbee", "1") is not None
    assert one.get("zigbee", "1") is None


def test_quarantine_survives_a_restart_and_what_is_damaged_does_not_harm() -> None:
    text = quarantine.to_json(held("plug", 1_000))
    assert quarantine.restored(text, "b1", 9_000) == held("plug", 1_000)
    other = quarantine.restored(text, "b2", 9_000)
    assert other is not None
    assert other.left_ms(9_000) == 60_000
    assert quarantine.restored("{", "b1", 0) is None
    assert quarantine.restored('{"why": "flood"}', "b1", 0) is None


def test_a_frame_counter_that_goes_back_is_counted_and_a_new_session_is_not() -> None:
    gate = Gate(SourceLimits(), ())
    heard = gate.welcome("0101", 0)
    assert heard is not None
    for frame, missed in ((5, None), (6, 0), (9, 2), (9, 0), (2, 0), (1, None), (5_000, 4_998)):
        gate.frame(heard, frame, missed)
    assert (gate.tally.backward, gate.tally.missed) == (3, 2)


def test_a_closed_period_gives_its_counts_and_the_next_one_begins() -> None:
    tally = Tally(messages=9, bytes=2_048, rejects=3)
    features = dict(zip(FEATURES, tally.close(), strict=True))
    assert features["messages"] == pytest.approx(log1p(9))
    assert features["kilobytes"] == pytest.approx(log1p(2))
    assert set(tally.close()) == {0.0}


def test_a_deviation_names_the_feature_its_value_and_what_is_usual() -> None:
    features = (log1p(500), *(0.0,) * 7)
    state = (log1p(20), *(0.0,) * 7, *(0.01,) * 8, 100.0)
    first = deviations(features, state)[0]
    assert (first.feature, first.value, first.usual) == ("messages", 500.0, 20.0)
    assert first.spreads > 8
