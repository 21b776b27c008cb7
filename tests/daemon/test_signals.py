"""Signals through the whole daemon: waveform -> reading -> store -> block -> model -> decision."""

import json
import re
from array import array
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.store.reader import Reader
from scripts.train import cwru
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.press import Press, press, samples
from tests.fakes.waiting import wait_until

G = 9.80665


@pytest.fixture
def sensor(broker: Mosquitto) -> Iterator[Press]:
    with Press(broker.port) as sensor:
        yield sensor


def rungs(daemon: Daemon) -> list[tuple[str, str]]:
    return daemon.rows("SELECT rung, label FROM verdict ORDER BY id")


def abstained(daemon: Daemon) -> list[str]:
    """Why the model did not answer, in all verdicts so far."""
    rows = daemon.rows("SELECT abstained FROM verdict ORDER BY id")
    return [json.loads(text).get("model:bearing", "") for (text,) in rows]


@pytest.fixture
def daemon(tmp_path: Path, broker: Mosquitto, sensor: Press) -> Iterator[Daemon]:
    with Daemon(tmp_path, press(broker.port)) as daemon:
        ready(daemon, sensor)
        yield daemon


def ready(daemon: Daemon, sensor: Press) -> None:
    starts = daemon.notices.count("READY=1")
    sensor.online()
    wait_until(lambda: len(daemon.logged("model_loaded")) >= starts, "the model")


def test_a_damaged_bearing_is_found_in_its_waveform_and_explained_by_its_features(
    daemon: Daemon, sensor: Press
) -> None:
    for seed in range(3):
        sensor.tell(samples("", 100 + seed))
    wait_until(lambda: ("model:bearing", "normal") in rungs(daemon), "a verdict")
    assert not sensor.heard("asset/press-4/decision")
    for seed in range(6):
        sensor.tell(samples("outer", 200 + seed))
    wait_until(lambda: sensor.newest("asset/press-4/explanation"), "an explanation")
    made, told = (sensor.newest(f"asset/press-4/{what}") for what in ("decision", "explanation"))
    assert (made["verdict"]["rung"], made["label"]) == ("model:bearing", "alarm")
    assert told["decision"] == made["id"]
    assert len(told["words"]) == len(told["channels"]) == 3
    shown = r"vibration envelope at 3\.5848 per turn [\d.]+ x its floor, usually 3 to 10\.5: \d+ %"
    assert any(re.fullmatch(shown, words) for words in told["words"]), told["words"]
    assert {one["channel"] for one in told["channels"]} == {"vibration"}
    assert "envelope at 3.5848 per turn" in {one["feature"] for one in told["channels"]}
    assert told["span_s"] == pytest.approx(4096 / 12_000, abs=1e-3)
    state = sensor.newest("asset/press-4/state")["metrics"]["vibration"]
    assert (state["signal"]["samples"], state["signal"]["rate_hz"]) == (4096, 12_000)
    assert state["value"] < state["signal"]["peak"] == pytest.approx(G, rel=0.05)
    assert daemon.stop() == 0
    told = CliRunner().invoke(
        cli, ["explain", "press-4", "--db", str(daemon.folder / "gateway.db")]
    )
    assert "vibration envelope at 3.5848 per turn" in told.output
    assert "vibration: 4096 samples at 12000 Hz, peak " in told.output


CALM = 12
"""A healthy block that the model is sure of."""
BAD = {
    "flatline": [0.25] * 4096,
    "rail": [*samples("", 1)[:2000], *([200.0] * 96), *samples("", 1)[:2000]],
    "range": [*samples("", 2)[:4000], *([300.0] * 96)],
    "text": [*samples("", 3)[:4095], "1.5"],
    "null": [*samples("", 4)[:4095], None],
    "long": samples("", 5) * 5,
    "nothing": [],
    "object": [{"v": one} for one in samples("", 6)],
}
WHY = dict.fromkeys(BAD, "signal") | {one: one for one in ("flatline", "rail", "range")}


def said(daemon: Daemon, since: int, why: str) -> None:
    wait_until(lambda: why in abstained(daemon)[since:], why, 20)


def judged(daemon: Daemon, since: int) -> None:
    wait_until(lambda: ("model:bearing", "normal") in rungs(daemon)[since:], "judged again")


def test_a_bad_signal_is_no_verdict_and_the_next_block_is_judged(
    daemon: Daemon, sensor: Press
) -> None:
    for at, (kind, block) in enumerate(BAD.items()):
        before = len(rungs(daemon))
        sensor.tell(block)
        said(daemon, before, f"bad acceleration: {WHY[kind]}")
        between = len(rungs(daemon))
        assert "model:bearing" not in [rung for rung, _ in rungs(daemon)[before:between]]
        sensor.tell([round(one * (1 - at / 100), 5) for one in samples("", CALM)])
        judged(daemon, between)
    sql = (
        "SELECT reason, typeof(value) FROM reading"
        " WHERE metric = 'vibration' AND reason <> 'ok' ORDER BY report"
    )
    assert daemon.rows(sql) == [(WHY[kind], "text") for kind in BAD]
    assert ("model:bearing", "alarm") not in rungs(daemon)


MISFITS: list[tuple[dict[str, Any], str]] = [
    ({"rpm": "unknown"}, "gap speed: silent"),
    ({"fs": None}, "bad acceleration: signal"),
    ({"rpm": 0}, "bad speed: range"),
    ({"fs": 0.1}, "bad acceleration: signal"),
    ({"count": 2048}, "signal acceleration: expected 4096 samples, found 2048"),
    ({"fs": 6000}, "bad acceleration: signal"),
]


def test_a_block_without_its_rate_speed_or_length_is_no_verdict(
    daemon: Daemon, sensor: Press
) -> None:
    for at, (message, why) in enumerate(MISFITS):
        before = len(rungs(daemon))
        count = message.get("count", 4096)
        sensor.tell(samples("outer", 20 + at)[:count], **message)
        said(daemon, before, why)
    assert not [rung for rung, _ in rungs(daemon) if rung == "model:bearing"]


def test_nan_in_the_samples_spoils_them_and_nothing_else(daemon: Daemon, sensor: Press) -> None:
    text = json.dumps({"fs": 12_000, "rpm": 1799.0, "samples": [1.5] * 64})
    sensor.peer.publish("press/accel-1", text.replace("1.5]", "NaN]"))
    sql = "SELECT value, reason FROM reading WHERE metric = 'vibration'"
    wait_until(lambda: daemon.rows(sql), "the reading")
    ((words, reason),) = daemon.rows(sql)
    assert (words.split(" is")[0], reason) == ("sample 63", "signal")
    assert daemon.values("speed") == [1799.0]


def test_rules_look_at_the_samples(tmp_path: Path, broker: Mosquitto, sensor: Press) -> None:
    rule = ("peak(vibration) > 1000", "peak(vibration) > 50 and vibration < 10")
    model = ("      - {model: bearing, channels: {acceleration: vibration}}\n", "")
    with Daemon(tmp_path, press(broker.port, rule, model)) as daemon:
        sensor.online()
        calm = samples("", 30)
        sensor.tell(calm)
        wait_until(lambda: ("rule:1", "normal") in rungs(daemon), "quiet")
        sensor.tell([*calm[:-1], 9.0])
        sensor.tell([*calm[:-2], 9.0, 1.0])
        wait_until(lambda: ("rule:1", "alarm") in rungs(daemon), "the rule")
        wait_until(lambda: sensor.newest("asset/press-4/explanation"), "an explanation")
        (words,) = sensor.newest("asset/press-4/explanation")["words"]
        assert "peak(vibration) 88" in words


def test_silence_is_no_verdict_of_the_model(
    tmp_path: Path, broker: Mosquitto, sensor: Press
) -> None:
    stale = ("rail: [-1900, 1900]", "stale: 2s")
    with Daemon(tmp_path, press(broker.port, stale)) as daemon:
        ready(daemon, sensor)
        sensor.tell(samples("", CALM))
        wait_until(lambda: ("model:bearing", "normal") in rungs(daemon), "a verdict")
        wait_until(lambda: "gap acceleration: stale" in abstained(daemon), "said so")
        assert ("none", "unknown") in rungs(daemon)


def test_what_was_acknowledged_is_there_after_a_kill_and_the_newest_block_is_known_again(
    tmp_path: Path, broker: Mosquitto, sensor: Press
) -> None:
    sent = [samples("", 50 + seed) for seed in range(8)]
    daemon = Daemon(tmp_path, press(broker.port))
    with daemon:
        ready(daemon, sensor)
        for block in sent[:5]:
            sensor.tell(block)
        daemon.kill()
        for block in sent[5:]:
            sensor.tell(block)
        daemon._process = None
        daemon.start()
        wait_until(lambda: len(daemon.rows("SELECT 1 FROM signal")) == 8, "all eight")
        with Reader.open(tmp_path / "gateway.db") as reader:
            kept = [one.signal.samples for one in reader.signals("press-4", 0, limit=100)]
        wanted = [array("f", [one * G for one in block]) for block in sent]
        assert sorted(map(list, kept)) == sorted(map(list, wanted))
        daemon.kill()
        daemon._process = None
        daemon.start()
        state = lambda: sensor.newest("asset/press-4/state").get("metrics", {}).get("vibration")
        wait_until(lambda: (state() or {}).get("signal"), "the block is known")


@pytest.mark.shared
@pytest.mark.parametrize("fault", ["IR", "OR"])
def test_real_bearings_with_damage_are_found(
    tmp_path: Path, broker: Mosquitto, sensor: Press, fault: str
) -> None:
    """CWRU, 0.007 in: recorded waveforms over MQTT; which part is damaged is not promised."""
    if not (cwru.DATA / "records.csv").exists():
        pytest.skip("needs ../shared/data/cwru")
    blocks = cwru.load(cwru.DATA)
    own = (blocks.fault == fault) & (blocks.size == "7")
    with Daemon(tmp_path, press(broker.port)) as daemon:
        ready(daemon, sensor)
        for block in blocks.windows[own][:12]:
            sensor.tell([round(one, 5) for one in block[:, 0].tolist()], rpm=float(block[0, 1]))
        wait_until(lambda: len(rungs(daemon)) >= 12, "twelve verdicts")
        said = [label for rung, label in rungs(daemon) if rung == "model:bearing"]
        assert said.count("alarm") > 6
        assert "normal" not in said
        wait_until(lambda: sensor.newest("asset/press-4/explanation"), "an explanation")
        words = sensor.heard("asset/press-4/explanation")[0]["words"]
        assert any("vibration envelope at" in one for one in words), words
