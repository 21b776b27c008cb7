"""Seeded payloads that hurt: random bytes, and documents of every bridge with wounds."""

import json
import random
from collections import Counter

from gateway import registry
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Presence, Reject, Result, Roster, Uplink
from gateway.core.readings import Report

UP = {
    "deduplicationId": "6c7a",
    "time": "2026-01-02T03:04:05.123456+00:00",
    "deviceInfo": {
        "devEui": "24e124136b502217",
        "deviceName": "m7",
        "deviceClassEnabled": "CLASS_A",
    },
    "fCnt": 7,
    "fPort": 85,
    "data": "AQID",
    "object": {"temperature": 58.1, "vib": [1, 2, {"x": None}]},
    "rxInfo": [{"rssi": -70, "snr": 8.5, "nsTime": "2026-01-02T03:04:05Z"}],
}
JOINED = {"queueItemId": "a", "acknowledged": True, "deviceInfo": {"devEui": "24e124136b502217"}}
STORED = {
    "end_device_ids": {
        "device_id": "m7",
        "dev_eui": "70B3",
        "application_ids": {"application_id": "a"},
    },
    "received_at": "2026-01-02T03:04:05Z",
    "correlation_ids": ["gs:uplink:01"],
    "uplink_message": {
        "f_cnt": 7,
        "f_port": 2,
        "decoded_payload": {"temperature": 58.1},
        "normalized_payload": [{"air": {"temperature": 1}}],
        "rx_metadata": [{"rssi": -70, "snr": 8}],
        "session_key_id": "x",
    },
    "simulated": False,
}
DOWNLINK = {"f_port": 2, "frm_payload": "AQ==", "correlation_ids": ["edge:1"]}
SEEDS = {
    "zigbee2mqtt": [
        (
            "zigbee2mqtt/pump",
            {
                "power": 231.5,
                "state": "ON",
                "action": "single",
                "linkquality": 120,
                "last_seen": "2026-01-02T03:04:05Z",
                "update": {"state": "idle"},
                "device": {"ieeeAddr": "0x00", "friendlyName": "pump"},
            },
        ),
        (
            "zigbee2mqtt/bridge/devices",
            [
                {
                    "friendly_name": "pump",
                    "ieee_address": "0x01",
                    "type": "Router",
                    "supported": True,
                    "definition": {
                        "model": "m",
                        "exposes": [
                            {
                                "type": "switch",
                                "features": [
                                    {
                                        "property": "state",
                                        "access": 7,
                                        "type": "binary",
                                        "value_on": "ON",
                                        "value_off": "OFF",
                                    }
                                ],
                            }
                        ],
                    },
                }
            ],
        ),
        ("zigbee2mqtt/pump/availability", {"state": "online"}),
        ("zigbee2mqtt/bridge/state", "online"),
        ("zigbee2mqtt/bridge/info", {"config": {"advanced": {"last_seen": "ISO_8601"}}}),
        ("zigbee2mqtt/bridge/event", {"type": "device_leave", "data": {"friendly_name": "pump"}}),
        (
            "zigbee2mqtt/bridge/logging",
            {"level": "error", "message": "Publish 'set' 'state' to 'pump' failed: 'timeout'"},
        ),
    ],
    "chirpstack": [
        (f"application/a/device/24e124136b502217/event/{kind}", tree)
        for kind, tree in (
            *(("up", UP), ("join", UP), ("status", UP), ("location", UP), ("integration", UP)),
            *(("ack", JOINED), ("txack", JOINED), ("log", JOINED)),
        )
    ],
    "thethings": [
        ("v3/a@ttn/devices/m7/up", STORED),
        ("v3/a@ttn/devices/m7/join", {**STORED, "join_accept": {"session_key_id": "x"}}),
        ("v3/a@ttn/devices/m7/down/ack", {**STORED, "downlink_ack": DOWNLINK}),
        ("v3/a@ttn/devices/m7/down/sent", {**STORED, "downlink_sent": DOWNLINK}),
        ("v3/a@ttn/devices/m7/down/failed", {**STORED, "downlink_failed": {"downlink": DOWNLINK}}),
        ("v3/a@ttn/devices/m7/service/data", STORED),
    ],
    "tasmota": [
        (
            "tele/pump/SENSOR",
            {
                "Time": "2026-01-02T03:04:05",
                "ENERGY": {"Power": [10, 20], "Total": 1.5},
                "DS18B20": {"Id": "0", "Temperature": 21.5},
                "TempUnit": "C",
            },
        ),
        (
            "tele/pump/SENSOR",
            {
                "ZbReceived": {
                    "0x8F20": {
                        "Device": "0x8F20",
                        "Name": "pump",
                        "Temperature": 21.5,
                        "Endpoint": 1,
                        "LinkQuality": 90,
                    }
                }
            },
        ),
        ("tele/pump/STATE", {"POWER": "ON", "Wifi": {"RSSI": 90, "Signal": -55}}),
        ("tele/pump/LWT", "Online"),
        ("stat/pump/RESULT", {"POWER": "ON"}),
        ("stat/pump/POWER", "ON"),
    ],
    "json": [
        (
            "factory/line1/plc",
            {
                "power": 231.5,
                "state": "ON",
                "action": "single",
                "linkquality": 120,
                "last_seen": "2026-01-02T03:04:05Z",
                "update": {"state": "idle"},
                "device": {"ieeeAddr": "0x00", "friendlyName": "pump"},
            },
        ),
        ("factory/line1/plc", [{"n": "temp", "v": 71.2, "t": 1700000000}]),
    ],
    "text": [("factory/line1/power", "21.5"), ("factory/line1/mode", "ON")],
}
"""Messages as each bridge knows them: topic, and a document or bare text."""
ANY = [one for seeds in SEEDS.values() for one in seeds]
WOUNDS = [
    *("null", "true", "[]", "{}", '""', "NaN", "-Infinity", "1e400", "-1", "0.0", "9" * 400),
    *("18446744073709551616", '"\\ud800"', '"\\u0000"', '{"a":{"a":1}}', "[[[]]]", "[null]"),
    *(f'"{"x" * 5000}"', f'"{"9" * 400}"', "[" * 40 + "]" * 40, "1" + "0" * 308, "-0.0", '{"":""}'),
    *('"2099-01-01T00:00:00Z"', '"0001-01-01T00:00:00+23:59"', '"2026-13-45T99:99:99Z"', '"nan"'),
]
LEVELS = [
    "zigbee2mqtt",
    "bridge",
    "devices",
    "info",
    "state",
    "logging",
    "log",
    "event",
    "availability",
    "pump",
    "set",
    "get",
    "application",
    "device",
    "up",
    "join",
    "ack",
    "txack",
    "log",
    "status",
    "24e124136b502217",
    "v3",
    "a@ttn",
    "down",
    "sent",
    "failed",
    "queued",
    "tele",
    "stat",
    "cmnd",
    "SENSOR",
    "STATE",
    "LWT",
    "RESULT",
    "POWER",
    "STATUS8",
    "location",
    "integration",
    "error",
    "rx",
    "0x8F20",
    "1",
    "response",
    "request",
    "groups",
]
LEVELS += ["", "\u00e4", "a\nb", "line 3", "x" * 300]
EVENTS = (Uplink, Presence, Roster, Result, Reject)
NOW_MS = 1_790_000_000_000


def payload(words, rng):
    """Random bytes, or a text with some of its values and bytes changed."""
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(64))
    for _ in range(rng.choice((0, 1, 1, 2))):
        words = _wounded(words, rng)
    data = bytearray(words.encode())
    if rng.random() < 0.2:
        for _ in range(rng.randrange(1, 4)):
            if data:
                data[rng.randrange(len(data))] = rng.randrange(256)
    if rng.random() < 0.05:
        del data[rng.randrange(len(data) + 1) :]
    return bytes(data)


def _wounded(words, rng):
    """Put something else in the place of one value."""
    signs = ":[" if rng.random() < 0.9 else ","
    marks = [at for at, sign in enumerate(words) if sign in signs]
    if not marks:
        return rng.choice(WOUNDS)
    start = rng.choice(marks) + 1
    end = min((at for at in (words.find(sign, start) for sign in ",}]") if at >= 0), default=start)
    return words[:start] + rng.choice(WOUNDS) + words[end:]


def message(kind, rng):
    """A message that this bridge may know, or one of any other, hurt."""
    topic, tree = rng.choice(SEEDS.get(kind, ANY) if rng.random() < 0.8 else ANY)
    if rng.random() < 0.2:
        topic = "/".join(rng.choices(LEVELS, k=rng.randrange(1, 7)))
    words = tree if isinstance(tree, str) else json.dumps(tree, separators=(",", ":"))
    retain, dup = rng.random() < 0.1, rng.random() < 0.1
    return Message("b", topic, payload(words, rng), 1, retain, dup, NOW_MS, 1)


def bridges():
    """Every bridge that there is, as it is by default."""
    made = {}
    for kind in registry.kinds("bridges"):
        found = registry.find("bridges", kind)
        made[kind] = (found(kind, found.Settings()), Mapper(kind, [], discover=True))
    return made


def run(count, seed):
    """Feed so many messages to every bridge in turn; what came of them, by bridge."""
    rng = random.Random(seed)
    made = bridges()
    counts = {kind: Counter() for kind in made}
    for _ in range(count):
        kind = rng.choice(list(made))
        for outcome in feed(*made[kind], message(kind, rng)):
            counts[kind][outcome] += 1
    return counts


def feed(bridge, mapper, sent):
    """What one message became; raises what the bridge or the mapper raises, with the message."""
    try:
        events = bridge.decode(sent)
        reports = [mapper.report(one, sent) for one in events if isinstance(one, Uplink)]
        _storable([report for report in reports if report is not None])
    except Exception as error:
        error.add_note(f"{bridge.source}: {sent!r}")
        raise
    assert all(isinstance(event, EVENTS) for event in events), sent
    return [type(event).__name__.lower() for event in events] or ["ignored"]


def _storable(reports):
    """Everything that reaches the store can be written as strict JSON and as UTF-8."""
    for report in reports:
        assert isinstance(report, Report)
        facts = [report.device, report.dedup, report.at_ms, report.measured_at_ms]
        facts += [(one.metric.name, one.value) for one in report.readings]
        json.dumps(facts, allow_nan=False, ensure_ascii=False).encode()
