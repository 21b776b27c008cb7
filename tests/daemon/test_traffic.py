"""The traffic of a source is scored by the shipped package in the worker, and raises an alert."""

import json
from pathlib import Path

from gateway.core.traffic import PERIOD_MS
from tests.fakes.daemon import pump
from tests.fakes.inside import Clocks, Inside, inside
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

SCORED = (
    ("store:", "security: {traffic: always}\nstore:"),
    ("zigbee2mqtt, broker: local", "zigbee2mqtt, broker: local, limits: {device_per_second: 0}"),
)


def warm(daemon: Inside) -> None:
    """What was learnt in some minutes counts as if it had been an hour."""
    assert daemon.daemon is not None
    daemon.daemon.parts.traffic._known["zigbee"].steps = 61


def minutes(daemon: Inside, clock: Clocks, count: int) -> None:
    """So many periods pass, each scored before the next one begins."""
    for _ in range(count):
        before = scored(daemon)
        clock.pass_ms(PERIOD_MS)
        wait_until(lambda before=before: scored(daemon) > before, "a period is scored")


def scored(daemon: Inside) -> int:
    assert daemon.daemon is not None
    traffic = daemon.daemon.parts.traffic
    carried = traffic._known.get("zigbee")
    return carried.steps if carried else 0


def test_a_flood_is_unusual_and_says_what_is(tmp_path: Path, zigbee: Zigbee) -> None:
    clock = Clocks()
    with inside(tmp_path, pump(zigbee.port, *SCORED), clock) as daemon:
        zigbee.online()
        clock.pass_ms(PERIOD_MS)
        wait_until(lambda: scored(daemon) or clock.pass_ms(PERIOD_MS), "the first is scored")
        minutes(daemon, clock, 5)
        warm(daemon)
        for at in range(3_000):
            zigbee.peer.publish("zigbee2mqtt/plug", json.dumps({"power": at}), qos=1)
        wait_until(lambda: len(daemon.values("power")) == 3_000, "all of it is stored")
        minutes(daemon, clock, 1)

        def events() -> list[dict[str, object]]:
            said = zigbee.heard("edge/here/event")
            return [one for one in said if one["event"] == "security_traffic_anomaly"]

        wait_until(events, "it is told")
        (told,) = events()
        assert (told["source"], told["feature"]) == ("zigbee", "messages")
        assert told["value"] >= 3_000  # type: ignore[operator]  # a number
        wait_until(
            lambda: "source zigbee: unusual traffic" in str(zigbee.newest("problems")),
            "it is shown",
        )
        assert daemon.commands() == []
        minutes(daemon, clock, 3)
        wait_until(lambda: "unusual traffic" not in str(zigbee.newest("problems")), "it is over")
        daemon.stop()
