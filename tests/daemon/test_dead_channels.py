"""Each channel of a shipped model killed in turn, in the running daemon: no word from the model."""

import itertools
import json
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.plant import simulate
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

PACKAGES = Path(__file__).parents[2] / "gateway/demo/packages"
FASTER = {"pump-anomaly": 10, "turbofan-rul": 20}
"""The package with its times so much shorter, so that the test need not wait for them."""
FEW = 4
"""So many channels die in two ways each; of more, one dies of silence, the next of a flatline."""
CONFIG = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {plc: {bridge: json, broker: local, topic: "plant/{device}"}}
store: {path: gateway.db, min_free_bytes: 1MiB, verdicts: all}
log: {level: info, format: json}
models: {shipped: {package: package}}
assets:
  machine:
    metrics:
      other: {from: plc/machine}
METRICS
    verdicts:
      - {model: shipped}
      - {rule: other > 1}
"""


def pump() -> Iterator[Mapping[str, float]]:
    names = ("power", "flow", "temperature", "vibration")
    rows = [{name: getattr(row, name) for name in names} for row in simulate(3, 600)]
    return itertools.cycle(rows)


def turbofan() -> Iterator[Mapping[str, float]]:
    """The golden window with the longest life before it, row by row."""
    folder = PACKAGES / "turbofan-rul"
    manifest = json.loads((folder / "manifest.json").read_text())
    golden = json.loads((folder / manifest["golden"]["file"]).read_text())
    output = next(one["tensor"] for one in manifest["outputs"] if one["meaning"] == "rul")
    lives = [life[0] for life in golden["outputs"][output]]
    window = golden["windows"][lives.index(max(lives))]
    names = [channel["name"] for channel in manifest["input"]["channels"]]
    return itertools.cycle([dict(zip(names, row, strict=True)) for row in window])


HEALTHY: dict[str, Callable[[], Iterator[Mapping[str, float]]]] = {
    "pump-anomaly": pump,
    "turbofan-rul": turbofan,
}


def quick(name: str, folder: Path) -> list[dict[str, Any]]:
    """A shipped package with its times made shorter; its channels."""
    folder.mkdir()
    for file in (PACKAGES / name).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["input"]["period_s"] /= FASTER[name]
    channels: list[dict[str, Any]] = manifest["input"]["channels"]
    for channel in channels:
        for key in {"max_age_s", "flatline_s"} & channel.keys():
            channel[key] /= FASTER[name]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return channels


def metrics(channels: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"      {one['name']}: {{from: plc/machine{one['unit'] and ', unit: ' + one['unit']}}}"
        for one in channels
    )


def newest(peer: Peer) -> dict[str, Any]:
    """The newest document that was heard; empty before the first."""
    return json.loads(peer.heard[-1][1]) if peer.heard else {}


@pytest.mark.broker
@pytest.mark.parametrize("name", HEALTHY)
def test_no_verdict_comes_from_a_model_with_a_dead_channel(
    tmp_path: Path, broker: Mosquitto, name: str
) -> None:
    channels = quick(name, tmp_path / "package")
    text = CONFIG.replace("PORT", str(broker.port)).replace("METRICS", metrics(channels))
    rows = HEALTHY[name]()
    with Peer(broker.port, "edge/here/asset/machine/state") as peer, Daemon(tmp_path, text) as one:

        def tell(**changes: float | None) -> Mapping[str, float]:
            row = next(rows)
            peer.publish("plant/machine", json.dumps({"other": 0, **row, **changes}))
            return row

        state = partial(newest, peer)

        def well() -> bool:
            tell()
            return bool(state().get("rung") == "model:shipped")

        def dead(channel: str, value: float | None, why: tuple[str, ...]) -> None:
            def said() -> bool:
                tell(**{channel: value})
                return bool(state().get("rung") == "rule:2")

            def told() -> bool:
                """A busy machine may leave another gap first, and only the first word is told."""
                wait_until(said, f"{channel}: {why}")
                if state()["abstained"]["model:shipped"] in why:
                    return True
                wait_until(well, "the model answers again")
                return False

            wait_until(told, f"{channel}: {why}")
            since_ms = time.time_ns() // 1_000_000
            until = time.monotonic() + 0.5
            wait_until(lambda: tell(**{channel: value}) and time.monotonic() > until, "a while")
            until_ms = time.time_ns() // 1_000_000
            sql = "SELECT DISTINCT rung FROM verdict WHERE at_ms BETWEEN ? AND ?"
            rungs = (since_ms, until_ms)
            wait_until(lambda: one.rows(sql, *rungs), "verdicts of that time")
            assert one.rows(sql, *rungs) == [("rule:2",)], channel

        for place, channel in enumerate(channels):
            key, few = channel["name"], len(channels) <= FEW
            if few or place % 2:
                wait_until(well, "the model answers")
                dead(key, None, tuple(f"gap {key}: {why}" for why in ("silent", "stale")))
            if few or not place % 2:
                wait_until(well, "the model answers")
                dead(key, tell()[key], (f"bad {key}: flatline",))
        assert one.stop() == 0
