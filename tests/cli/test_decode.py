import json
import re
import subprocess
import sys

import pytest

CONFIG = """
gateway: {id: plant-north}
brokers:
  local: {host: localhost}
sources:
  press: {bridge: json, broker: local, topic: "factory/{device}/plc"}
assets:
  press-1:
    name: Press 1
    metrics:
      temperature: {from: press/line1, path: t, unit: degC, range: [-40, 150], stale: 15m}
"""


def decode(*arguments, payload=b""):
    done = subprocess.run(
        [sys.executable, "-m", "gateway", "decode", *arguments],
        input=payload,
        capture_output=True,
        check=False,
        timeout=30,
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


def test_a_reading_is_one_line():
    code, lines, _ = decode(
        *("--bridge", "json", "--topic", "factory/line1/plc"), payload=b'{"t_C":71.5,"ok":true}'
    )
    assert code == 0
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", lines[0].pop("at"))
    assert lines[0] == {
        "kind": "reading",
        "source": "json",
        "device": "line1",
        "metric": "t_C",
        "value": 71.5,
        "unit": "degC",
        "quality": "good",
        "reason": "ok",
    }
    assert [line["metric"] for line in lines] == ["t_C", "ok"]


def test_a_retained_scalar_is_uncertain():
    topic = "weather/sensor/temperature/state"
    code, lines, _ = decode("--bridge", "text", "--topic", topic, "--retain", payload=b"21.5")
    assert code == 0
    assert [
        (one["device"], one["metric"], one["value"], one["quality"], one["reason"]) for one in lines
    ] == [("weather/sensor", "temperature", 21.5, "uncertain", "retained")]


def test_a_reject_is_a_line_and_exit_1(tmp_path):
    file = tmp_path / "payload"
    file.write_bytes(b'{"a":1,"a":2}')
    code, lines, _ = decode("--bridge", "json", "--topic", "x/y", str(file))
    assert code == 1
    assert [(line["kind"], line["reason"]) for line in lines] == [("reject", "keys")]


@pytest.mark.parametrize(
    ("topic", "payload", "why"),
    [
        ("zigbee2mqtt/pump/set", b'{"state":"ON"}', "command topic"),
        ("zigbee2mqtt/pump", b"", "empty payload"),
        ("other/pump", b"{}", "no source subscribes"),
    ],
)
def test_what_is_dropped_says_why(topic, payload, why):
    code, lines, _ = decode("--bridge", "zigbee2mqtt", "--topic", topic, payload=payload)
    assert code == 0
    assert [line["kind"] for line in lines] == ["ignored"]
    assert why in lines[0]["why"]


def test_presence_and_registry_of_a_bridge_on_another_base():
    base = ("--bridge", "zigbee2mqtt", "--base", "z")
    _, presence, _ = decode(*base, "--topic", "z/pump/availability", payload=b'{"state":"offline"}')
    assert presence == [
        {"kind": "presence", "source": "zigbee2mqtt", "device": "pump", "online": False}
    ]
    _, registry, _ = decode(*base, "--topic", "z/bridge/devices", payload=b"[]")
    assert [line["kind"] for line in registry] == ["registry"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--bridge", "zigbe2mqtt", "--topic", "x"), b"did you mean 'zigbee2mqtt'?"),
        (("--bridge", "json", "--topic", "x/#"), b"wildcard"),
        (("--bridge", "json"), b"--topic"),
        (("--bridge", "json", "--topic", "x", "--base", "y"), b"no base topic"),
        (("--bridge", "json", "--topic", "x", "/nonexistent"), b"/nonexistent"),
    ],
)
def test_wrong_arguments_are_exit_2_and_nothing_on_stdout(arguments, said):
    code, lines, errors = decode(*arguments)
    assert (code, lines) == (2, [])
    assert said in errors


def test_the_users_file_names_asset_and_metric(tmp_path):
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG)
    known = ("--bridge", "json", "--config", str(file), "--topic")
    code, lines, _ = decode(*known, "factory/line1/plc", payload=b'{"t":200,"other":1}')
    assert code == 0
    assert [
        (one["source"], one["asset"], one["metric"], one["value"], one["quality"], one["reason"])
        for one in lines
    ] == [("press", "press-1", "temperature", 200.0, "bad", "range")]
    _, unmapped, _ = decode(*known, "factory/line2/plc", payload=b'{"t":20}')
    assert [(one["device"], one["metric"], "asset" in one) for one in unmapped] == [
        ("line2", "t", False)
    ]
    code, lines, errors = decode(
        *("--bridge", "text", "--config", str(file), "--topic", "a/b"), payload=b"1"
    )
    assert (code, lines) == (2, [])
    assert b"no source" in errors


def test_an_old_message_can_be_read_as_of_its_own_time():
    up = {
        "deduplicationId": "d",
        "time": "2026-01-01T00:00:00Z",
        "deviceInfo": {"devEui": "24e124136b502217"},
        "object": {"temperature": 20.5},
    }
    topic = "application/a/device/24e124136b502217/event/up"
    code, lines, _ = decode(
        *("--bridge", "chirpstack", "--topic", topic, "--received", "2026-01-01T00:00:05Z"),
        payload=json.dumps(up).encode(),
    )
    assert code == 0
    (reading,) = [line for line in lines if line["kind"] == "reading"]
    assert (reading["metric"], reading["quality"]) == ("object.temperature", "good")
    assert reading["at"] == "2026-01-01T00:00:00.000Z"


def test_a_signal_is_shown_by_its_figures_and_its_first_samples(tmp_path):
    file = tmp_path / "gateway.yaml"
    own = "{from: press/line1, path: w, unit: g, signal: {rate_path: fs}}"
    file.write_text(CONFIG + f"      shake: {own}\n")
    words = ("--bridge", "json", "--topic", "factory/line1/plc", "--config", str(file))
    payload = json.dumps({"fs": 1000, "w": [1, -1] * 32}).encode()
    code, (line,), _ = decode(*words, payload=payload)
    assert (code, line["metric"], line["value"], line["quality"]) == (0, "shake", 1.0, "good")
    found = line["signal"]
    assert (found["samples"], found["rate_hz"], found["duration_s"]) == (64, 1000, 0.064)
    assert (found["peak"], found["crest"], found["kurtosis"]) == (1.0, 1.0, 1.0)
    assert found["first"] == [1.0, -1.0] * 4
    code, (line,), _ = decode(*words, payload=b'{"fs": 1000, "w": [1, 2, "3"]}')
    assert (line["reason"], line["quality"]) == ("signal", "bad")
    assert line["value"] == "sample 2 is text, no finite number"
