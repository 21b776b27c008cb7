"""The shipped streaming detector in the running daemon: the reference's scores, one by one."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from gateway.core.calibration import Calibration
from gateway.models.package import verify
from scripts.streams import detector, score
from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

PERIOD_MS, CALIBRATED, WARM, ROWS = 300_000, 20, 10, 70
CONFIG = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {plc: {bridge: json, broker: local, topic: "plant/{device}"}}
store: {path: gateway.db, min_free_bytes: 1MiB, verdicts: all}
models: {stream: {package: stream}}
assets:
  bearing:
    metrics: {temperature: {from: plc/bearing, unit: degC, stale: 2h}}
    verdicts: [{model: stream, channels: {value: temperature}}]
"""


@pytest.mark.broker
def test_the_daemon_gives_the_reference_s_scores_on_any_sensor(
    tmp_path: Path, broker: Mosquitto
) -> None:
    level = soon(tmp_path / "stream")
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG.replace("PORT", str(broker.port)))
    random, clock = np.random.default_rng(4), Clocks()
    values = (50 + random.normal(0, 1, ROWS)).round(3)
    values[-5:] += 30
    with Peer(broker.port, "edge/#") as peer, Inside(file, clock) as daemon:
        wait_until(lambda: "online" in said(peer), "it is online")
        for count, value in enumerate(values.tolist(), 1):
            clock.pass_ms(PERIOD_MS - clock.now_ms() % PERIOD_MS + 5_000)
            peer.publish("plant/bearing", json.dumps({"temperature": value}))
            wait_until(lambda n=count: len(verdicts(daemon)) == n, f"verdict {count}")  # type: ignore[misc]
        found = verdicts(daemon)
    wanted = reference(values, level)
    silent = CALIBRATED - 1 + WARM  # the row that ends the calibration is judged, too
    assert all(one is None for one, _ in found[:silent])
    assert [one for one, _ in found[silent:]] == pytest.approx(wanted[WARM:], abs=1e-6)
    assert (found[-6][1], found[-1][1]) == ("normal", "alarm")


HELD = 12
"""Rows for which the package holds a value, or that a flatline takes: an hour at most."""
DEAD = {
    "null": (lambda value: None, "gap value: stale"),
    "stuck": (lambda value: value, "bad value: flatline"),
    "rail": (lambda value: 200.0, "bad value: range"),
    "text": (lambda value: "error", "bad value: type"),
}


@pytest.mark.broker
@pytest.mark.parametrize("way", DEAD)
def test_no_verdict_comes_from_the_model_once_its_sensor_is_dead(
    tmp_path: Path, broker: Mosquitto, way: str
) -> None:
    soon(tmp_path / "stream")
    file = tmp_path / "gateway.yaml"
    limits = "range: [-40, 150], flatline: 50m, stale: 40m}, count: {from: plc/bearing}"
    file.write_text(CONFIG.replace("PORT", str(broker.port)).replace("stale: 2h}", limits))
    random, clock = np.random.default_rng(4), Clocks()
    values = (50 + random.normal(0, 1, CALIBRATED + WARM + 10)).round(3).tolist()
    dies, why = DEAD[way]
    with Peer(broker.port, "edge/#") as peer, Inside(file, clock) as daemon:
        wait_until(lambda: "online" in said(peer), "it is online")

        def tell(value: object, count: int) -> None:
            clock.pass_ms(PERIOD_MS - clock.now_ms() % PERIOD_MS + 5_000)
            peer.publish("plant/bearing", json.dumps({"temperature": value, "count": count}))
            wait_until(lambda: daemon.values("count")[-1:] == [count], f"row {count}")

        for count, value in enumerate(values):
            tell(value, count)
        wait_until(lambda: verdicts(daemon)[-1][1] == "normal", "the model judges")
        for count in range(len(values), len(values) + 24):
            tell(dies(values[-1]), count)
        sql = "SELECT rung, abstained FROM verdict ORDER BY id"
        last = lambda: json.loads(daemon.rows(sql)[-1][1]).get("model:stream")
        wait_until(lambda: last() in (why, "gap value: stale"), why)
        found = [rung for rung, _ in daemon.rows(sql)]
    by_model = [at for at, rung in enumerate(found) if rung == "model:stream"]
    assert by_model[-1] < len(values) + HELD
    assert by_model[-1] < len(found) - 1


def soon(folder: Path) -> float:
    """The shipped package with a short calibration and warm-up; its level."""
    shutil.copytree(score.PACKAGE, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["calibration"]["rows"] = CALIBRATED
    manifest["state"]["warmup"] = WARM
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return float(str(verify(folder).manifest.provenance["level"]))


def reference(values: np.ndarray, level: float) -> list[float]:
    """Scores in numpy of the values after the calibration."""
    calibration = Calibration(CALIBRATED, 1)
    for value in values[:CALIBRATED].tolist():
        calibration.add([value])
    off = (values[CALIBRATED - 1 :, np.newaxis] - calibration.mean[0]) / calibration.sd[0]
    return [float(one[0]) for one in detector.scores(off, level)]


def verdicts(daemon: Inside) -> list[tuple[float | None, str]]:
    return list(daemon.rows("SELECT score, label FROM verdict ORDER BY id"))


def said(peer: Peer) -> list[str]:
    topic = "edge/here/availability"
    return [payload.decode() for at, payload, _ in list(peer.heard) if at == topic]
