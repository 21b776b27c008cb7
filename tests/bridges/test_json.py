import pytest

from gateway.bridges.declared import Time
from gateway.bridges.json import Bridge, Settings
from gateway.core.messages import Origin, Presence, Reason, Reject, Uplink
from gateway.core.ports import Order
from gateway.errors import EncodeError
from tests.fakes.payloads import message


def bridge(**settings):
    return Bridge("press", Settings(**settings))


def order(**fields):
    return Order("id", "line1", {"speed": 55.0, "run": True}, 1, **fields)


PLC = {"topic": "factory/{device}/plc"}


def test_the_device_is_in_the_topic():
    events = bridge(**PLC).decode(message("factory/line1/plc", b'{"a":1}'))
    assert events == (Uplink("line1", {"a": 1}),)


def test_the_device_is_in_the_document_of_several_parts():
    made = bridge(topic="rtl_433/+/events", device=("model", "id"))
    (event,) = made.decode(message("rtl_433/pi/events", b'{"model":"Nexus","id":42}'))
    assert event.device == "Nexus/42"


def test_the_device_is_a_key_of_the_document():
    made = bridge(topic="tele/+/SENSOR", each="ZbReceived.*")
    payload = b'{"ZbReceived":{"0x8F20":{"T":1},"0x1111":{"T":2}}}'
    events = made.decode(message("tele/x/SENSOR", payload))
    assert [(one.device, one.values) for one in events] == [
        ("0x8F20", {"T": 1}),
        ("0x1111", {"T": 2}),
    ]


def test_named_records_become_one_object_per_time():
    made = bridge(**PLC, each="[*]", name="n", value=("v",), time=Time("t", "epoch_s"))
    events = made.decode(
        message(
            "factory/line1/plc",
            b'[{"n":"a","v":1,"t":10},{"n":"b","v":null,"t":10},{"n":"a","v":2,"t":11},{"x":1}]',
        )
    )
    assert [(one.values, one.measured_at_ms, one.origin) for one in events] == [
        ({"a": 1, "b": None}, 10_000, Origin.SAMPLE),
        ({"a": 2}, 11_000, Origin.SAMPLE),
    ]


def test_each_record_of_a_message_has_its_own_dedup_key():
    made = bridge(**PLC, each="r[*]", dedup=("seq",))
    events = made.decode(message("factory/line1/plc", b'{"seq":7,"r":[{"a":1},{"a":2}]}'))
    assert [one.dedup for one in events] == ["7", "7#1"]


def test_a_dedup_key_with_a_part_missing_is_none():
    made = bridge(**PLC, dedup=("seq", "boot"))
    (event,) = made.decode(message("factory/line1/plc", b'{"seq":7}'))
    assert event.dedup is None


@pytest.mark.parametrize(
    ("flag", "reason"),
    [
        (b'"enable"', Reason.HISTORICAL),
        (b"true", Reason.HISTORICAL),
        (b"1", Reason.HISTORICAL),
        (b"false", Reason.OK),
        (b"null", Reason.OK),
    ],
)
def test_stored_data_sent_again_is_historical(flag, reason):
    made = bridge(**PLC, historical="retransmit")
    (event,) = made.decode(message("factory/line1/plc", b'{"a":1,"retransmit":' + flag + b"}"))
    assert event.reason is reason


@pytest.mark.parametrize(
    "topic",
    ["factory/line1/set", "factory/line1/get", "factory/line1/set/speed", "cmnd/x", "cmd/line1/do"],
)
def test_a_command_topic_is_dropped_before_anything_else(topic):
    made = bridge(topic="{device+}", command_topic="cmd/{device}/do")
    assert made.decode(message(topic, b'{"state":"ON"}')) == ()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [(b"{", "json"), (b"5", "shape"), (b"true", "shape"), (b'{"id":"a\\u0000"}', "device")],
)
def test_what_cannot_be_read_is_a_reject(payload, reason):
    made = bridge(**PLC, device=("id",))
    (event,) = made.decode(message("factory/line1/plc", payload))
    assert isinstance(event, Reject)
    assert event.reason == reason


@pytest.mark.parametrize("payload", [b"", b"null"])
def test_nothing_said_is_no_news(payload):
    assert bridge(**PLC).decode(message("factory/line1/plc", payload, retain=True)) == ()


def test_a_topic_that_is_not_declared_is_a_reject():
    (event,) = bridge(**PLC).decode(message("factory/line1/other", b"{}"))
    assert event.reason == "topic"


@pytest.mark.parametrize(
    ("payload", "event"),
    [
        (b"up", Presence("line1", online=True)),
        (b"down", Presence("line1", online=False)),
        (b"", Presence("line1", online=None)),
    ],
)
def test_presence_is_announced_in_declared_words(payload, event):
    made = bridge(**PLC, availability="factory/{device}/lwt", online="up", offline="down")
    assert made.decode(message("factory/line1/lwt", payload)) == (event,)
    assert made.decode(message("factory/line1/lwt", b"maybe"))[0].reason == "shape"


def test_without_a_device_the_whole_source_is_announced():
    made = bridge(**PLC, availability="factory/status")
    assert made.decode(message("factory/status", b"offline")) == (Presence("", online=False),)


def test_it_subscribes_to_what_is_declared_without_overlap():
    made = bridge(**PLC, availability="factory/{device}/lwt")
    assert [one.filter for one in made.subscriptions()] == ["factory/+/plc", "factory/+/lwt"]
    wide = bridge(**PLC, subscribe=("factory/#",), availability="factory/{device}/lwt")
    assert [one.filter for one in wide.subscriptions()] == ["factory/#"]


def test_an_order_is_one_object_or_one_message_per_property():
    (one,) = bridge(**PLC, command_topic="factory/{device}/set").encode(order())
    assert (one.topic, one.payload, one.retain) == (
        "factory/line1/set",
        b'{"speed":55.0,"run":true}',
        False,
    )
    two = bridge(**PLC, command_topic="factory/{device}/{property}/set").encode(order())
    assert [(out.topic, out.payload) for out in two] == [
        ("factory/line1/speed/set", b"55.0"),
        ("factory/line1/run/set", b"true"),
    ]


def test_an_order_needs_a_command_topic():
    with pytest.raises(EncodeError, match="no_command_topic"):
        bridge(**PLC).encode(order())


def test_an_order_is_confirmed_by_the_same_values_of_the_same_device():
    made = bridge(**PLC)
    assert made.confirms(order(), Uplink("line1", {"speed": 55, "run": True, "x": 1}))
    assert not made.confirms(order(), Uplink("line1", {"speed": 55}))
    assert not made.confirms(order(), Uplink("line2", {"speed": 55, "run": True}))
    assert made.ask(order()) == ()
    assert made.device("line1") is None
    assert made.deadline_s(order()) == 10.0


@pytest.mark.parametrize(
    ("settings", "wrong"),
    [
        ({"topic": "factory/plc"}, "nothing names the device"),
        ({"topic": "factory/{line}/plc"}, "{line}"),
        ({**PLC, "each": "a["}, "column 2"),
        ({**PLC, "command_topic": "x/{value}"}, "{value}"),
        ({**PLC, "subscribe": ("factory/+/x", "factory/y/+")}, "overlap"),
    ],
)
def test_settings_that_cannot_work_are_refused(settings, wrong):
    with pytest.raises(ValueError, match=wrong.replace("{", r"\{").replace("[", r"\[")):
        Settings(**settings)


def test_an_unknown_time_zone_is_refused():
    with pytest.raises(ValueError, match="Europe/Nowhere"):
        Time("t", zone="Europe/Nowhere")
