"""A state that is carried from window to window, in the running daemon on clocks that are set."""

import json
from pathlib import Path

import pytest

from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.models import make

PERIOD_MS = 60_000
CONFIG = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {plc: {bridge: json, broker: local, topic: "plant/{device}"}}
store: {path: gateway.db, min_free_bytes: 1MiB, verdicts: all}
models: {total: {package: total}}
assets:
  one: {metrics: {litres: {from: plc/one, stale: 2h}}, verdicts: [{model: total}]}
  two: {metrics: {litres: {from: plc/two, stale: 2h}}, verdicts: [{model: total}]}
"""


def total(folder: Path) -> None:
    """score = all litres so far: the state is the sum, one window a minute."""
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "next"),
        make.node("Identity", "next", "score"),
    ]
    outputs = [("score", make.FLOAT, ("n", 1)), ("next", make.FLOAT, ("n", 1))]
    model = make.model(nodes, window=("n", 1, 1), outputs=outputs, states=[("sum", 1)])
    channel = {"name": "litres", "unit": "", "max_age_s": 1}
    dims = {"period_s": PERIOD_MS / 1000, "window": 1}
    make.write(
        folder,
        make.Recipe(
            model,
            rows=1,
            channels=1,
            memories=[{"input": "sum", "output": "next", "size": 1}],
            levels=[{"label": "alarm", "on": 1000.0, "off": 999.0}],
        ),
        input={"tensor": "window", "layout": "n,t,c", "channels": [channel], **dims},
    )


class Plant:
    """Two meters, each heard once a minute."""

    def __init__(self, peer: Peer, clock: Clocks) -> None:
        self.peer, self.clock = peer, clock

    def minute(self, **litres: float) -> None:
        """The next minute comes, and the meters say this."""
        self.clock.pass_ms(PERIOD_MS - self.clock.now_ms() % PERIOD_MS + 5_000)
        for name, value in litres.items():
            self.peer.publish(f"plant/{name}", json.dumps({"litres": value}))


def reaches(daemon: Inside, **scores: float) -> None:
    """Wait for the newest score of each asset."""
    sql = "SELECT score FROM verdict WHERE asset = ? ORDER BY id DESC LIMIT 1"
    for asset, score in scores.items():
        wait_until(lambda a=asset, s=score: daemon.rows(sql, a) == [(s,)], f"{asset}: {score}")  # type: ignore[misc]


@pytest.mark.broker
def test_a_carried_state_is_kept_per_asset_over_a_restart_and_begins_again_after_a_gap(
    tmp_path: Path, broker: Mosquitto
) -> None:
    total(tmp_path / "total")
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIG.replace("PORT", str(broker.port)))
    clock = Clocks()
    with Peer(broker.port, "edge/#") as peer:
        plant = Plant(peer, clock)
        with Inside(file, clock) as daemon:
            wait_until(lambda: "online" in said(peer), "it is online")
            plant.minute(one=10.0, two=100.0)
            reaches(daemon, one=10.0, two=100.0)
            plant.minute(one=10.0, two=200.0)
            reaches(daemon, one=20.0, two=300.0)
            plant.minute(one=10.0, two=300.0)
            reaches(daemon, one=30.0, two=600.0)
        peer.heard.clear()
        with Inside(file, clock) as daemon:
            wait_until(lambda: "online" in said(peer), "it is online again")
            plant.minute(one=10.0, two=100.0)
            reaches(daemon, one=40.0, two=700.0)
            clock.pass_ms(3 * PERIOD_MS)
            plant.minute(one=5.0, two=7.0)
            reaches(daemon, one=5.0, two=7.0)


def said(peer: Peer) -> list[str]:
    topic = "edge/here/availability"
    return [payload.decode() for at, payload, _ in list(peer.heard) if at == topic]
