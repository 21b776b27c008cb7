import json

import pytest

from gateway.bridges.tasmota import Bridge, Settings
from gateway.core.messages import Evidence, Message, Origin, Presence, Reject, Result, Uplink
from gateway.core.ports import Order
from gateway.core.topics import matches
from gateway.errors import ConfigError, EncodeError


def said(topic, payload, *, retain=False):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message("local", topic, body, 0, retain, dup=False, received_at_ms=0, received_mono_ms=0)


def bridge(*messages, **settings):
    made = Bridge("sockets", Settings(**settings))
    for message in messages:
        made.decode(message)
    return made


def order(device="pump", options=None, **values):
    return Order("id", device, values, 0, options=options)


def published(messages):
    return [(out.topic, out.payload, out.retain) for out in messages]


def refusal(made, wanted):
    with pytest.raises(EncodeError) as caught:
        made.encode(wanted)
    return caught.value.reason


def test_time_is_local_and_unused_without_a_zone():
    message = said("tele/pump/SENSOR", {"Time": "2024-07-01T12:00:00", "A": 1})
    (blind,) = bridge().decode(message)
    assert (blind.measured_at_ms, blind.origin) == (None, Origin.NONE)
    (known,) = bridge(zone="Europe/Berlin").decode(message)
    assert (known.measured_at_ms, known.origin) == (1_719_828_000_000, Origin.SAMPLE)


@pytest.mark.parametrize("zone", ["Europe/Atlantis", "../etc/passwd", "Europe"])
def test_a_zone_that_is_none_is_the_users_mistake(zone):
    with pytest.raises(ConfigError, match="time zone"):
        bridge(zone=zone)


@pytest.mark.parametrize(
    ("tree", "expected"),
    [
        (
            {"A": {"Temperature": 212}, "TempUnit": "F"},
            {"A": {"Temperature": 100}, "TempUnit": "C"},
        ),
        ({"A": {"Temperature": 21}, "TempUnit": "C"}, {"A": {"Temperature": 21}, "TempUnit": "C"}),
        (
            {"A": {"Temperature": [32, None]}, "TempUnit": "F"},
            {"A": {"Temperature": [0, None]}, "TempUnit": "C"},
        ),
        (
            {"A": {"Pressure": 750}, "PressureUnit": "mmHg"},
            {"A": {"Pressure": 999.918}, "PressureUnit": "hPa"},
        ),
        (
            {"A": {"Pressure": True}, "PressureUnit": "inHg"},
            {"A": {"Pressure": True}, "PressureUnit": "hPa"},
        ),
        ({"A": {"Temperature": "x"}, "TempUnit": 5}, {"A": {"Temperature": "x"}, "TempUnit": 5}),
    ],
)
def test_values_come_in_degc_and_hpa_whatever_the_device_shows(tree, expected):
    (found,) = bridge().decode(said("tele/oven/SENSOR", tree))
    assert found.values == expected


def test_one_change_of_a_relay_is_read_once():
    made = bridge()
    assert len(made.decode(said("stat/pump/POWER", b"ON"))) == 1
    (result,) = made.decode(said("stat/pump/RESULT", {"POWER": "OFF"}))
    assert result.values == {"POWER": "OFF"}
    assert made.decode(said("stat/pump/POWER", b"OFF")) == ()
    assert len(made.decode(said("stat/other/POWER2", b"OFF"))) == 1


@pytest.mark.parametrize(
    ("topic", "payload", "values"),
    [
        ("stat/pump/POWER", {"POWER": "ON"}, {"POWER": "ON"}),
        ("stat/pump/STATUS8", {"StatusSNS": {"A": 1}}, {"A": 1}),
        ("stat/pump/STATUS11", {"StatusSTS": {"POWER": "ON"}}, {"POWER": "ON"}),
        ("stat/pump/STATUS", {"Status": {"A": 1}}, None),
        ("stat/pump/LOGGING", b"x", None),
        ("stat/pump/POWER", b"", None),
        ("stat/pump/RESULT", b"", None),
        ("tele/pump/SENSOR", b"", None),
        ("tele/pump/INFO1", {"Info1": {}}, None),
    ],
)
def test_other_answers_are_read_where_they_hold_values(topic, payload, values):
    events = bridge().decode(said(topic, payload))
    assert [event.values for event in events] == ([] if values is None else [values])


def test_each_zigbee_device_is_an_uplink_of_its_own():
    received = {"0x1": {"Name": "Hall", "Power": 1}, "0x2": {"0402_0000": -150}, "0x3": 5}
    found = bridge().decode(said("tele/hub/SENSOR", {"ZbReceived": received}))
    assert [one.device for one in found] == ["Hall", "0x2"]
    assert found[1].values["Temperature"] == -1.5


@pytest.mark.parametrize(
    ("key", "raw", "name", "value"),
    [
        ("0402_0000", 2240, "Temperature", 22.4),
        ("0402/0000", 2240, "Temperature", 22.4),
        ("0405_0000", 5000, "Humidity", 50.0),
        ("0001_0021", 180, "BatteryPercentage", 90.0),
        ("0006_0000", 1, "Power", 1),
        ("0402_0000", -32768, "Temperature", None),
        ("0402_0000", "x", "Temperature", None),
        ("FFFF_0000", 1, "Temperature", None),
    ],
)
def test_common_raw_attributes_get_their_name(key, raw, name, value):
    said_raw = {"ZbReceived": {"0x1": {key: raw}}}
    (found,) = bridge().decode(said("tele/hub/SENSOR", said_raw))
    assert found.values.get(name) == value
    assert found.values[key] == raw


def test_a_zigbee_device_is_commanded_through_its_coordinator():
    heard = said("tele/hub/SENSOR", {"ZbReceived": {"0x1": {"Name": "Hall", "Power": 1}}})
    deep = said("tele/hub/8F20/SENSOR", {"ZbReceived": {"0x8F20": {"Power": 1}}})
    made = bridge(heard, deep)
    (out,) = made.encode(order("Hall", Power="On"))
    assert out.topic == "cmnd/hub/ZbSend"
    assert json.loads(out.payload) == {"Device": "Hall", "Send": {"Power": "On"}}
    assert made.encode(order("0x8F20", Power="On"))[0].topic == "cmnd/hub/ZbSend"
    assert made.encode(order("new", {"zigbee": "hub2"}, Power=1))[0].topic == "cmnd/hub2/ZbSend"
    (ask,) = made.ask(order("Hall", Power="On"))
    assert json.loads(ask.payload) == {"Device": "Hall", "Read": {"Power": True}}
    assert made.confirms(order("Hall", Power="On"), Uplink("Hall", {"Power": 1}))
    assert made.deadline_s(order("Hall")) == 12


def test_a_value_is_written_as_text_and_never_retained():
    made = bridge()
    assert published(made.encode(order(POWER2=True))) == [("cmnd/pump/POWER2", b"ON", False)]
    assert published(made.encode(order(Dimmer=55.5))) == [("cmnd/pump/Dimmer", b"55.5", False)]
    two = published(made.encode(order(POWER="off", Dimmer=1)))
    assert [payload for _, payload, _ in two] == [b"off", b"1"]
    assert published(made.ask(order(POWER="off"))) == [("cmnd/pump/POWER", b"", False)]
    assert made.deadline_s(order()) == 5
    assert made.device("pump") is None


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"POWER": "toggle"}, "toggle"),
        ({"POWER": 2}, "value"),
        ({"POWER": "blink"}, "toggle"),
        ({"Dimmer": "+"}, "toggle"),
        ({"Dimmer": "<"}, "toggle"),
        ({"Dimmer": float("nan")}, "value"),
        ({"POWER": ""}, "value"),
        ({"Dimmer": ""}, "value"),
        ({"Dimmer": "1\n2"}, "value"),
        ({"Dimmer": None}, "value"),
        ({"Dimmer": {"a": 1}}, "value"),
        ({"a/b": 1}, "not_settable"),
        ({}, "empty"),
    ],
)
def test_what_asks_toggles_or_says_nothing_is_refused(values, reason):
    assert refusal(bridge(), order(**values)) == reason


def test_presence_is_told_by_the_will_and_forbids_commands():
    made = bridge()
    gone = made.decode(said("tele/pump/LWT", b"Offline", retain=True))
    assert gone == (Presence("pump", online=False),)
    assert refusal(made, order(POWER="ON")) == "offline"
    assert made.decode(said("tele/pump/LWT", b"Online")) == (Presence("pump", online=True),)
    assert made.encode(order(POWER="ON"))
    assert made.decode(said("tele/pump/LWT", b"")) == (Presence("pump", online=None),)


@pytest.mark.parametrize(
    ("wanted", "values", "same"),
    [
        ({"POWER": "on"}, {"POWER": "ON"}, True),
        ({"POWER1": True}, {"POWER": "ON"}, True),
        ({"Power": 0}, {"POWER": "OFF"}, True),
        ({"POWER2": "ON"}, {"POWER": "ON"}, False),
        ({"Dimmer": "55"}, {"Dimmer": 55}, True),
        ({"POWER": "ON"}, {"Time": "x"}, False),
        ({"POWER": "ON"}, None, False),
    ],
)
def test_a_state_is_compared_by_value(wanted, values, same):
    assert bridge().confirms(order(**wanted), Uplink("pump", values)) is same


def test_an_unknown_command_is_a_failure():
    (result,) = bridge().decode(said("stat/pump/RESULT", {"Command": "Unknown"}))
    assert result == Result(Evidence.FAILED, device="pump", detail="command: Unknown")


@pytest.mark.parametrize(
    ("full_topic", "telemetry", "command"),
    [
        ("%prefix%/%topic%/", "tele/a/SENSOR", "cmnd/a/POWER"),
        ("%topic%/%prefix%/", "a/tele/SENSOR", "a/cmnd/POWER"),
        ("plant/%prefix%/%topic%", "plant/tele/a/SENSOR", "plant/cmnd/a/POWER"),
    ],
)
def test_the_order_of_the_topic_is_the_users(full_topic, telemetry, command):
    made = bridge(full_topic=full_topic)
    assert made.decode(said(telemetry, {"A": 1}))[0].device == "a"
    assert made.encode(order("a", POWER="ON"))[0].topic == command
    filters = [one.filter for one in made.subscriptions()]
    assert any(matches(filter_, telemetry) for filter_ in filters)
    assert not any(matches(filter_, command) for filter_ in filters)


def test_a_topic_needs_both_tokens_and_no_unknown_ones_to_command():
    with pytest.raises(ConfigError):
        bridge(full_topic="%topic%/")
    made = bridge(full_topic="%hostname%/%prefix%/%topic%/")
    assert refusal(made, order(POWER="ON")) == "topic"


def test_commands_are_dropped_and_retained_ones_shown():
    made = bridge()
    assert made.decode(said("cmnd/pump/POWER", b"on")) == ()
    (ghost,) = made.decode(said("cmnd/pump/POWER", b"on", retain=True))
    assert (ghost.reason, ghost.device) == ("retained_command", "pump")


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("tele/pump/SENSOR", b"[]", "shape"),
        ("tele/pump/SENSOR", b"{", "json"),
        ("tele/pump/LWT", b"maybe", "shape"),
        ("stat/pump/RESULT", b"5", "shape"),
        ("other/pump/SENSOR", b"{}", "topic"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_reason(topic, payload, reason):
    (event,) = bridge().decode(said(topic, payload))
    assert isinstance(event, Reject)
    assert event.reason == reason
