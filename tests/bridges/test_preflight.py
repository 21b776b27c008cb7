"""Pre-flight: what no bridge may say, whatever its registry knows, and what each registry adds."""

import base64
import json
import math

import pytest

from gateway import registry
from gateway.core.messages import Message
from gateway.core.ports import Order
from gateway.errors import EncodeError

EUI = "0011223344556677"
ID = "1bbcab1d-6ec6-4136-b3f5-d63be1dc08de"
APP = "plant@ttn"
ANY = {"type": "strange", "name": "level", "property": "level", "access": 7}


def said(topic, tree, mono_ms=0):
    return Message(
        "b", topic, json.dumps(tree).encode(), 1, retain=False, dup=False, received_at_ms=0,
        received_mono_ms=mono_ms,
    )  # fmt: skip


def zigbee(*exposes):
    device = {
        "friendly_name": "pump",
        "ieee_address": "0x1",
        "type": "Router",
        "supported": True,
        "interview_state": "SUCCESSFUL",
        "definition": {"model": "M", "exposes": list(exposes or (ANY,))},
    }
    return made("zigbee2mqtt", said("zigbee2mqtt/bridge/devices", [device]))


def chirpstack(*messages, **settings):
    return made("chirpstack", *messages, application_id="a", **settings)


def thethings(*messages, **settings):
    return made("thethings", *messages, application=APP, **settings)


def made(kind, *messages, **settings):
    found = registry.find("bridges", kind)
    bridge = found("source", found.Settings(**settings))
    for message in messages:
        bridge.decode(message)
    return bridge


BRIDGES = {
    "zigbee2mqtt": (zigbee, "pump", {}),
    "chirpstack": (chirpstack, EUI, {"port": 2}),
    "thethings": (thethings, "pump", {"port": 2}),
    "tasmota": (lambda: made("tasmota"), "pump", {}),
    "json": (lambda: made("json", topic="{device}/up", command_topic="{device}/set"), "pump", {}),
    "text": (lambda: made("text", command_topic="{device}/{property}/set"), "pump", {}),
}


def order(kind, *, device=None, options=None, **values):
    _, name, usual = BRIDGES[kind]
    return Order(ID, name if device is None else device, values, 0, options=options or usual)


def refusal(bridge, wanted):
    with pytest.raises(EncodeError) as caught:
        bridge.encode(wanted)
    return caught.value.reason


DEEP = {"a": 1}
for _ in range(20):
    DEEP = {"a": DEEP}
UGLY = [
    math.nan,
    math.inf,
    -math.inf,
    float("1e999"),
    10**400,
    2**63,
    -(2**63),
    "\0",
    "ON\nOFF",
    "\x1b[2J",
    "\ud800",
    "x" * 5_000,
    b"ON",
    object(),
    {"a", "b"},
    [math.nan],
    {"a": math.inf},
    {1: 2},
    {"a\n": 1},
    DEEP,
    "toggle",
    " TOGGLE ",
    "Blink",
]


@pytest.mark.parametrize("value", UGLY, ids=[f"ugly{place}" for place in range(len(UGLY))])
@pytest.mark.parametrize("kind", BRIDGES)
def test_no_bridge_says_an_ugly_value(kind, value):
    assert refusal(BRIDGES[kind][0](), order(kind, level=value)) in {"value", "toggle"}


@pytest.mark.parametrize("kind", BRIDGES)
@pytest.mark.parametrize(
    "device", ["", "#", "a+", "a/#", "a\0", "a\nb", "\ud800", "/a", "a/", "a//b"]
)
def test_no_bridge_writes_to_a_name_that_is_no_topic(kind, device):
    assert refusal(BRIDGES[kind][0](), order(kind, device=device, level=1)) == "topic"


@pytest.mark.parametrize("kind", BRIDGES)
def test_no_bridge_says_an_ugly_option_or_key(kind):
    bridge = BRIDGES[kind][0]()
    options = {**BRIDGES[kind][2], "other": math.nan}
    assert refusal(bridge, order(kind, options=options, level=1)) == "value"
    for key in ("", "a\nb", "\ud800"):
        assert refusal(bridge, order(kind, **{key: 1})) == "value"


@pytest.mark.parametrize("kind", BRIDGES)
@pytest.mark.parametrize("value", [0, -0.0, 1, 55.5, -3, 1e-9, True, False, "ON", "a b", "ü"])
def test_what_is_said_is_what_was_meant(kind, value):
    wanted = order(kind, level=value)
    (out,) = BRIDGES[kind][0]().encode(wanted)
    assert not out.retain
    if kind in {"tasmota", "text"}:
        assert out.payload.decode().lower() in {str(value).lower(), "on", "off", "0", "-0.0"}
        return
    tree = json.loads(out.payload)
    tree = tree["downlinks"][0]["decoded_payload"] if kind == "thethings" else tree
    tree = tree["object"] if kind == "chirpstack" else tree
    assert (tree["level"], type(tree["level"])) == (value, type(value))


# -- Zigbee2MQTT: exposes -------------------------------------------------------------------------


def numeric(**fields):
    return {"type": "numeric", "name": "level", "property": "level", "access": 7, **fields}


@pytest.mark.parametrize(
    ("expose", "value", "reason"),
    [
        (numeric(access=1), 5, "not_settable"),
        (numeric(access=5), 5, "not_settable"),
        (numeric(access=2), 5, None),
        (numeric(value_min=0, value_max=100), -1, "value"),
        (numeric(value_min=0, value_max=100), 100.5, "value"),
        (numeric(value_min=0, value_max=100), "1e2", None),
        (numeric(value_min=0, value_max=100), "٣", "value"),
        (numeric(value_min=0, value_max=100), "1_0", "value"),
        (numeric(value_min=0, value_max=100), True, "value"),
        (numeric(value_min=0, value_max=100), [5], "value"),
        (numeric(value_min=5, value_max=30, value_step=0.5), 21.5, None),
        (numeric(value_min=5, value_max=30, value_step=0.5), 21.3, "value"),
        (numeric(value_step=0), 21.3, None),
        (numeric(value_max=9, value_step=2, presets=[{"name": "p", "value": 65535}]), 65535, None),
    ],
)
def test_a_number_is_held_against_access_range_and_step(expose, value, reason):
    bridge, wanted = zigbee(expose), order("zigbee2mqtt", level=value)
    if reason is None:
        assert bridge.encode(wanted)
    else:
        assert refusal(bridge, wanted) == reason


def listed(item_type, **fields):
    return {"type": "list", "name": "level", "property": "level", "access": 7,
            "item_type": item_type, **fields}  # fmt: skip


@pytest.mark.parametrize(
    ("item_type", "value", "reason"),
    [
        ({"type": "numeric"}, [1, 2.5], None),
        ({"type": "numeric"}, [1, True], "value"),
        ({"type": "numeric"}, ["1"], "value"),
        ("number", [1, "x"], None),
        ("text", [1], "value"),
        ({"type": "composite"}, [{"a": 1}], None),
        ({"type": "composite"}, [{}], "value"),
        ({"type": "list"}, [[1]], None),
        ({"type": "list"}, [1], "value"),
        ({"type": "binary"}, [1], "value"),
        (7, ["anything"], None),
    ],
)
def test_the_items_of_a_list_are_of_its_kind(item_type, value, reason):
    bridge, wanted = zigbee(listed(item_type)), order("zigbee2mqtt", level=value)
    if reason is None:
        assert bridge.encode(wanted)
    else:
        assert refusal(bridge, wanted) == reason


def test_an_option_never_carries_a_property_past_the_registry():
    switch = {"type": "binary", "name": "state", "property": "state", "access": 1}
    wanted = order("zigbee2mqtt", options={"state": "ON"}, level=1)
    assert refusal(zigbee(ANY, switch), wanted) == "option"


# -- LoRaWAN: size and class ----------------------------------------------------------------------


def data(size):
    return base64.b64encode(bytes(size)).decode()


@pytest.mark.parametrize(("kind", "make"), [("chirpstack", chirpstack), ("thethings", thethings)])
def test_a_downlink_holds_what_the_slowest_data_rate_does_or_what_the_file_says(kind, make):
    assert make().encode(order(kind, data=data(51)))
    assert refusal(make(), order(kind, data=data(52))) == "size"
    assert refusal(make(), order(kind, data="")) == "size"
    assert make(downlink_bytes=222).encode(order(kind, data=data(222)))
    assert refusal(make(downlink_bytes=11), order(kind, data=data(12))) == "size"
    for size in (0, 243):
        with pytest.raises(ValueError, match="downlink_bytes"):
            make(downlink_bytes=size)


def up(count, mono_ms, cls="A"):
    info = {"devEui": EUI, "applicationId": "a", "deviceClassEnabled": f"CLASS_{cls}"}
    tree = {"deviceInfo": info, "fCnt": count, "devAddr": "1", "object": {}}
    return said(f"application/a/device/{EUI}/event/up", tree, mono_ms)


def tts_up(count, mono_ms):
    ids = {"device_id": "pump"}
    part = {"session_key_id": "S", "f_cnt": count, "decoded_payload": {}}
    tree = {"end_device_ids": ids, "uplink_message": part}
    return said(f"v3/{APP}/devices/pump/up", tree, mono_ms)


def waiting(kind, deadline_ms, **options):
    wanted = order(kind, options={"port": 2, **options}, valve=1)
    return Order(**{field: getattr(wanted, field) for field in wanted.__slots__}
                 | {"deadline_ms": deadline_ms})  # fmt: skip


def test_a_sleeping_device_gets_no_order_that_is_void_before_it_listens():
    for_class = {cls: chirpstack(*(up(n, n * 600_000, cls) for n in range(3))) for cls in "ABC"}
    assert refusal(for_class["A"], waiting("chirpstack", 30_000)) == "class"
    assert for_class["A"].encode(waiting("chirpstack", 300_000))
    assert for_class["A"].encode(waiting("chirpstack", 0))
    assert for_class["B"].encode(waiting("chirpstack", 30_000))
    assert for_class["C"].encode(waiting("chirpstack", 30_000))
    assert chirpstack(up(0, 0)).encode(waiting("chirpstack", 30_000))


def test_of_the_things_stack_the_file_tells_the_class():
    bridge = thethings(*(tts_up(n, n * 600_000) for n in range(3)))
    assert refusal(bridge, waiting("thethings", 30_000)) == "class"
    assert bridge.encode(waiting("thethings", 300_000))
    on = waiting("thethings", 30_000, **{"class": "C"})
    assert bridge.encode(on)
    assert (bridge.deadline_s(on), bridge.deadline_s(waiting("thethings", 0))) == (30, 1200)
    assert refusal(bridge, waiting("thethings", 30_000, **{"class": "A"})) == "class"
