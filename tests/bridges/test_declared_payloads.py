"""What the samples without a bridge of their own become when they are declared."""

import pytest

from gateway.bridges import json, text
from gateway.bridges.declared import Time
from gateway.core.mapping import Mapper
from gateway.core.messages import Presence, Reason, Reject, Uplink
from gateway.core.paths import Path
from gateway.core.readings import Metric, MetricKind
from tests.fakes.payloads import index, sample

pytestmark = pytest.mark.shared

Z2M = {"topic": "zigbee2mqtt/{device+}"}
LINE = {"topic": "factory/{device}/{metric+}"}
ESPHOME = {"topic": "{device}/+/{metric}/state", "availability": "{device}/status"}
OMG = {"topic": "home/+/+/{device}", "availability": "home/{device}/LWT"}
RTL433 = {
    "topic": "rtl_433/+/events",
    "device": ("model", "channel", "id"),
    "time": Time("time", zone="Europe/Berlin"),
    "untrusted": True,
}
ON_OFF = {"words": {"on": True}}
OK, TYPE, CLOCK = Reason.OK, Reason.TYPE, Reason.CLOCK
TEXT = {"kind": MetricKind.TEXT}


def only(value, reason=OK, **fields):
    """One temperature, mapped as the fields say."""
    return {"temperature": (fields, [(value, reason)])}


HOT = only(58.1)

# name: settings, then a reject's reason, the word "ignored", a Presence, or for each mapped
# path the metric's fields and the readings it gets.
UGLY = {
    "empty_payload": (Z2M, "ignored"),
    "single_nul_byte": (Z2M, "json"),
    "truncated_object": (Z2M, "json"),
    "truncated_utf8": (Z2M, "utf8"),
    "trailing_garbage": (Z2M, "json"),
    "two_objects": (Z2M, "json"),
    "trailing_comma": (Z2M, "json"),
    "python_repr": (Z2M, "json"),
    "nan_string": (Z2M, {"temperature": ({}, []), "vibration": ({}, [("inf", TYPE)])}),
    "underflow_1e-400": (Z2M, only(0.0)),
    "huge_int": (Z2M, {"energy": ({}, [(1e40, OK)])}),
    "int_2_63": (Z2M, {"counter": ({}, [(2.0**63, OK)])}),
    "uint64_max": (Z2M, {"uplinkID": ({}, [(2.0**64, OK)])}),
    "int_5000_digits": (Z2M, {"energy": ({}, [("INVALID", TYPE)])}),
    "int_beyond_2_53": (Z2M, {"timestamp": (TEXT, [("1700000000123456789", OK)])}),
    "leading_zero": (Z2M, "json"),
    "scalar_underscore": ("text", only("1_000", TYPE)),
    "scalar_arabic_digits": ("text", only("\u0662\u0661.\u0665", TYPE)),
    "string_numbers": (
        Z2M,
        {
            "temperature": ({}, [(58.1, OK)]),
            "vibration": ({"decimal_comma": True}, [(1.75, OK)]),
            "speed": ({"strip": "rpm"}, [(1480.0, OK)]),
            "empty": ({}, []),
            "dash": ({}, []),
        },
    ),
    "bools_as_everything": (
        Z2M,
        {
            "a": ({"kind": MetricKind.STATE}, [(True, OK)]),
            "b": ({}, [("true", TYPE)]),
            "c": ({"words": {"ON": True}}, [(True, OK)]),
            "d": ({}, [(1.0, OK)]),
            "e": ({"words": {"1": True}}, [(True, OK)]),
            "g": ({"words": {"open": True}}, [(True, OK)]),
            "h": ({"words": {"open": True}}, [("OPEN", TYPE)]),
        },
    ),
    "null_values": (Z2M, {"temperature": ({}, []), "vibration": ({}, [])}),
    "top_null": (Z2M, "ignored"),
    "top_true": (Z2M, "shape"),
    "deep_nesting_200": (Z2M, "depth"),
    "many_keys_5000": (Z2M, {"k7": ({}, [(7.0, OK)])}),
    "long_string_64k": (Z2M, HOT),
    "bom": (Z2M, HOT),
    "utf16": (Z2M, "utf8"),
    "invalid_utf8": (Z2M, "utf8"),
    "lone_surrogate": (Z2M, "utf8"),
    "nul_in_string": ({**Z2M, "device": "name"}, "device"),
    "newline_in_name": ({**Z2M, "device": "name"}, "device"),
    "sql_in_name": ({**Z2M, "device": "name"}, HOT),
    "unicode_keys": (
        Z2M,
        {
            "温度": ({}, [(58.1, OK)]),
            '"Temp. °C"': ({}, [(58.1, OK)]),
            "vibración": ({}, [(1.7, OK)]),
        },
    ),
    "key_with_dots": (
        Z2M,
        {
            '"a.b"': ({}, [(1.0, OK)]),
            "a.b": ({}, [(2.0, OK)]),
            '""': ({}, [(3.0, OK)]),
            "x/y": ({}, [(4.0, OK)]),
            '"switch:0".apower': ({}, [(5.0, OK)]),
        },
    ),
    "binary_random": (Z2M, "utf8"),
    "gzip": (Z2M, "utf8"),
    "missing_time": ({**Z2M, "time": Time("time")}, HOT),
    "time_future_2099": ({**Z2M, "time": Time("last_seen")}, only(58.1, CLOCK)),
    "time_1970": ({**Z2M, "time": Time("last_seen", "epoch_ms")}, only(58.1, CLOCK)),
    "time_leap_second": ({**Z2M, "time": Time("time")}, only(58.1, CLOCK)),
    "time_comma_fraction": ({**Z2M, "time": Time("time")}, only(58.1, CLOCK)),
    "counter_reset": (
        {**Z2M, "each": "[*]"},
        {"energy": ({"kind": MetricKind.COUNTER}, [(514.153, OK), (0.002, OK)])},
    ),
    "topic_ends_with_set": (Z2M, "ignored"),
    "retained_old": (Z2M, only(58.1, Reason.RETAINED)),
}
GENERIC = {
    "plc_json_array": (
        {"topic": "factory/{device}/plc", "each": "[*]", "name": "n", "value": ("v",)},
        {"temp": ({}, [(71.2, OK)]), "rpm": ({}, [(1480.0, OK)])},
    ),
    "value_with_unit": (LINE, {"oven/temperature": ({"strip": "°C"}, [(21.5, OK)])}),
    "decimal_comma": (LINE, {"oven/temperature": ({}, [("21,5", TYPE)])}),
    "csv_line": (
        {
            **LINE,
            "codec": "csv",
            "columns": ("time", "x", "y", "z"),
            "time": Time("time", "epoch_ms"),
        },
        {"x": ({}, [(0.12, CLOCK)]), "y": ({}, [(-0.03, CLOCK)]), "z": ({}, [(9.81, CLOCK)])},
    ),
    "word_unavailable": (LINE, {"oven/temperature": ({}, [])}),
}
OTHERS = {
    ("kingpigeon", "sensor_datas"): (
        {
            "topic": "gw/{device}",
            "each": "sensorDatas[*]",
            "name": "flag",
            "value": ("value", "switcher"),
            "historical": "retransmit",
            "time": Time("time", "epoch_s"),
        },
        {
            "DI1": ({"words": {"1": True, "0": False}}, [(True, CLOCK)]),
            "AI1": ({}, [(10.35, CLOCK)]),
            "REG1": ({}, [(-32768.0, CLOCK)]),
        },
    ),
    ("esphome", "sensor_state"): (ESPHOME, only(21.5, Reason.RETAINED)),
    ("esphome", "sensor_nan"): (ESPHOME, {"power": ({}, [])}),
    ("esphome", "status_offline"): (ESPHOME, Presence("weather-sensor", online=False)),
    ("esphome", "text_sensor_unit"): (ESPHOME, {"pressure": ({"strip": "hPa"}, [(1013.2, OK)])}),
    ("openmqttgateway", "lora_string_temp"): (OMG, {"tempc": ({}, [(55.3, OK)])}),
    ("openmqttgateway", "lora_hex_unknown"): (
        {"topic": "home/+/#", "device": "id"},
        "device",
    ),
    ("openmqttgateway", "ble_strings"): (OMG, {"hum": ({}, [(52.6, OK)])}),
    ("openmqttgateway", "ble_beacon"): (OMG, {"distance": ({}, [(21.51847, OK)])}),
    ("openmqttgateway", "rf433"): (
        {"topic": "home/{device}/433toMQTT", "untrusted": True},
        {"value": ({"kind": MetricKind.EVENT}, [(1315156.0, Reason.UNTRUSTED_RADIO)])},
    ),
    ("openmqttgateway", "lwt"): (OMG, Presence("OMG_LORA", online=False)),
    ("openmqttgateway", "sys"): (
        {"topic": "home/{device}/SYStoMQTT"},
        {"uptime": ({}, [(20.0, OK)]), "modules[1]": (TEXT, [("BT", OK)])},
    ),
    ("rtl_433", "event_nexus"): (RTL433, {"temperature_C": ({}, [(20.5, CLOCK)])}),
    ("rtl_433", "event_unix_time"): (RTL433, {"battery_ok": ({}, [(0.0, CLOCK)])}),
    ("rtl_433", "event_tpms"): (
        {**RTL433, "device": ("model", "id")},
        {"pressure_kPa": ({}, [(237.5, CLOCK)])},
    ),
}
ROWS = {
    **{("ugly", name): row for name, row in UGLY.items()},
    **{("generic", name): row for name, row in GENERIC.items()},
    **OTHERS,
}
TEXTUAL = {"esphome", "generic"}


def bridge_of(group, name, settings):
    if settings == "text":
        settings = {"topic": "zigbee2mqtt/{device}/{metric}"}
        return text.Bridge("s", text.Settings(**settings))
    if group in TEXTUAL and name != "plc_json_array":
        return text.Bridge("s", text.Settings(**settings))
    if isinstance(settings.get("device"), str):
        settings = {**settings, "device": (settings["device"],)}
    return json.Bridge("s", json.Settings(**settings))


@pytest.mark.parametrize(("group", "name"), ROWS)
def test_a_sample_becomes_what_is_expected_of_it(group, name):
    settings, expected = ROWS[group, name]
    message = sample(group, name)
    events = bridge_of(group, name, settings).decode(message)
    if expected == "ignored":
        assert events == ()
    elif isinstance(expected, str):
        assert [(type(event), event.reason) for event in events] == [(Reject, expected)]
    elif isinstance(expected, Presence):
        assert events == (expected,)
    else:
        assert readings(events, expected, message) == {
            path: wanted for path, (_, wanted) in expected.items()
        }


def readings(events, expected, message):
    """Map the uplinks with the metrics of a row: path -> (value, reason) of each reading."""
    got = {path: [] for path in expected}
    assert events
    for uplink in events:
        assert isinstance(uplink, Uplink)
        metrics = [
            Metric(path, "s", uplink.device, Path.parse(path), **fields)
            for path, (fields, _) in expected.items()
        ]
        report = Mapper("s", metrics).report(uplink, message)
        for reading in report.readings if report else ():
            got[reading.metric.name].append((reading.value, reading.reason))
    return got


@pytest.mark.parametrize("group", ["ugly", "generic"])
def test_every_sample_of_the_group_has_a_row(group):
    names = {name for bridge, name in index() if bridge == group}
    assert names == {name for bridge, name in ROWS if bridge == group}
