import json
import struct

import pytest

from gateway.bridges.chirpstack import Bridge, Settings
from gateway.core.messages import (
    Evidence,
    Message,
    Origin,
    Presence,
    Reject,
    Result,
    Roster,
    Uplink,
)
from gateway.core.ports import Order
from gateway.errors import ConfigError, EncodeError

EUI = "0011223344556677"
APP = "9c7c5a1e-0000-4000-8000-000000000001"
ID = "6f1b0f0e-1111-4222-8333-444444444444"
INFO = {"devEui": EUI, "applicationId": APP, "deviceClassEnabled": "CLASS_A"}


def said(event, payload, *, mono_ms=0, eui=EUI, kind="event"):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    topic = f"application/{APP}/device/{eui}/{kind}/{event}"
    return Message(
        "local", topic, body, 0, retain=False, dup=False, received_at_ms=0, received_mono_ms=mono_ms
    )


def up(count=1, mono_ms=0, address="01020304", info=None, **fields):
    tree = {"deviceInfo": info or INFO, "devAddr": address, "fCnt": count, **fields}
    return said("up", tree, mono_ms=mono_ms)


def bridge(*messages):
    made = Bridge("lora", Settings())
    for message in messages:
        made.decode(message)
    return made


def uplink(made, message):
    return next(event for event in made.decode(message) if isinstance(event, Uplink))


def order(device=EUI, command_id=ID, options=None, **values):
    return Order(command_id, device, values, 1_700_000_000_123, options=options or {"port": 10})


def refusal(made, wanted):
    with pytest.raises(EncodeError) as caught:
        made.encode(wanted)
    return caught.value.reason


def test_a_gap_in_the_frame_counter_is_counted_until_the_device_joins():
    made = bridge()
    counts = [5, 6, 9, 9, 2]
    links = [uplink(made, up(count)).link.get("missed_frames") for count in counts]
    assert links == [None, 0, 2, 0, 0]
    made.decode(said("join", {"deviceInfo": INFO}))
    assert "missed_frames" not in uplink(made, up(40)).link
    assert "missed_frames" not in uplink(made, up(80, address="0a0b0c0d")).link


def test_the_best_reception_is_the_link():
    heard = [{"rssi": -90, "snr": 9}, {"rssi": -60}, {"snr": 30}, {"rssi": None}, 5]
    assert uplink(bridge(), up(rxInfo=heard)).link == {"rssi": -60, "snr": 0}


def test_the_servers_clock_is_preferred():
    when = {"time": "2024-01-01T00:00:00Z", "rxInfo": [{"nsTime": "2024-01-01T00:01:00.5+00:00"}]}
    found = uplink(bridge(), up(**when))
    assert (found.measured_at_ms, found.origin) == (1_704_067_260_500, Origin.SERVER)


def test_without_a_servers_key_the_frame_and_its_time_name_the_uplink():
    assert uplink(bridge(), up(time="t")).dedup == f"{EUI}|01020304|1|t"
    assert uplink(bridge(), up()).dedup is None


def test_a_device_is_introduced_once_and_when_it_changes():
    made = bridge()
    first = made.decode(up(1))
    assert isinstance(first[0], Roster)
    assert not first[0].complete
    assert first[0].devices[0].battery
    assert len(made.decode(up(2))) == 1
    moved = {**INFO, "deviceClassEnabled": "CLASS_C"}
    assert isinstance(made.decode(up(3, info=moved))[0], Roster)
    assert made.device(EUI.upper()).downlink_class == "C"
    assert made.device("x") is None


def test_a_command_carries_our_id_and_expires():
    made = bridge(up())
    (out,) = made.encode(order(valve=1))
    assert out.topic == f"application/{APP}/device/{EUI}/command/down"
    assert json.loads(out.payload) == {
        "id": ID,
        "devEui": EUI,
        "confirmed": True,
        "fPort": 10,
        "object": {"valve": 1},
        "expiresAt": "2023-11-14T22:13:20.123Z",
    }


def test_data_alone_is_sent_as_bytes():
    (out,) = bridge(up()).encode(order(data="AQI="))
    assert json.loads(out.payload)["data"] == "AQI="


@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        (order(), "empty"),
        (order(valve="TOGGLE"), "toggle"),
        (order(data="not base64!"), "value"),
        (order(data="ü"), "value"),
        (order(data=5), "value"),
        (order(valve=float("inf")), "value"),
        (order(options={"port": 0}, valve=1), "port"),
        (order(options={"other": 1}, valve=1), "port"),
        (order(options={"port": True}, valve=1), "port"),
        (order(options={"port": "256"}, valve=1), "port"),
        (order(command_id="x", valve=1), "id"),
        (order("0000000000000001", valve=1), "unknown_device"),
        (order("pump", valve=1), "unknown_device"),
    ],
)
def test_a_command_that_would_get_no_answer_is_refused(wanted, reason):
    assert refusal(bridge(up()), wanted) == reason


def test_a_port_may_be_text_and_an_unheard_device_may_be_told_its_application():
    made = Bridge("lora", Settings(application_id=APP))
    (out,) = made.encode(order(options={"port": "7"}, valve=1))
    assert json.loads(out.payload)["fPort"] == 7


def test_an_acknowledgement_that_is_missing_is_a_failure():
    made = bridge(up())
    done = {"deviceInfo": INFO, "queueItemId": ID, "acknowledged": True}
    assert made.decode(said("ack", done)) == (Result(Evidence.CONFIRMED, ID, EUI),)
    (missing,) = made.decode(said("ack", {"deviceInfo": INFO, "queueItemId": ID}))
    assert (missing.evidence, missing.command_id) == (Evidence.FAILED, ID)
    sent = made.decode(said("txack", {"deviceInfo": INFO, "queueItemId": ID}))
    assert sent == (Result(Evidence.SENT, ID, EUI),)


@pytest.mark.parametrize(
    ("log", "command_id"),
    [
        ({"level": "ERROR", "code": "EXPIRED", "context": {"queue_item_id": ID}}, ID),
        ({"level": "ERROR", "code": "DOWNLINK_GATEWAY", "description": "TOO_LATE"}, ""),
        ({"level": "ERROR", "code": "UPLINK_MIC", "context": {}}, None),
        ({"level": "INFO", "code": "DOWNLINK_GATEWAY"}, None),
    ],
)
def test_only_a_refused_downlink_of_the_log_is_news(log, command_id):
    events = bridge(up()).decode(said("log", {"deviceInfo": INFO, **log}))
    assert [event.command_id for event in events] == ([] if command_id is None else [command_id])


def test_a_battery_level_counts_when_there_is_a_battery():
    made = bridge()
    full = {"deviceInfo": INFO, "margin": 7, "batteryLevel": 88.5}
    assert uplink(made, said("status", full)).link == {"battery": 88.5}
    for flag in ("externalPowerSource", "batteryLevelUnavailable"):
        assert uplink(made, said("status", {**full, flag: True})).link == {}


def test_the_deadline_follows_class_and_rhythm():
    made = bridge()
    assert made.deadline_s(order()) == 7200
    for count in range(3):
        made.decode(up(count, mono_ms=600_000 * count))
    assert made.deadline_s(order()) == 1200
    made.decode(up(5, mono_ms=600_000 * 5))  # two were lost
    assert made.deadline_s(order()) == 1200
    made.decode(up(6, info={**INFO, "deviceClassEnabled": "CLASS_C"}))
    assert made.deadline_s(order()) == 30


def test_the_next_uplink_may_show_what_was_ordered():
    made = bridge()
    assert made.confirms(order(valve="ON"), Uplink(EUI, {"object": {"valve": True}}))
    assert not made.confirms(order(valve=1), Uplink(EUI, {"object": {"valve": 0}}))
    assert not made.confirms(order(valve=1), Uplink(EUI, {"valve": 1}))
    assert not made.confirms(order(valve=1), Uplink(EUI, None))
    assert made.ask(order(valve=1)) == ()


def test_commands_and_empty_messages_are_no_news():
    made = bridge()
    assert made.decode(said("down", {"id": ID}, kind="command")) == ()
    assert made.decode(said("up", b"")) == ()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said("up", b"[]"), "shape"),
        (said("up", b"{"), "json"),
        (said("up", b"\x80"), "utf8"),
        (said("tomorrow", {}), "topic"),
        (said("up", {}, eui="pump"), "shape"),
        (said("up", b"\x0a\x24" + b"x" * 10), "protobuf"),
        (said("up", b"\x0a\x03abc"), "protobuf"),
        (said("up", b"\x0b\x03abc"), "json"),
        (said("up", b"\x12" * 300_000), "size"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_reason(message, reason):
    (event,) = bridge().decode(message)
    assert isinstance(event, Reject)
    assert event.reason == reason


def test_the_prefix_is_the_users():
    made = Bridge("lora", Settings(application="site/lora/"))
    assert [one.filter for one in made.subscriptions()] == ["site/lora/+/device/+/event/+"]
    assert made.decode(up())[0].reason == "topic"
    with pytest.raises(ConfigError):
        Bridge("lora", Settings(application="a#"))


# protobuf, written by hand: tag, then a varint or a length and bytes


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value & (1 << 64) - 1)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def entry(name, value):
    return field(1, field(1, name) + field(2, value))


WHEN = field(1, 1_700_000_000) + field(2, 250_000_000)
SENDER = field(3, APP) + field(6, "meter") + field(8, EUI) + field(9, field(1, "k") + field(2, "v"))
HEARD = field(6, -97) + varint(7 << 3 | 5) + struct.pack("<f", 8.2) + field(17, WHEN) + field(99, 1)
SAID = b"".join(
    [
        entry("power", b"\x11" + struct.pack("<d", 1200.0)),
        entry("label", field(3, "ok")),
        entry("on", field(4, 1)),
        entry("none", field(1, 0)),
        entry("bad", b"\x11" + struct.pack("<d", float("nan"))),
        entry("list", field(6, field(1, field(3, "a")) + field(1, field(4, 0)))),
        entry("deep", field(5, entry("x", field(3, "y")))),
    ]
)
PROTOBUF = b"".join(
    [
        field(1, "dedup-1"),
        field(2, WHEN),
        field(3, SENDER),
        field(4, "01020304"),
        field(5, 1),
        field(7, 300),
        field(8, 2),
        field(10, b"\xaa"),
        field(11, SAID),
        field(12, HEARD),
    ]
)


def test_an_event_in_protobuf_reads_like_the_same_in_json():
    found = uplink(bridge(), said("up", PROTOBUF))
    assert found.values["object"] == {
        "power": 1200.0,
        "label": "ok",
        "on": True,
        "none": None,
        "bad": None,
        "list": ["a", False],
        "deep": {"x": "y"},
    }
    assert found.values["data"] == "qg=="
    assert found.values["deviceInfo"]["tags"] == {"k": "v"}
    assert (found.device, found.dedup, found.frame) == (EUI, "dedup-1", 300)
    assert (found.measured_at_ms, found.origin) == (1_700_000_000_250, Origin.SERVER)
    assert found.link == {"rssi": -97, "snr": 8.2}


def test_other_events_in_protobuf_are_read_too():
    made = bridge()
    ack = field(2, WHEN) + field(3, SENDER) + field(4, ID) + field(5, 1)
    assert made.decode(said("ack", ack))[-1] == Result(Evidence.CONFIRMED, ID, EUI)
    context = field(6, field(1, "queue_item_id") + field(2, ID))
    log = field(1, WHEN) + field(2, SENDER) + field(3, 2) + field(4, 11) + context
    assert made.decode(said("log", log))[-1].detail.startswith("EXPIRED")
    join = field(1, "d") + field(2, WHEN) + field(3, SENDER)
    assert made.decode(said("join", join)) == (Presence(EUI, online=True),)


def test_a_server_that_speaks_protobuf_gets_no_json_command():
    made = bridge(said("up", PROTOBUF))
    assert refusal(made, order(valve=1)) == "protobuf"
    made.decode(up())
    assert made.encode(order(valve=1))


def test_protobuf_must_name_the_device_of_its_topic():
    (event,) = bridge().decode(said("up", PROTOBUF, eui="ffffffffffffffff"))
    assert (event.reason, "json = true" in event.detail) == ("protobuf", True)


def test_any_cut_of_a_protobuf_is_rejected_or_read_but_never_raises():
    for at in range(len(PROTOBUF)):
        for event in bridge().decode(said("up", PROTOBUF[:at])):
            assert isinstance(event, Reject | Roster | Uplink)


def test_v3_writes_the_object_as_text_and_the_eui_in_base64():
    tree = {
        "devEUI": "ABEiM0RVZnc=",
        "applicationID": "12",
        "objectJSON": '{"t":25}',
        "fCnt": 3,
        "rxInfo": [{"rssi": -48, "loRaSNR": 9, "time": "2024-01-01T00:00:00Z"}],
    }
    found = uplink(bridge(), said("up", tree))
    assert (found.device, found.values["object"]) == (EUI, {"t": 25})
    assert (found.measured_at_ms, found.origin) == (1_704_067_200_000, Origin.GATEWAY)
    broken = uplink(bridge(), said("up", {**tree, "objectJSON": "{"}))
    assert broken.values["object"] is None


def test_v3_tells_of_a_refused_downlink_in_an_error_event():
    tree = {"devEUI": EUI, "type": "DOWNLINK_GATEWAY", "error": "TOO_LATE"}
    (_, result) = bridge().decode(said("error", tree))
    assert (result.evidence, result.detail) == (Evidence.FAILED, "DOWNLINK_GATEWAY: TOO_LATE")
