import json

import pytest

from gateway.bridges.thethings import Bridge, Settings
from gateway.core.messages import (
    Evidence,
    Message,
    Origin,
    Presence,
    Reason,
    Reject,
    Result,
    Uplink,
)
from gateway.core.ports import Order
from gateway.errors import EncodeError

APP = "pumps@plant"
IDS = {"device_id": "pump-7", "dev_eui": "0011223344556677"}


def said(event, payload, *, mono_ms=0, retain=False):
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    topic = f"v3/{APP}/devices/pump-7/{event}"
    return Message(
        "ttn", topic, body, 0, retain, dup=False, received_at_ms=0, received_mono_ms=mono_ms
    )


def up(mono_ms=0, top=None, **fields):
    tree = {"end_device_ids": IDS, "uplink_message": fields, **(top or {})}
    return said("up", tree, mono_ms=mono_ms)


def bridge(*messages, application="+"):
    made = Bridge("ttn", Settings(application=application))
    for message in messages:
        made.decode(message)
    return made


def order(options=None, **values):
    return Order("c-1", "pump-7", values, 0, options=options or {"port": 15})


def downlink(kind, ids, **part):
    return said(
        f"down/{kind}",
        {"end_device_ids": IDS, f"downlink_{kind}": {"correlation_ids": ids, **part}},
    )


@pytest.mark.parametrize(
    ("fields", "top", "at_ms", "origin"),
    [
        (
            {"normalized_payload": [{"time": "2024-01-01T00:00:00Z"}]},
            {"received_at": "2024-01-01T00:00:09Z"},
            1_704_067_200_000,
            Origin.SAMPLE,
        ),
        (
            {
                "settings": {"time": "2024-01-01T00:00:01Z"},
                "rx_metadata": [{"gps_time": "2024-01-01T00:00:01Z"}],
                "received_at": "2024-01-01T00:00:02Z",
            },
            {},
            1_704_067_201_000,
            Origin.GATEWAY,
        ),
        (
            {
                "settings": {"time": "2024-01-01T00:00:01Z"},
                "received_at": "2024-01-01T00:00:02Z",
            },
            {"received_at": "2024-01-01T00:00:03Z"},
            1_704_067_202_000,
            Origin.SERVER,
        ),
        ({}, {"received_at": "2024-01-01T00:00:03Z"}, 1_704_067_203_000, Origin.SERVER),
        ({}, {}, None, Origin.NONE),
    ],
)
def test_times_are_trusted_in_this_order(fields, top, at_ms, origin):
    (found,) = bridge().decode(up(top=top, **fields))
    assert (found.measured_at_ms, found.origin) == (at_ms, origin)


def test_several_measurements_become_several_uplinks_oldest_first():
    payload = [
        {"time": "2024-01-01T00:10:00Z", "air": {"temperature": 2}},
        {"time": "2024-01-01T00:00:00Z", "air": {"temperature": 1}},
    ]
    top = {"correlation_ids": ["gs:uplink:A"]}
    found = bridge().decode(up(top=top, normalized_payload=payload, decoded_payload={"t": 2}))
    assert [one.values["normalized_payload"][0]["air"]["temperature"] for one in found] == [1, 2]
    assert [one.dedup for one in found] == ["gs:uplink:A#0", "gs:uplink:A"]
    assert [one.origin for one in found] == [Origin.SAMPLE] * 2
    assert ["decoded_payload" in one.values for one in found] == [False, True]


def test_measurements_without_a_time_stay_together():
    payload = [{"air": {"temperature": 2}}, {"air": {"temperature": 1}}]
    (found,) = bridge().decode(up(normalized_payload=payload))
    assert found.values["normalized_payload"] == payload


@pytest.mark.parametrize(
    ("ids", "fields", "key"),
    [
        (["as:up:B", "gs:uplink:Z", "gs:uplink:A"], {}, "gs:uplink:A"),
        (["as:up:B", 5], {}, "as:up:B"),
        ([], {"session_key_id": "S"}, "0011223344556677|S|0"),
        (None, {"session_key_id": "S", "f_cnt": 4}, "0011223344556677|S|4"),
        ([], {}, None),
    ],
)
def test_an_uplink_has_a_key(ids, fields, key):
    (found,) = bridge().decode(up(top={"correlation_ids": ids}, **fields))
    assert found.dedup == key


def test_an_old_battery_level_is_no_news():
    level = {"f_cnt": 3, "value": 80}
    (old,) = bridge().decode(up(f_cnt=4, last_battery_percentage=level))
    assert (old.link, "last_battery_percentage" in old.values) == ({}, False)
    (new,) = bridge().decode(up(f_cnt=3, last_battery_percentage=level))
    assert (new.link, "last_battery_percentage" in new.values) == ({"battery": 80}, True)


def test_lost_frames_are_counted_within_a_session_and_never_in_a_simulation():
    made = bridge()
    frames = [("S", 1), ("S", 4), ("T", 9)]
    links = [made.decode(up(session_key_id=s, f_cnt=c))[0].link for s, c in frames]
    assert [link.get("missed_frames") for link in links] == [None, 2, None]
    (mock,) = made.decode(up(top={"simulated": True}, session_key_id="T", f_cnt=90))
    assert (mock.reason, mock.link) == (Reason.SIMULATED, {})


def test_what_became_of_a_downlink_is_told_by_our_own_id():
    made, ours = bridge(), ["as:downlink:X", "edge-gateway:c-1"]
    assert made.decode(downlink("sent", ours)) == (Result(Evidence.SENT, "c-1", "pump-7"),)
    assert made.decode(downlink("ack", ours)) == (Result(Evidence.CONFIRMED, "c-1", "pump-7"),)
    assert made.decode(downlink("nack", ours)) == (Result(Evidence.NACK, "c-1", "pump-7"),)
    assert made.decode(downlink("queued", ours)) == ()
    failed = said(
        "down/failed",
        {
            "downlink_failed": {
                "downlink": {"correlation_ids": ours},
                "error": {"name": "too_long", "message_format": "payload is too long"},
            }
        },
    )
    (result,) = made.decode(failed)
    assert (result.evidence, result.command_id) == (Evidence.FAILED, "c-1")
    assert "too_long" in result.detail


def test_what_somebody_simulated_says_nothing_of_our_downlink():
    for event in ("sent", "ack", "nack"):
        message = downlink(event, ["edge-gateway:c-1"])
        tree = {**json.loads(message.payload), "simulated": True}
        message = message._replace(payload=json.dumps(tree).encode())
        (result,) = bridge().decode(message)
        assert result.command_id == "simulated"


def test_a_strangers_downlink_never_pairs_by_device():
    for ids in ([], ["as:downlink:X"], ["their-id"]):
        (result,) = bridge().decode(downlink("ack", ids))
        assert result.command_id not in {"", "c-1"}


def test_a_downlink_carries_our_id():
    made = bridge(up())
    (out,) = made.encode(order(valve=1))
    assert (out.topic, out.qos) == (f"v3/{APP}/devices/pump-7/down/push", 0)
    assert json.loads(out.payload) == {
        "downlinks": [
            {
                "f_port": 15,
                "decoded_payload": {"valve": 1},
                "priority": "NORMAL",
                "confirmed": True,
                "correlation_ids": ["edge-gateway:c-1"],
            }
        ]
    }
    (raw,) = bridge(application=APP).encode(order(data="AQI="))
    assert json.loads(raw.payload)["downlinks"][0]["frm_payload"] == "AQI="


@pytest.mark.parametrize(
    ("made", "wanted", "reason"),
    [
        (bridge(), order(valve=1), "unknown_device"),
        (bridge(up()), order({"port": 0}, valve=1), "port"),
        (bridge(up()), order({"port": 224}, valve=1), "port"),
        (bridge(up()), order(valve="toggle"), "toggle"),
        (bridge(up()), order(), "empty"),
    ],
)
def test_a_downlink_that_cannot_be_said_is_refused(made, wanted, reason):
    with pytest.raises(EncodeError) as caught:
        made.encode(wanted)
    assert caught.value.reason == reason


def test_the_next_uplink_may_show_what_was_ordered():
    made = bridge()
    assert made.confirms(order(valve=1), Uplink("pump-7", {"decoded_payload": {"valve": 1.0}}))
    assert not made.confirms(order(valve=1), Uplink("other", {"decoded_payload": {"valve": 1}}))
    assert made.ask(order(valve=1)) == ()
    assert made.device("pump-7") is None


def test_the_deadline_is_twice_the_interval():
    made = bridge()
    assert made.deadline_s(order()) == 7200
    for count in range(2):
        made.decode(up(mono_ms=900_000 * count, session_key_id="S", f_cnt=count))
    assert made.deadline_s(order()) == 1800


def test_join_location_and_service_data_are_read():
    made = bridge()
    join = {"end_device_ids": IDS, "join_accept": {"session_key_id": "S"}}
    assert made.decode(said("join", join)) == (Presence("pump-7", online=True),)
    place = {
        "location_solved": {"location": {"latitude": 1}},
        "received_at": "2024-01-01T00:00:00Z",
    }
    (found,) = made.decode(said("location/solved", place))
    assert found.values["location_solved"]["location"] == {"latitude": 1}
    assert found.origin is Origin.SERVER
    (data,) = made.decode(said("service/data", {"service_data": {"service": "x"}}))
    assert data.device == "pump-7"


def test_commands_are_dropped_and_retained_ones_shown():
    made = bridge()
    assert made.decode(said("down/push", {"downlinks": []})) == ()
    assert made.decode(said("down/replace", {"downlinks": []})) == ()
    assert made.decode(said("down/push", {}, retain=True))[0].reason == "retained_command"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said("up", b"[]"), "shape"),
        (said("up", {"uplink_message": 5}), "shape"),
        (said("up", b"{"), "json"),
        (said("tomorrow", {}), "topic"),
    ],
)
def test_what_cannot_be_read_is_rejected_by_reason(message, reason):
    (event,) = bridge().decode(message)
    assert isinstance(event, Reject)
    assert event.reason == reason


def test_every_subscription_is_quality_of_service_0():
    subscriptions = bridge(application=APP).subscriptions()
    assert {one.qos for one in subscriptions} == {0}
    assert f"v3/{APP}/devices/+/up" in {one.filter for one in subscriptions}
    assert not any("push" in one.filter for one in subscriptions)
