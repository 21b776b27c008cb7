"""What a person should look at: published, kept over a restart, and never a command."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.models import make

CONFIG = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {plc: {bridge: json, broker: local, topic: "plant/{device}"}}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: debug, format: json}
models: {wear: {package: package}}
assets:
  pump:
    metrics:
METRICS
    verdicts:
      - {model: wear}
"""


@pytest.mark.broker
def test_abstention_rates_are_in_the_health_document_and_counted_durably(
    tmp_path: Path, broker: Mosquitto
) -> None:
    (tmp_path / "package").mkdir()
    package = make.write(tmp_path / "package", make.linear())
    manifest = json.loads((tmp_path / "package/manifest.json").read_text())
    manifest["input"]["period_s"] = 0.1
    (tmp_path / "package/manifest.json").write_text(json.dumps(manifest))
    names = [channel.name for channel in package.shape.channels]
    metrics = "\n".join(
        f"      {one.name}: {{from: plc/pump, unit: '{one.unit}'}}"
        if one.unit
        else f"      {one.name}: {{from: plc/pump}}"
        for one in package.shape.channels
    )
    text = CONFIG.replace("PORT", str(broker.port)).replace("METRICS", metrics)
    random = Random(1)
    with Peer(broker.port, "edge/#") as peer, Daemon(tmp_path, text) as daemon:

        def comes(until: Callable[[], object]) -> bool:
            values = {name: random.gauss(0, 0.1) for name in names}
            peer.publish("plant/pump", json.dumps(values))
            return bool(until())

        def counted(reason: str) -> int:
            rows = daemon.rows(
                "SELECT n FROM counter WHERE scope = 'model:wear' AND reason = ?", reason
            )
            return rows[0][0] if rows else 0

        wait_until(lambda: comes(lambda: counted("filling")), "it fills")
        wait_until(lambda: comes(lambda: counted("answered") > 5), "it answers")
        assert daemon.stop() == 0
        kept = daemon.rows("SELECT key FROM kept WHERE room = 'drift'")
        assert [key.split("\n")[:2] for (key,) in kept] == [["pump", "wear"]]
        peer.heard.clear()
        daemon.start()
        wait_until(lambda: [one for one in peer.heard if one[0] == "edge/here/health"], "health")
        said = [json.loads(said) for topic, said, _ in peer.heard if topic == "edge/here/health"]
        assert "models" in said[-1]
        assert said[-1]["counters"]["model:wear/answered"] > 5
