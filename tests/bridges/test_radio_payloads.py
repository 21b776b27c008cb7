"""Every sample of the four radio bridges, with what it must become."""

import pytest

from gateway import registry
from gateway.core.messages import (
    Evidence,
    Origin,
    Presence,
    Reason,
    Reject,
    Result,
    Roster,
    Uplink,
)
from gateway.core.paths import MISSING, Path
from tests.fakes.payloads import index, sample

pytestmark = pytest.mark.shared

KINDS = {
    "zigbee2mqtt": ("zigbee2mqtt", {}),
    "chirpstack": ("chirpstack", {}),
    "chirpstack_v3": ("chirpstack", {}),
    "tts": ("thethings", {}),
    "tasmota": ("tasmota", {"zone": "Europe/Berlin"}),
    "tasmota_zigbee": ("tasmota", {}),
}
NONE = {"measured_at_ms": None, "origin": Origin.NONE}
DEVICE = "0101010101010101"
VICKI = "70b3d52dd3000001"
ITEM = "1bbcab1d-6ec6-4136-b3f5-d63be1dc08de"


def up(device, values, **fields):
    """An uplink: its device, some of its values by path, and some of its fields."""
    return (device, values, fields)


def cached(device, values, link=None, **fields):
    return up(device, values, cached=True, link=link or {}, dedup=None, **{**NONE, **fields})


def server(device, values, at_ms, **fields):
    """Servers write nanoseconds: which millisecond that is, is a matter of rounding."""
    near = pytest.approx(at_ms, abs=1)
    return up(device, values, measured_at_ms=near, origin=Origin.SERVER, cached=False, **fields)


def sampled(device, values, at_ms, **fields):
    return up(device, values, measured_at_ms=at_ms, origin=Origin.SAMPLE, dedup=None, **fields)


def failed(device, key="", command_id="", says=""):
    return ("failed", device, key, command_id, says)


ZIGBEE2MQTT = {
    "sensor_temp_hum": [cached("cold_store_1", {"temperature": 27.34, "humidity": 44.72})],
    "button_action": [cached("line2_estop_button", {"action": "single"})],
    "motion": [cached("hall_motion", {"occupancy": True})],
    "bulb_state": [cached("my_bulb", {"state": "ON", "brightness": 215, "color_temp": 325})],
    "plug_metering_null": [
        cached("pump_plug", {"power": 102, "voltage": 239.1, "identify": None}, {"lqi": 255})
    ],
    "plug_tuya_strings": [
        cached(
            "compressor_plug",
            {"power": 0, "update.installed_version": -1, "update.state": None},
            {"lqi": 102},
        )
    ],
    "plug_thirdreality_all": [
        cached("plant/line 3/fan plug", {"power": 10.8, "power_factor": 0}, {"lqi": 93})
    ],
    "sensor_unit_trap": [cached("warehouse_th", {"temperature": 24}, {"lqi": 105, "battery": 100})],
    "last_seen_iso_local": [
        cached(
            "motor_7",
            {"temperature": 58.1},
            {"lqi": 120},
            measured_at_ms=1_551_454_365_000,
            origin=Origin.LAST_SEEN,
        )
    ],
    "last_seen_epoch_ms": [
        cached(
            "motor_7",
            {"temperature": 58.1},
            {"lqi": 120},
            measured_at_ms=1_551_454_365_941,
            origin=Origin.LAST_SEEN,
        )
    ],
    "cover_multi": [
        cached(
            "TS0601_cover_switch",
            {"state": "OPEN", "state_l1": "ON", "state_l2": "OFF"},
        )
    ],
    "update_object_progress": [
        cached("my_bulb", {"state": "ON"}, {"lqi": 83}, reason=Reason.UPDATING)
    ],
    "with_device_block": [cached("bulb", {"state": "ON"})],
    "availability_json": [Presence("bulb_color", online=True)],
    "availability_cleared": [Presence("bulb_color", online=None)],
    "bridge_state": [Presence("", online=True)],
    "bridge_state_legacy": [Presence("", online=False)],
    "bridge_info_1x": [],
    "bridge_info_2x": [],
    "bridge_devices": ["my_bulb", "office/icon", "plant/line 3/fan plug", "my_sensor"],
    "bridge_groups": [],
    "bridge_event_joined": [Presence("0x90fd9ffffe6494fc", online=True)],
    "bridge_event_leave": [Presence("my_bulb", online=False)],
    "bridge_logging_set_failed": [failed("bulb", "state", says="MAC no ack")],
    "bridge_log_1x_failed": [failed("bulb", "state", says="no network route")],
    "bridge_response_ok": [],
    "bridge_response_error": [],
    "bridge_health": [],
    "attr_scalar_bool": [cached("hall_motion", {"occupancy": True})],
    "attr_scalar_null": [],
    "attr_color_csv": [cached("my_bulb", {"color": "100,50,10"})],
    "attr_nested_dash": [cached("my_bulb", {"update-state": "idle"})],
    "set_basic": [],
    "set_endpoint_transition": [],
    "get_state": [],
    "echo_after_string_brightness": [cached("bulb_color", {"brightness": 200, "state": "ON"})],
}
CHIRPSTACK = {
    "up_v40_doc": [
        server(
            DEVICE,
            {"object": MISSING, "data": "qg=="},
            1_658_136_855_775,
            dedup="3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
            frame=0,
            link={"rssi": -36, "snr": 10.5},
        )
    ],
    "up_v46_vicki": [
        server(
            VICKI,
            {"object.motorPosition": 502.0, "object.sensorTemperature": 19.53},
            1_705_525_721_684,
            dedup="655e5d71-a625-4332-833c-2700fcacefc2",
            frame=8702,
            link={"rssi": -74, "snr": 11.0},
        )
    ],
    "up_clock_lag_door": [
        server(
            "a840410000000002",
            {"object.CONTACT": True, "object.devicetype": "Dragino"},
            1_724_569_889_788,
            frame=8264,
        )
    ],
    "up_soil_negative": [
        server(
            "a84041f600000003",
            {"object.Soiltemperature": -0.4, "object.Soilconductivity": 61},
            1_739_890_159_476,
            link={"rssi": -108, "snr": 2},
        )
    ],
    "up_relay_io_strings": [
        up("a840410000000004", {"object.RO1_status": "OFF", "object.DI1_status": "H"})
    ],
    "up_two_gateways_gps": [
        server(
            "ffffff200000b703",
            {"object.temperature": 25.68},
            1_768_898_863_458,
            link={"rssi": -61, "snr": 13.2},
        )
    ],
    "up_tags_unicode": [
        server(
            "24e1240000000006",
            {"object.co2": 1296.0, "deviceInfo.tags.location": "사무실"},
            1_730_851_199_999,
            frame=71_935,
        )
    ],
    "status": [server(DEVICE, {"margin": 10}, 1_658_136_906_927, link={"battery": 88.3})],
    "join": [Presence(DEVICE, online=True)],
    "ack_true": [Result(Evidence.CONFIRMED, "3434298f-2b89-49f8-885e-9fdd9f0892e6", VICKI)],
    "ack_missing_is_nack": [failed(DEVICE, command_id=ITEM, says="not acknowledged")],
    "txack": [Result(Evidence.SENT, "efc2bacf-d5da-48d3-a6ef-2a77fda41bd0", VICKI)],
    "log_mic": [],
    "log_codec": [],
    "log_downlink_expired": [failed(DEVICE, command_id=ITEM, says="EXPIRED")],
    "log_downlink_size": [failed(DEVICE, command_id=ITEM, says="DOWNLINK_PAYLOAD_SIZE")],
    "location": [server(DEVICE, {"location.latitude": 37.344214}, 1_658_138_111_059)],
    "integration_nulls": [
        up("0016c001f000175a", {"object.dnlink": None, "object.info_fields.voltage.value": 3.04})
    ],
    "down_command": [],
}
CHIRPSTACK_V3 = {
    "up_protojson": [
        up(
            "0202020202020202",
            {"object.temperatureSensor": 25, "object.humiditySensor": 32},
            measured_at_ms=1_573_221_565_048,
            origin=Origin.GATEWAY,
            frame=10,
            link={"rssi": -48, "snr": 9},
        )
    ],
    "up_json_v3": [
        up(
            "0102030405060708",
            {"object.power": 1200},
            **NONE,
            frame=261,
            dedup="0102030405060708||261|a0d00639-cc37-4cff-8490-29be51208cc4",
            link={"rssi": -97, "snr": 8.2},
        )
    ],
    "txack": [Result(Evidence.SENT, "unnamed", "0202020202020202")],
    "error": [],
}
TTS = {
    "up": [
        server(
            "dev1",
            {"decoded_payload.temperature": 1.0, "decoded_payload.luminosity": 0.64},
            1_581_520_545_790,
            dedup="gs:uplink:01E0WZGSZWT07NE5TS2APTV1Z9",
            frame=1,
            link={"rssi": -35, "snr": 5},
        )
    ],
    "up_doc_invalid_json": ["json"],
    "up_undecoded": [
        up(
            "dev1",
            {"decoded_payload": MISSING, "frm_payload": "VGVtcGVyYXR1cmUgPSAwLjA="},
            **NONE,
            frame=0,
            dedup="gs:uplink:01D2CV8HF62ME0D7MZWE38HHH8",
        )
    ],
    "up_normalized": [
        server(
            "vivid-8263",
            {"normalized_payload[0].air.temperature": 25.3, "last_battery_percentage": MISSING},
            1_753_344_130_914,
            link={"rssi": -101, "snr": -4.2},
            frame=1547,
        )
    ],
    "up_simulated": [up("dev1", {"decoded_payload.temperature": 99.9}, reason=Reason.SIMULATED)],
    "join": [Presence("dev1", online=True)],
    "down_push": [],
    "down_replace_clear": [],
    "down_ack": [Result(Evidence.CONFIRMED, "my-correlation-id", "dev1")],
    "down_ack_retry": [
        Result(
            Evidence.CONFIRMED,
            "as:downlink:01HP6D18MQXJN90J5B07DC11HY",
            "eui-a840410000000008",
        )
    ],
    "down_failed": [
        failed(
            "dev1",
            command_id="as:downlink:01E19Z5W3BZBG7CXSJE9C0A3CE",
            says="application_downlink_too_long",
        )
    ],
}
TASMOTA = {
    "sensor_ds18b20": [sampled("boiler", {"DS18B20.Temperature": 20.6}, 1_487_236_432_000)],
    "sensor_energy_scalar": [
        sampled("pump", {"ENERGY.Total": 514.153, "ENERGY.Power": 56}, 1_684_522_376_000)
    ],
    "sensor_energy_arrays": [
        sampled(
            "dual",
            {"ENERGY.Power[0]": 52, "ENERGY.Power[1]": 5, "ENERGY.Voltage": 235},
            1_789_723_161_000,
        )
    ],
    "sensor_tempunit_f": [
        sampled(
            "oven",
            {"ANALOG.Temperature": pytest.approx(37.8333, abs=1e-3), "TempUnit": "C"},
            1_614_582_000_000,
        )
    ],
    "sensor_tic_strings": [
        sampled("linky", {"TIC.BASE": "007970903", "TIC.ADCO": "021875000001"}, 1_641_830_700_000)
    ],
    "sensor_multi_same_type": [
        sampled(
            "hvac",
            {"[Id=01131B123456].Temperature": 21.1, "DS18B20-2.Temperature": None},
            1_704_063_610_000,
        )
    ],
    "state": [
        sampled("pump", {"POWER": "ON", "UptimeSec": 1222}, 1_598_639_837_000, link={"rssi": -62})
    ],
    "lwt_offline": [Presence("pump", online=False)],
    "result_power": [up("pump", {"POWER": "ON"}, **NONE)],
    "stat_power_raw": [up("pump", {"POWER": "ON"}, **NONE)],
    "cmnd_power": [],
}
TASMOTA_ZIGBEE = {
    "zbreceived_kitchen": [
        up(
            "Kitchen",
            {"Temperature": 21.01, "Pressure": 1004.04},
            **NONE,
            link={"lqi": 88, "battery": 98},
        )
    ],
    "zbreceived_vibration": [
        up("0x128F", {"AqaraAccelerometer[2]": 138, "AqaraAngles[0]": -78}, link={"lqi": 158})
    ],
    "zbreceived_raw_attrs": [
        up("0x8F20", {"Temperature": 22.4, '"0402_0000"': 2240, '"0006!01"': ""})
    ],
    "zbsend_cmd": [],
}
ROWS = {
    (bridge, name): expected
    for bridge, rows in (
        ("zigbee2mqtt", ZIGBEE2MQTT),
        ("chirpstack", CHIRPSTACK),
        ("chirpstack_v3", CHIRPSTACK_V3),
        ("tts", TTS),
        ("tasmota", TASMOTA),
        ("tasmota_zigbee", TASMOTA_ZIGBEE),
    )
    for name, expected in rows.items()
}


def bridge_of(kind):
    name, settings = KINDS[kind]
    found = registry.find("bridges", name)
    return found("source", found.Settings(**settings))


def said(event, expected):
    """The parts of an event that the row names, in the row's own form."""
    match event, expected:
        case Uplink(), (_, values, fields):
            found = {path: Path.parse(path).first(event.values) for path in values}
            return (event.device, found, {name: getattr(event, name) for name in fields})
        case Result(evidence=Evidence.FAILED), ("failed", *_, says):
            assert says in event.detail
            return ("failed", event.device, event.key, event.command_id, says)
        case Reject(), str():
            return event.reason
    return event


@pytest.mark.parametrize("row", ROWS, ids="/".join)
def test_a_sample_becomes_what_its_row_says(row):
    events = bridge_of(row[0]).decode(sample(*row))
    expected = ROWS[row]
    if row[1] == "bridge_devices":
        assert [device.device for device in events[0].devices] == expected
        return
    news = [event for event in events if not isinstance(event, Roster)]
    assert len(news) == len(expected)
    assert [said(*pair) for pair in zip(news, expected, strict=True)] == expected


def test_every_sample_of_these_bridges_has_a_row():
    samples = {row for row in index() if row[0] in KINDS}
    assert samples - ROWS.keys() == set()


def test_no_hostile_sample_raises_or_becomes_a_reading_of_a_command():
    for bridge, name in index():
        if bridge == "ugly":
            events = bridge_of("zigbee2mqtt").decode(sample(bridge, name))
            if name == "topic_ends_with_set":
                assert list(events) == []
