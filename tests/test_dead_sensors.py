"""One dead sensor never becomes a prediction: the shipped model, each channel killed in 5 ways."""

import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

from gateway.core import paths
from gateway.core.assets import Asset, ModelRung, RuleRung
from gateway.core.gates import Gates
from gateway.core.ladder import ModelState, Question
from gateway.core.latest import Latest
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Uplink
from gateway.core.policy import Policy
from gateway.core.readings import Metric, Readings
from gateway.core.rules import parse
from gateway.core.verdicts import Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Windows
from gateway.demo.plant import Row, simulate
from gateway.models.package import unpack
from gateway.models.session import Session, open_session
from gateway.models.watchdog import Watchdog
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

PACKAGE = Path(__file__).parents[1] / "gateway/demo/packages/pump-anomaly"
LIMITS = {
    "power": {"rail": (0.0, 4000.0), "max_rate": 100.0},
    "flow": {"rail": (0.0, 500.0), "max_rate": 20.0},
    "temperature": {"rail": (-40.0, 150.0), "max_rate": 1.0},
    "vibration": {"rail": (0.0, 50.0), "max_rate": 1.0},
}
UNITS = {"power": "W", "flow": "l/min", "temperature": "degC", "vibration": "mm/s"}
FLAT_MS, MAX_AGE_MS = 5_000, 5_000
DIES_AT, LASTS = 30, 70
KILLS: dict[str, Callable[[float, str], object]] = {
    "silent": lambda value, name: ...,
    "null": lambda value, name: None,
    "stuck": lambda value, name: value,
    "zero": lambda value, name: 0,
    "rail": lambda value, name: LIMITS[name]["rail"][1],
}


class Seen(NamedTuple):
    """One turn: when, what the model was shown, and what was said."""

    at_s: int
    values: np.ndarray | None
    verdict: Verdict


@pytest.fixture(scope="module")
def session() -> Session:
    package, contents = unpack(PACKAGE)
    return open_session(package, contents, Watchdog(), 20.0)


def pump() -> Asset:
    metrics = {
        name: Metric(
            name, "plc", "pump", paths.Path.parse(name), asset="pump", unit=UNITS[name],
            low=limits["rail"][0], high=limits["rail"][1], flatline_ms=FLAT_MS, **limits,
        )
        for name, limits in LIMITS.items()
    }  # fmt: skip
    rules = (RuleRung(parse(text), "alarm") for text in ("temperature > 90", "power > 3000"))
    return Asset("pump", "Pump", metrics, ladder=(ModelRung("m"), *rules))


def watch(asset: Asset, session: Session) -> Watch:
    package = session.package
    state = ModelState(
        ModelRung("m"), Windows(package.shape), package.manifest.decision.decide,
        version="1", hash="ab", columns=tuple(one.name for one in package.shape.channels),
    )  # fmt: skip
    return Watch(asset, Latest(asset.metrics, {}), Policy(asset, lambda: "1"), {"m": state}, 0)


def judge(subject: Watch, session: Session, at_ms: int, windows: list) -> Iterator[Seen]:
    for window in windows:
        turn = subject.turn(at_ms, at_ms, window)
        step, values = turn.step(), None
        if isinstance(step, Question):
            values = np.frombuffer(step.values).reshape(step.rows, step.columns)
            score = session.judge(values[None], time.monotonic() + 5).scores[0]
            step = turn.answered("m", float(score))
        assert isinstance(step, Verdict)
        yield Seen(at_ms // 1000, values, step)


def live(session: Session, rows: list[Row], dead: str = "", how: str = "") -> list[Seen]:
    """Let the pump's messages come, one a second, one of its sensors dead from ``DIES_AT`` on."""
    asset = pump()
    gates, subject = Gates([asset]), watch(asset, session)
    mapper = Mapper("plc", asset.metrics.values())
    seen: list[Seen] = []
    last = {}
    for i, row in enumerate(rows):
        at_ms = 1_000_000 + i * 1_000 + 10
        values = {name: getattr(row, name) for name in LIMITS}
        if dead and i >= DIES_AT:
            value = KILLS[how](last[dead], dead)
            values = {key: one for key, one in values.items() if key != dead}
            values |= {} if value is ... else {dead: value}
        last = {**last, **{key: one for key, one in values.items() if one is not None}}
        message = Message("b", "t", b"", 1, False, False, at_ms, at_ms)
        seen += judge(subject, session, at_ms, list(subject.advance(at_ms)))
        report = mapper.report(Uplink("pump", values), message)
        for reading in gates.judge(report).readings:
            seen += judge(
                subject, session, at_ms, subject.take(Readings.of((reading,)), at_ms, at_ms)
            )
    return seen


@pytest.mark.parametrize("dead", LIMITS)
@pytest.mark.parametrize("how", KILLS)
def test_a_dead_sensor_is_named_and_never_becomes_a_prediction(session, how, dead):
    rows = simulate(3, LASTS)
    seen = [one for one in live(session, rows, dead, how) if one.at_s - 1_000 > DIES_AT]
    column = _column(session, dead)
    died_at, stood_at = getattr(rows[DIES_AT - 1], dead), KILLS[how](0.0, dead)
    assert len(seen) > 30
    for one in seen:
        late_s = one.at_s - 1_000 - DIES_AT
        if one.values is None:
            assert f" {dead}: " in one.verdict.abstained["model:m"]
            assert one.verdict.rung in ("rule:2", "rule:3")
            continue
        # What the model was shown of the dead sensor is no older than the package allows, and
        # nothing that the sensor said after its death, but for a flatline's own first seconds.
        assert late_s <= max(MAX_AGE_MS, FLAT_MS) / 1000 + 1, one
        assert one.values[-1][column] == pytest.approx(died_at), one
        if isinstance(stood_at, (int, float)) and how != "stuck":
            assert stood_at not in one.values[:, column]
    why = seen[-1].verdict.abstained["model:m"]
    expected = {"silent": "stale", "null": "stale", "stuck": "flatline"}.get(how)
    assert why.endswith((f"{dead}: {expected}",) if expected else ("flatline", "rail", "rate")), why
    assert all(one.values is None for one in seen[10:])


def _column(session: Session, name: str) -> int:
    return [one.name for one in session.package.shape.channels].index(name)


def test_a_healthy_pump_is_judged_by_the_model_at_every_turn(session):
    seen = live(session, simulate(3, LASTS))
    judged = [one for one in seen if one.values is not None]
    assert len(judged) > LASTS - 12
    assert {one.verdict.label for one in judged} == {"normal"}


def test_the_gates_do_not_hide_a_pump_that_wears(session):
    seen = live(session, simulate(3, 60, wear_start_s=10.0))
    assert next(one.verdict.rung for one in seen if one.verdict.label == "alarm") == "model:m"


CONFIG = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {plc: {bridge: json, broker: local, topic: "plant/{device}"}}
store: {path: gateway.db, min_free_bytes: 1MiB, verdicts: all}
log: {level: debug, format: json}
models: {anomaly: {package: quick}}
assets:
  pump:
    metrics:
      power: {from: plc/pump, unit: W, range: [0, 4000], rail: [0, 4000], max_rate: 500/s}
      flow: {from: plc/pump, unit: l/min, range: [0, 500], rail: [0, 500]}
      temperature: {from: plc/pump, unit: degC, range: [-40, 150], max_rate: 10 degC/s}
      vibration: {from: plc/pump, unit: mm/s, range: [0, 50], rail: [0, 50]}
    cross: [power < 50 or flow > 5]
    verdicts:
      - {model: anomaly}
      - {rule: temperature > 90}
"""


@pytest.mark.broker
def test_the_daemon_stores_the_gates_word_and_asks_the_next_rung(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    broker = make_broker().start()
    _quick(tmp_path / "quick")
    with (
        Peer(broker.port, "edge/#") as peer,
        Daemon(tmp_path, CONFIG.replace("PORT", str(broker.port))) as daemon,
    ):

        def state() -> dict[str, Any]:
            heard = [said for topic, said, _ in peer.heard if topic == "edge/here/asset/pump/state"]
            return json.loads(heard[-1]) if heard else {"rung": "none", "abstained": {}}

        def comes(until: Callable[[], bool], **changes: object) -> bool:
            values = {name: getattr(next(rows), name) for name in UNITS}
            peer.publish("plant/pump", json.dumps({**values, **changes}))
            return until()

        rows = iter(simulate(3, 3_000))
        wait_until(lambda: comes(lambda: state()["rung"] == "model:anomaly"), "the model answers")
        why = "bad vibration: rail"
        wait_until(
            lambda: comes(lambda: state()["abstained"] == {"model:anomaly": why}, vibration=0.0),
            "the model abstains",
        )
        assert (state()["rung"], state()["label"]) == ("rule:2", "normal")
        assert state()["metrics"]["vibration"]["reason"] == "rail"
        stored = daemon.rows("SELECT reason FROM reading WHERE metric = 'vibration'")
        assert ("rail",) in stored
        assert daemon.stop() == 0


def _quick(folder: Path) -> None:
    """The shipped package with five rows a second: the test need not wait for its window."""
    shutil.copytree(PACKAGE, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["input"]["period_s"] = 0.2
    (folder / "manifest.json").write_text(json.dumps(manifest))
