"""Somebody who may publish whatever they like on a bridge's topics, and what it gets them."""

import json
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

from tests.fakes.daemon import pump
from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG, PROBE, SWITCH, Zigbee, device, numeric

MOST, EVERY_MS = 3, 60_000
LEVEL = {**numeric("level"), "access": 7, "value_min": -1e9, "value_max": 1e9}
THROTTLE = """      throttle:
        to: zigbee/valve
        set: {level: value}
        value: {range: [0, 100], step: 10, slew: 20 per 1m, metric: level}
    verdicts:
"""
FILE = (
    ("        to: zigbee/plug\n", "        to: zigbee/plug\n        after: {stop: 1m}\n"),
    ("    metrics:\n", f"    limits: {{commands_per_hour: {MOST}}}\n    metrics:\n"),
    ("unit: W}\n", "unit: W}\n      level: {from: zigbee/valve}\n"),
    (
        "    verdicts:\n",
        THROTTLE,
    ),
    ("mode: act}\n", "mode: act}\n      - {when: alarm, do: throttle, with: 40, mode: act}\n"),
)


def lies(chance: random.Random) -> tuple[str, Any, bool]:
    """A topic, what is said on it, and whether it is retained."""
    heat = chance.choice([95, 20, 1e308, -5, "hot", None, True, [], {"a": 1}])
    values: Any = {"temperature": heat, "power": chance.choice([0, 9e9]), "state": "TOGGLE"}
    log = "Publish 'set' 'state' to 'plug' failed: 'no'"
    wide = device(1, "plug", SWITCH, LEVEL, {**numeric("power"), "access": 7})
    plots = [
        ("probe", {"temperature": chance.choice([95, 20])}),
        ("probe", {"temperature": chance.choice([95, 20])}),
        ("probe", values),
        ("plug", values),
        ("plug", {"power": chance.choice([0.0, 900.0]), "state": chance.choice(["ON", "OFF"])}),
        ("valve", {"level": chance.choice([0, 40, 60, 1e9, -1, "40"])}),
        ("plug/availability", {"state": chance.choice(["online", "offline"])}),
        ("bridge/devices", chance.choice([[PLUG, PROBE, VALVE], [wide, PROBE, VALVE], [], {}])),
        ("bridge/state", {"state": chance.choice(["online", "offline"])}),
        ("bridge/logging", {"level": "error", "message": log}),
        ("bridge/event", {"type": "device_leave", "data": {"friendly_name": "plug"}}),
        ("plug/set", {"state": "ON", "level": 1e9}),
        ("plug/get", {"state": ""}),
        ("bridge/response/device/rename", {"data": {"from": "plug", "to": "other"}}),
    ]
    topic, said = chance.choice(plots)
    return topic, said, chance.random() < 0.2


VALVE = device(3, "valve", LEVEL)


def provoked(zigbee: Zigbee, daemon: Inside) -> bool:
    """It is hot and cold in turns, until something was sent and a limit has refused the rest."""
    zigbee.tell("probe", temperature=20)
    zigbee.tell("probe", temperature=95)
    limits = "SELECT 1 FROM decision WHERE refused LIKE 'assets.pump.%'"
    return bool(daemon.commands() and daemon.rows(limits))


def test_lies_on_a_bridge_s_topics_get_nothing_that_the_file_does_not_allow(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    chance, clock = random.Random(7), Clocks()
    with Zigbee(make_broker().start().port, PLUG, PROBE, VALVE) as zigbee:
        (tmp_path / "gateway.yaml").write_text(pump(zigbee.port, *FILE))
        with Inside(tmp_path / "gateway.yaml", clock) as daemon:
            zigbee.online()
            for _ in range(30):
                for _ in range(20):
                    topic, said, retain = lies(chance)
                    zigbee.peer.publish(f"zigbee2mqtt/{topic}", json.dumps(said), retain=retain)
                clock.pass_ms(chance.choice([1_000, 30_000, 90_000, 600_000]))
            zigbee.introduce()
            zigbee.tell("valve", level=40)
            wait_until(lambda: provoked(zigbee, daemon), "it did something, and a limit refused")
            daemon.stop()
        query = (
            "SELECT device, action, set_json, sent_mono_ms FROM command"
            " WHERE sent_mono_ms IS NOT NULL ORDER BY sent_mono_ms"
        )
        sent = daemon.rows(query)
    said = {(one, action, text) for one, action, text, _ in sent}
    allowed = {("plug", "stop", '{"state":"OFF"}'), ("valve", "throttle", '{"level":40}')}
    assert said <= allowed
    times = [at_ms for *_, at_ms in sent]
    busy = max(sum(at - 3_600_000 < other <= at for other in times) for at in times)
    assert busy <= MOST
    stops = [at_ms for _, action, _, at_ms in sent if action == "stop"]
    assert all(later - at >= EVERY_MS for at, later in pairwise(stops))
