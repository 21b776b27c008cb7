import pytest

from gateway.bridges.declared import Time
from gateway.bridges.text import Bridge, Settings
from gateway.core.messages import Origin, Presence, Reason, Uplink
from gateway.core.ports import Order
from gateway.errors import EncodeError
from tests.fakes.payloads import message

ESPHOME = {"topic": "{device}/sensor/{metric}/state", "availability": "{device}/status"}


def bridge(**settings):
    return Bridge("esp", Settings(**settings))


def order(**values):
    return Order("id", "pump", values, 1)


def test_a_topic_names_device_and_metric():
    events = bridge(**ESPHOME).decode(message("pump/sensor/power/state", b"21.5\n"))
    assert events == (Uplink("pump", {"power": "21.5"}),)


def test_a_metric_may_have_a_fixed_name():
    made = bridge(topic="meters/{device}", metric="power", untrusted=True)
    (event,) = made.decode(message("meters/m1", b"5"))
    assert (event.device, event.values) == ("m1", {"power": "5"})
    assert event.reason is Reason.UNTRUSTED_RADIO


def test_a_line_has_columns_and_a_time():
    made = bridge(
        topic="vib/{device}",
        codec="csv",
        columns=("t", "x"),
        separator=";",
        time=Time("t", "epoch_s"),
    )
    (event,) = made.decode(message("vib/m1", b"10; 0.5"))
    assert (event.values, event.measured_at_ms, event.origin) == (
        {"x": "0.5"},
        10_000,
        Origin.SAMPLE,
    )
    assert made.decode(message("vib/m1", b"10;0.5;3"))[0].reason == "shape"


@pytest.mark.parametrize(("payload", "reason"), [(b"\xff", "utf8"), (b"a\0b", "shape")])
def test_what_is_no_text_is_a_reject(payload, reason):
    (event,) = bridge(**ESPHOME).decode(message("pump/sensor/power/state", payload))
    assert event.reason == reason


def test_an_empty_payload_is_no_zero():
    assert bridge(**ESPHOME).decode(message("pump/sensor/power/state", b"", retain=True)) == ()


def test_commands_are_dropped_and_strange_topics_rejected():
    made = bridge(**ESPHOME, command_topic="{device}/switch/{property}/command")
    assert made.decode(message("pump/switch/relay/command", b"ON")) == ()
    assert made.decode(message("pump/debug", b"[I]"))[0].reason == "topic"


def test_presence():
    assert bridge(**ESPHOME).decode(message("pump/status", b"online")) == (
        Presence("pump", online=True),
    )


@pytest.mark.parametrize(
    ("value", "payload"),
    [("ON", b"ON"), (True, b"true"), (False, b"false"), (55.0, b"55"), (21.5, b"21.5"), (3, b"3")],
)
def test_an_order_is_a_bare_value(value, payload):
    made = bridge(**ESPHOME, command_topic="{device}/switch/{property}/command")
    (out,) = made.encode(order(relay=value))
    assert (out.topic, out.payload, out.retain) == ("pump/switch/relay/command", payload, False)


@pytest.mark.parametrize(
    ("settings", "values", "reason"),
    [
        ({}, {"a": 1}, "no_command_topic"),
        ({"command_topic": "{device}/set"}, {"a": 1, "b": 2}, "value"),
        ({"command_topic": "{device}/set"}, {"a": [1]}, "value"),
        ({"command_topic": "{device}/{property}/set"}, {"a/#": 1}, "topic"),
        ({"command_topic": "{device}/set"}, {"a": "TOGGLE"}, "toggle"),
    ],
)
def test_an_order_that_cannot_be_said_is_refused(settings, values, reason):
    with pytest.raises(EncodeError) as caught:
        bridge(**ESPHOME, **settings).encode(order(**values))
    assert caught.value.reason == reason


def test_a_state_confirms_an_order():
    made = bridge(**ESPHOME)
    assert made.confirms(order(relay=True), Uplink("pump", {"relay": "ON"}))
    assert not made.confirms(order(relay=True), Uplink("pump", {"relay": "OFF"}))
    assert made.ask(order(relay=True)) == ()
    assert made.device("pump") is None
    assert made.deadline_s(order(relay=True)) == 10.0


def test_it_subscribes_to_its_topics():
    assert [one.filter for one in bridge(**ESPHOME).subscriptions()] == [
        "+/sensor/+/state",
        "+/status",
    ]


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"topic": "a/{metric}"}, "nothing names the device"),
        ({"codec": "csv"}, "columns"),
        ({"columns": ("a",)}, "columns"),
        ({"codec": "csv", "columns": ("a", "a")}, "different"),
        ({"codec": "csv", "columns": ("a", "b"), "time": Time("c")}, "no column 'c'"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, wrong):
    with pytest.raises(ValueError, match=wrong):
        Settings(**settings)
