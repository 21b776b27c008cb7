"""What holds for every radio bridge, whatever arrives."""

import json
from contextlib import suppress
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway import registry
from gateway.core.messages import Message, Presence, Reject, Result, Roster, Uplink
from gateway.core.ports import Order
from gateway.core.topics import overlaps
from gateway.errors import EncodeError

KINDS = ("zigbee2mqtt", "chirpstack", "thethings", "tasmota")
EUI = "0011223344556677"
TOPICS = {
    "zigbee2mqtt": [
        "zigbee2mqtt/a/b",
        "zigbee2mqtt/a",
        "zigbee2mqtt/a/availability",
        *(
            f"zigbee2mqtt/bridge/{x}"
            for x in ("state", "info", "devices", "event", "logging", "log")
        ),
    ],
    "chirpstack": [
        f"application/a/device/{EUI}/event/{event}"
        for event in ("up", "join", "ack", "txack", "log", "status", "location", "integration")
    ],
    "thethings": [
        f"v3/a@t/devices/d/{event}"
        for event in ("up", "join", "down/sent", "down/ack", "down/failed", "location/solved")
    ],
    "tasmota": ["tele/a/SENSOR", "tele/a/STATE", "tele/a/LWT", "stat/a/RESULT", "stat/a/POWER"],
}
WORDS = {
    "zigbee2mqtt": "action_x device ieeeAddr update state last_seen battery linkquality config"
    " advanced availability friendly_name definition exposes type features access data level error"
    " message meta online",
    "chirpstack": "deviceInfo devEui devEUI rxInfo nsTime rssi snr fCnt devAddr time object"
    " objectJSON queueItemId acknowledged level ERROR code context queue_item_id batteryLevel",
    "thethings": "end_device_ids device_id uplink_message normalized_payload time f_cnt"
    " session_key_id correlation_ids rx_metadata last_battery_percentage value downlink_ack"
    " downlink_failed downlink error join_accept location_solved simulated",
    "tasmota": "Time TempUnit F Temperature ZbReceived Name 0402_0000 POWER Wifi Signal Pressure"
    " PressureUnit StatusSNS Command",
}

quickly = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def bridge(kind):
    found = registry.find("bridges", kind)
    return found("source", found.Settings())


def said(topic, payload):
    return Message(
        "b", topic, payload, 1, retain=False, dup=False, received_at_ms=0, received_mono_ms=0
    )


@cache
def trees(kind):
    words = st.sampled_from(WORDS[kind].split())
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | words
    return st.recursive(
        leaves,
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(words | st.text(max_size=3), inner, max_size=4)
        ),
        max_leaves=10,
    )


@pytest.mark.parametrize("kind", KINDS)
@quickly
@given(data=st.data())
def test_no_bytes_on_any_topic_raise(kind, data):
    topic = data.draw(st.sampled_from(TOPICS[kind]) | st.text(max_size=30))
    events = bridge(kind).decode(said(topic, data.draw(st.binary(max_size=60))))
    assert all(isinstance(event, Uplink | Presence | Roster | Result | Reject) for event in events)


@pytest.mark.parametrize("kind", KINDS)
@quickly
@given(data=st.data())
def test_no_document_of_any_shape_raises(kind, data):
    made = bridge(kind)
    for _ in range(3):
        topic = data.draw(st.sampled_from(TOPICS[kind]))
        made.decode(said(topic, json.dumps(data.draw(trees(kind))).encode()))


@pytest.mark.parametrize("kind", KINDS)
@quickly
@given(data=st.data())
def test_an_order_is_said_or_refused_and_its_own_topic_is_no_reading(kind, data):
    made = bridge(kind)
    device = data.draw(st.sampled_from(["a", EUI]) | st.text(max_size=8))
    values = {data.draw(st.sampled_from(["a", "POWER", ""])): data.draw(trees(kind))}
    order = Order("x", device, values, 0, options={"port": 1})
    sent = ()
    with suppress(EncodeError):
        sent = made.encode(order)
    assert not any(out.retain for out in sent)
    assert [made.decode(said(out.topic, out.payload)) for out in sent] == [()] * len(sent)


@pytest.mark.parametrize("kind", KINDS)
@quickly
@given(data=st.data())
def test_any_uplink_can_be_held_against_any_order(kind, data):
    order = Order("x", EUI, {"a": data.draw(trees(kind))}, 0)
    assert bridge(kind).confirms(order, Uplink(EUI, data.draw(trees(kind)))) in {True, False}


@pytest.mark.parametrize("kind", KINDS)
def test_the_filters_of_a_source_never_overlap(kind):
    filters = [one.filter for one in bridge(kind).subscriptions()]
    pairs = [(a, b) for at, a in enumerate(filters) for b in filters[at + 1 :]]
    assert not any(overlaps(a, b) for a, b in pairs)
