import json

import pytest

from gateway.bridges.zigbee2mqtt import Bridge, Settings
from gateway.bridges.zigbee2mqtt.states import ASIDE
from gateway.core.messages import (
    Evidence,
    Message,
    Presence,
    Reason,
    Reject,
    Result,
    Roster,
    Uplink,
)
from gateway.core.ports import Order
from gateway.errors import EncodeError


def said(topic, payload, *, retain=False):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Message("local", topic, body, 0, retain, dup=False, received_at_ms=0, received_mono_ms=0)


def generic(kind, name, access, **fields):
    return {"type": kind, "name": name, "property": name, "access": access, **fields}


LEVELS = generic(
    "composite",
    "level_config",
    7,
    features=[generic("binary", "execute_if_off", 7, value_on=True, value_off=False)],
)
SWITCH = {
    "type": "switch",
    "features": [generic("binary", "state", 7, value_on="ON", value_off="OFF", value_toggle="T")],
}
EXPOSES = [
    SWITCH,
    LEVELS,
    generic("numeric", "limit", 3, value_min=5, value_max=30, presets=[{"name": "p", "value": 99}]),
    generic("enum", "mode", 7, values=["off", "on", 3]),
    generic("enum", "effect", 2, values=["blink"]),
    generic("list", "days", 2, length_min=1, length_max=2, item_type={"type": "text"}),
    generic("text", "label", 2),
    generic("strange", "other", 2),
    generic("numeric", "power", 5, unit="W"),
    {"type": "numeric", "name": "battery", "endpoint": "l1", "access": 1},
    {"no": "name"},
    "nonsense",
]


def entry(name, **fields):
    return {
        "friendly_name": name,
        "ieee_address": "0x01",
        "type": "Router",
        "supported": True,
        "disabled": False,
        "interview_state": "SUCCESSFUL",
        "power_source": "Mains (single phase)",
        "definition": {"model": "P1", "exposes": EXPOSES},
        **fields,
    }


DEVICES = [
    entry("plug"),
    entry("a/b"),
    entry("sensor", power_source="Battery"),
    entry("off", disabled=True),
    entry("alien", definition=None),
    entry("new", interview_state="PENDING"),
    entry("old", interview_state=None, interview_completed=True, interviewing=False),
    entry("boss", type="Coordinator"),
]


def bridge(*messages, registry=True):
    made = Bridge("zigbee", Settings())
    if registry:
        made.decode(said("zigbee2mqtt/bridge/devices", DEVICES, retain=True))
    for message in messages:
        made.decode(message)
    return made


def order(device="plug", options=None, **values):
    return Order("id", device, values, 0, options=options)


def refusal(made, wanted):
    with pytest.raises(EncodeError) as caught:
        made.encode(wanted)
    return caught.value.reason


def test_the_registry_lists_flat_features_and_leaves_the_coordinator_out():
    (roster,) = bridge(registry=False).decode(said("zigbee2mqtt/bridge/devices", DEVICES))
    assert isinstance(roster, Roster)
    assert roster.complete
    names = [device.device for device in roster.devices]
    assert names == ["plug", "a/b", "sensor", "off", "alien", "new", "old"]
    features = {feature.property: feature for feature in roster.devices[0].features}
    assert list(features)[:3] == ["state", "level_config", "level_config.execute_if_off"]
    assert features["state"].values == ("ON", "OFF")
    assert features["effect"].settable
    assert not features["effect"].readable
    assert features["power"].unit == "W"
    assert features["battery_l1"].readable
    assert (features["limit"].low, features["limit"].high) == (5.0, 30.0)
    assert features["other"].kind == "any"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"state": "ON"}, None),
        ({"state": "on"}, "value"),
        ({"state": True}, "value"),
        ({"state": "toggle"}, "toggle"),
        ({"limit": 5}, None),
        ({"limit": "30"}, None),
        ({"limit": 30.5}, "value"),
        ({"limit": 99}, None),
        ({"limit": "on"}, "value"),
        ({"limit": True}, "value"),
        ({"limit": float("nan")}, "value"),
        ({"mode": "off"}, None),
        ({"mode": 3}, None),
        ({"mode": "3"}, None),
        ({"mode": "auto"}, "value"),
        ({"level_config": {"execute_if_off": True}}, None),
        ({"level_config": {"execute_if_off": 1}}, "value"),
        ({"level_config": {"other": 1}}, "value"),
        ({"level_config": {}}, "value"),
        ({"level_config.execute_if_off": True}, "not_settable"),
        ({"days": ["mo"]}, None),
        ({"days": []}, "value"),
        ({"days": "mo"}, "value"),
        ({"label": "x"}, None),
        ({"label": 1}, "value"),
        ({"other": object()}, "value"),
        ({"power": 5}, "not_settable"),
        ({"unheard": 5}, "not_settable"),
        ({}, "empty"),
    ],
)
def test_an_order_must_be_legal_by_the_registry(values, reason):
    made, wanted = bridge(), order(**values)
    if reason is None:
        (out,) = made.encode(wanted)
        assert out.topic == "zigbee2mqtt/plug/set"
        assert json.loads(out.payload) == values
        assert not out.retain
    else:
        assert refusal(made, wanted) == reason


@pytest.mark.parametrize(
    ("device", "reason"),
    [
        ("nobody", "unknown_device"),
        ("off", "disabled"),
        ("alien", "unsupported"),
        ("new", "interviewing"),
        ("pl+ug", "topic"),
        ("", "topic"),
    ],
)
def test_an_order_to_a_device_that_cannot_obey_is_refused(device, reason):
    assert refusal(bridge(), order(device, state="ON")) == reason


def test_an_order_waits_for_bridge_device_and_update():
    offline = said("zigbee2mqtt/bridge/state", {"state": "offline"})
    gone = said("zigbee2mqtt/plug/availability", {"state": "offline"})
    back = said("zigbee2mqtt/plug/availability", b"online")
    flashed = said("zigbee2mqtt/plug", {"update": {"state": "updating"}})
    done = said("zigbee2mqtt/plug", {"update": {"state": "idle"}})
    assert refusal(bridge(offline), order(state="ON")) == "bridge_offline"
    assert refusal(bridge(gone), order(state="ON")) == "offline"
    assert refusal(bridge(flashed), order(state="ON")) == "updating"
    assert bridge(gone, back, flashed, done).encode(order(state="ON"))


def test_without_a_registry_no_order_passes_and_a_cleared_registry_is_kept():
    assert refusal(bridge(registry=False), order("nobody", anything=1)) == "no_registry"
    assert bridge().decode(said("zigbee2mqtt/bridge/devices", b"", retain=True)) == ()
    assert refusal(bridge(said("zigbee2mqtt/bridge/devices", b"")), order("x", a=1))


def test_options_go_beside_the_values():
    (out,) = bridge().encode(order(options={"transition": 2}, state="ON"))
    assert json.loads(out.payload) == {"transition": 2, "state": "ON"}


@pytest.mark.parametrize(
    ("wanted", "values", "same"),
    [
        ({"brightness": "200"}, {"brightness": 200, "state": "ON"}, True),
        ({"brightness": 200}, {"brightness": 190}, False),
        ({"state": "ON"}, {"state": "on"}, True),
        ({"state": "ON", "limit": 5}, {"state": "ON"}, False),
        ({"color": {"x": 0.1}}, {"color": {"x": 0.1, "y": 0.2}}, True),
        ({"days": ["mo"]}, {"days": ["mo"]}, True),
        ({"days": ["mo"]}, {"days": ["tu"]}, False),
        ({"label": "a"}, {"label": None}, False),
    ],
)
def test_an_echo_is_compared_by_value(wanted, values, same):
    made = bridge()
    assert made.confirms(order(**wanted), Uplink("plug", values)) is same
    assert not made.confirms(order(**wanted), Uplink("other", values))


def test_only_what_can_be_got_is_asked_for():
    made = bridge()
    (out,) = made.ask(order(state="ON", limit=5))
    assert (out.topic, json.loads(out.payload)) == ("zigbee2mqtt/plug/get", {"state": ""})
    assert made.ask(order(limit=5)) == ()
    assert made.ask(order("sensor", state="ON")) == ()
    assert made.ask(order("nobody", state="ON")) == ()


def at(mono_ms, topic, tree):
    return said(topic, tree)._replace(received_mono_ms=mono_ms)


def test_a_sleeping_device_gets_the_time_of_its_check_in():
    made = bridge()
    assert made.deadline_s(order("plug", state="ON")) == 12
    assert made.deadline_s(order("sensor", state="ON")) == 7200
    for mono_ms in (0, 1_000, 601_000, 602_000, 1_203_000):
        made.decode(at(mono_ms, "zigbee2mqtt/sensor", {"temperature": 20}))
    assert made.deadline_s(order("sensor", state="ON")) == pytest.approx(1_202, rel=0.01)


def test_a_device_that_sleeps_for_a_week_is_not_waited_for_so_long():
    made = bridge()
    for day in (0, 7):
        made.decode(at(day * 86_400_000, "zigbee2mqtt/sensor", {"temperature": 20}))
    assert made.deadline_s(order("sensor", state="ON")) == 2 * 86_400


@pytest.mark.parametrize(
    ("before", "now", "cached", "answer"),
    [
        ({"power": 9}, {"power": 9, "linkquality": 80, "last_seen": 5}, True, True),
        ({"power": 9}, {"power": 800}, True, False),
        ({}, {"power": 800}, True, False),
        ({"power": 9}, {"power": 800}, False, True),
    ],
)
def test_a_state_that_something_else_caused_is_no_answer(before, now, cached, answer):
    shown = [{"state": "ON", **values} for values in (before, now)]
    uplink = Uplink("plug", shown[1], cached=cached, aside=ASIDE)
    assert bridge().answers(order(state="ON"), uplink, shown[0]) is answer


def test_last_seen_advances_only_when_it_moves_on():
    made = bridge()
    stamps = [1_700_000_000_000, 1_700_000_000_000, "2023-11-14T23:13:21+01:00", None, 1]
    steps = [made.decode(said("zigbee2mqtt/plug", {"a": 1, "last_seen": at}))[0] for at in stamps]
    assert [step.seen_advanced for step in steps] == [False, False, True, False, False]


def test_buttons_and_actions_are_always_fresh():
    (uplink,) = bridge().decode(said("zigbee2mqtt/plug", {"action_side": 1, "power": 2}))
    assert {"action", "action_side"} <= uplink.fresh
    assert "power" not in uplink.fresh


@pytest.mark.parametrize(
    ("topic", "device", "values"),
    [
        ("plug/power", "plug", {"power": "58.1"}),
        ("a/b/power", "a/b", {"power": "58.1"}),
        ("unheard/of/power", "unheard/of", {"power": "58.1"}),
    ],
)
def test_a_scalar_is_an_attribute_of_the_levels_before_it(topic, device, values):
    (uplink,) = bridge().decode(said(f"zigbee2mqtt/{topic}", b"58.1"))
    assert (uplink.device, {k: str(v) for k, v in uplink.values.items()}) == (device, values)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("plug", b"5", "shape"),
        ("a/b", b"5", "shape"),
        ("a/b/c", b"[1]", "shape"),
        ("plug/power", b'{"a":', "json"),
        ("plug", b"\xff", "utf8"),
        ("plug/availability", b"maybe", "shape"),
        ("plug/availability", b'{"state":1}', "shape"),
        ("bridge/devices", b"{}", "shape"),
        ("bridge/event", b"[]", "shape"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_reason(topic, payload, reason):
    (event,) = bridge().decode(said(f"zigbee2mqtt/{topic}", payload))
    assert isinstance(event, Reject)
    assert event.reason == reason


def test_a_value_that_the_state_brings_too_is_read_once():
    told = {"config": {"advanced": {"output": "attribute_and_json"}}}
    made = bridge(said("zigbee2mqtt/bridge/info", told))
    assert made.decode(said("zigbee2mqtt/plug/power", b"5")) == ()


def test_without_a_cache_values_are_fresh():
    told = {"config": {"advanced": {"cache_state": False, "last_seen": "ISO_8601"}}}
    made = bridge(said("zigbee2mqtt/bridge/info", told))
    assert not made.decode(said("zigbee2mqtt/plug", {"a": 1}))[0].cached


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, []),
        ({"advanced": {"last_seen": "ISO_8601"}, "availability": {"enabled": True}}, []),
        ({"advanced": {"last_seen": "epoch"}, "availability": True}, []),
        (
            {"advanced": {}, "availability": {"enabled": False}},
            ["advanced.last_seen: ISO_8601", "cache_state: false", "availability.enabled: true"],
        ),
        (
            {
                "advanced": {"last_seen": "epoch", "output": "attribute"},
                "availability": {},
                "device_options": {},
            },
            ["advanced.output: json", "device_options.qos: 1"],
        ),
    ],
)
def test_settings_that_cost_something_are_named_with_their_remedy(config, words):
    (roster,) = bridge().decode(said("zigbee2mqtt/bridge/info", {"config": config}))
    assert not roster.complete
    assert len(roster.warnings) == len(words)
    for warning, word in zip(roster.warnings, words, strict=True):
        assert word in warning


@pytest.mark.parametrize(
    ("message", "device", "key"),
    [
        ("z2m: Publish 'set' 'state' to 'plant/l 3' failed: 'Error: no'", "plant/l 3", "state"),
        ("Publish 'set' 'a' to 'it's mine' failed: 'x'", "it's mine", "a"),
        ("z2m: No converter available for 'foo' on 'plug': (1)", "plug", "foo"),
        ("z2m: Entity 'nobody' is unknown", "nobody", ""),
        ("z2m: Cannot publish to unsupported device 'alien'", "alien", ""),
        ("z2m: Device 'plug' has no endpoint 'l9'", "plug", ""),
    ],
)
def test_a_failed_command_is_found_in_the_log(message, device, key):
    line = {"level": "error", "message": message, "namespace": "z2m"}
    (result,) = bridge().decode(said("zigbee2mqtt/bridge/logging", line))
    assert (result.evidence, result.device, result.key) == (Evidence.FAILED, device, key)
    assert isinstance(result, Result)


@pytest.mark.parametrize(
    "line",
    [
        {"level": "info", "message": "MQTT publish: topic 'zigbee2mqtt/plug', payload '{}'"},
        {"level": "error", "message": "MQTT publish: topic 'x' Entity 'y' is unknown"},
        {"level": "warning", "message": "Entity 'y' is unknown, no 'error'", "x": "error"},
        {"level": "error", "message": "Publish 'get' 'state' to 'plug' failed: 'x'"},
        {"level": "error", "message": 5},
        ["error"],
    ],
)
def test_other_lines_of_the_log_are_no_news(line):
    assert bridge().decode(said("zigbee2mqtt/bridge/logging", line)) == ()


@pytest.mark.parametrize(
    ("message", "meta", "expected"),
    [
        ("Publish 'set' 'state' to 'x' failed: 'y'", {"friendly_name": "plug"}, ("plug", "state")),
        ("Something else", {"friendly_name": "plug"}, ("plug", "")),
        ("Publish 'get' 'state' to 'x' failed: 'y'", {"friendly_name": "plug"}, None),
        ("Entity 'x' is unknown", None, ("x", "")),
    ],
)
def test_the_log_of_1x_names_the_device_beside_the_text(message, meta, expected):
    line = {"type": "zigbee_publish_error", "message": message, "meta": meta}
    events = bridge().decode(said("zigbee2mqtt/bridge/log", line))
    assert [(event.device, event.key) for event in events] == ([expected] if expected else [])


@pytest.mark.parametrize(
    "topic",
    ["plug/set", "a/b/set", "plug/set/state", "plug/l1/get", "plant/set/pump", "bridge/request/x"],
)
def test_a_command_is_never_a_reading_and_a_retained_one_is_shown(topic):
    made = bridge()
    assert made.decode(said(f"zigbee2mqtt/{topic}", {"state": "ON"})) == ()
    assert made.decode(said(f"zigbee2mqtt/{topic}", b"", retain=True)) == ()
    (event,) = made.decode(said(f"zigbee2mqtt/{topic}", {"state": "ON"}, retain=True))
    assert event.reason == "retained_command"


def test_presence_follows_join_leave_and_cleared_topics():
    made = bridge()
    left = {"type": "device_leave", "data": {"friendly_name": "plug"}}
    looked = {"type": "device_interview", "data": {"friendly_name": "plug"}}
    assert made.decode(said("zigbee2mqtt/bridge/event", left)) == (Presence("plug", online=False),)
    assert made.decode(said("zigbee2mqtt/bridge/event", looked)) == ()
    assert made.decode(said("zigbee2mqtt/bridge/state", b"")) == (Presence("", online=None),)
    assert made.decode(said("zigbee2mqtt/plug", b"", retain=True)) == ()


def test_a_device_being_flashed_spoils_its_values():
    (uplink,) = bridge().decode(said("zigbee2mqtt/plug", {"update": {"state": "updating"}}))
    assert uplink.reason is Reason.UPDATING


def test_a_device_block_introduces_a_device_once():
    made = bridge(registry=False)
    block = {"device": {"ieeeAddr": "0x02", "model": "M", "powerSource": "Battery"}, "a": 1}
    first, _ = made.decode(said("zigbee2mqtt/door", block))
    assert first.devices[0].battery
    assert made.device("door").address == "0x02"
    assert len(made.decode(said("zigbee2mqtt/door", block))) == 1


def test_the_base_topic_is_the_users():
    made = Bridge("z", Settings(base="home/z2m/"))
    assert [one.filter for one in made.subscriptions()] == ["home/z2m/#"]
    assert made.decode(said("home/z2m/plug", {"a": 1}))[0].device == "plug"
    assert made.decode(said("zigbee2mqtt/plug", {"a": 1}))[0].reason == "topic"


def test_a_json_null_is_no_value_and_no_reject():
    assert bridge().decode(said("zigbee2mqtt/plug", b"null")) == ()
    assert bridge().decode(said("zigbee2mqtt/plug/power", b"null")) == ()


def test_a_last_seen_from_the_future_does_not_stop_later_ones():
    made = bridge()
    stamps = [1_700_000_000_000, 4_070_908_800_000, 1_700_000_001_000, 1_700_000_002_000]
    steps = [made.decode(said("zigbee2mqtt/plug", {"last_seen": at}))[0] for at in stamps]
    assert [step.seen_advanced for step in steps] == [False, True, False, True]
