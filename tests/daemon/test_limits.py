"""Every limit once, through the running daemon: it refuses, says which key did, and lets go."""

import json
import signal
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import Clocks, inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.people import done, refused, say
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG, PROBE, SWITCH, Zigbee, device, numeric

MakeBroker = Callable[..., Mosquitto]
HOUR_MS = 3_600_000
OVERRIDE = "asset/pump/override"
STOP = "assets.pump.actions.stop"
LEVEL = {**numeric("level"), "access": 7, "value_min": 0, "value_max": 70}
VALVE = device(3, "valve", LEVEL)
THROTTLE = """      throttle:
        to: zigbee/valve
        set: {level: value}
        value: {range: [0, 100], step: 10, slew: 20 per 10m, metric: level}
      drain: {to: zigbee/valve, set: {level: 0}, undone_if: level > 0}
    verdicts:
"""
METRICS = "      level: {from: zigbee/valve}\n    actions:\n"


@pytest.fixture
def zigbee(broker: Mosquitto) -> Iterator[Zigbee]:
    with Zigbee(broker.port, PLUG, PROBE, VALVE, OTHER) as zigbee:
        yield zigbee


OTHER = device(4, "other", SWITCH, numeric("power"))


def text(zigbee: Zigbee, *keys: str, more: str = "") -> str:
    """The pump, whose ``stop`` has further keys, and which has a valve."""
    stop = "".join(f"        {key}\n" for key in keys)
    return more + pump(
        zigbee.port,
        ("        to: zigbee/plug\n", f"        to: zigbee/plug\n{stop}"),
        ("    actions:\n", METRICS),
        ("    verdicts:\n", THROTTLE),
    )


def decisions(daemon: Records) -> list[tuple[str, str]]:
    return daemon.rows("SELECT event, refused FROM decision ORDER BY rowid")


def known(zigbee: Zigbee, daemon: Records, metric: str, count: int, **values: Any) -> None:
    """A device reports; the daemon has stored it when this returns."""
    name = {"temperature": "probe", "level": "valve"}.get(metric, "plug")
    zigbee.tell(name, **values)
    wait_until(lambda: len(daemon.values(metric)) >= count, f"{metric} is known")


def stopped(zigbee: Zigbee, daemon: Records, count: int = 1) -> None:
    """Somebody stops the pump, for the so-manieth time, and its power proves it."""
    before = len(zigbee.orders)
    done(zigbee, OVERRIDE, force="stop")
    zigbee.obey(before + 1)
    wait_until(lambda: daemon.states().count("confirmed") == count, "proof")


@pytest.mark.parametrize(
    ("rate", "span_ms"), [("commands_per_hour", HOUR_MS), ("commands_per_day", 24 * HOUR_MS)]
)
def test_an_asset_gets_so_many_commands_and_no_more(
    tmp_path: Path, zigbee: Zigbee, rate: str, span_ms: int
) -> None:
    clock = Clocks()
    limited = text(zigbee).replace("    metrics:\n", f"    limits: {{{rate}: 1}}\n    metrics:\n")
    said = f"assets.pump.limits.{rate} 1"
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        stopped(zigbee, daemon)
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {said}"
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: ("raised", said) in decisions(daemon), "the policy is refused, too")
    zigbee.peer.heard.clear()
    clock.set(0, right=True)
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {said}"
        clock.pass_ms(span_ms)
        stopped(zigbee, daemon, 2)


def test_the_gateway_s_rate_survives_a_kill(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, text(zigbee, more="limits: {commands_per_minute: 1}\n")) as daemon:
        zigbee.online()
        stopped(zigbee, daemon)
        daemon.kill()
        zigbee.peer.heard.clear()
        daemon.start()
        zigbee.online()
        assert refused(zigbee, OVERRIDE, force="stop") == "refused: limits.commands_per_minute 1"


@pytest.mark.parametrize("wall_ms", [0, 4 * 10**12])
def test_a_minimum_time_survives_a_reboot_whatever_the_clock_says(
    tmp_path: Path, zigbee: Zigbee, wall_ms: int
) -> None:
    limited = text(zigbee, "after: {stop: 10m}")
    with inside(tmp_path, limited) as daemon:
        zigbee.online()
        stopped(zigbee, daemon)
    zigbee.peer.heard.clear()
    clock = Clocks(wall_ms=wall_ms, right=False, boot="boot-2")
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {STOP}.after.stop 10m"
        clock.pass_ms(600_000)
        stopped(zigbee, daemon, 2)


@pytest.mark.parametrize("wall_ms", [0, 4 * 10**12])
def test_the_shortest_interval_of_a_policy_survives_a_reboot_whatever_the_clock_says(
    tmp_path: Path, zigbee: Zigbee, wall_ms: int
) -> None:
    limited = text(zigbee).replace("mode: act", "mode: act, min_interval: 1h")
    with inside(tmp_path, limited) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "it is stopped")
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: len(decisions(daemon)) == 2, "all clear")
    zigbee.peer.heard.clear()
    clock = Clocks(wall_ms=wall_ms, right=False, boot="boot-2")
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: len(decisions(daemon)) == 3, "hot again")
        assert decisions(daemon)[-1] == ("raised", "min_interval")
        clock.pass_ms(HOUR_MS)
        zigbee.tell("probe", temperature=97)
        wait_until(lambda: decisions(daemon)[-1] == ("repeated", ""), "the hour is over")


@pytest.mark.parametrize(
    ("key", "forbids", "allows"),
    [
        ("only_if: power > 100", {"power": 50.0}, {"power": 1200.0}),
        ("unless: power > 100", {"power": 1200.0}, {"power": 50.0}),
        ("only_if: '`pump/power` > 100'", {"power": 50.0}, {"power": 1200.0}),
    ],
)
def test_an_interlock_wants_fresh_evidence_of_this_process(
    tmp_path: Path, zigbee: Zigbee, key: str, forbids: Any, allows: Any
) -> None:
    said = f"{STOP}.{key.replace(': ', ' ', 1)}".replace("'", "")
    limited, clock = text(zigbee, key), Clocks()
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {said}: unknown"
        zigbee.peer.publish("zigbee2mqtt/plug", json.dumps(allows), retain=True)
        wait_until(lambda: len(daemon.values("power")) == 1, "it is stored")
    zigbee.peer.heard.clear()
    with inside(tmp_path, limited, clock) as daemon:
        zigbee.online()
        wait_until(lambda: len(daemon.values("power")) >= 2, "the retained value is stored again")
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {said}: unknown"
        known(zigbee, daemon, "power", 3, **forbids)
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {said}"
        known(zigbee, daemon, "power", 4, **allows)
        stopped(zigbee, daemon)


def test_hours_want_a_clock_that_is_right(tmp_path: Path, zigbee: Zigbee) -> None:
    hours = "Mo-Fr 06:00-22:00 UTC"
    clock = Clocks(right=False)  # a Wednesday morning
    with inside(tmp_path, text(zigbee, f"only_during: {hours}"), clock) as daemon:
        zigbee.online()
        said = f"refused: {STOP}.only_during {hours}"
        why = f"{said}: the clock is not believed"
        assert refused(zigbee, OVERRIDE, force="stop") == why
        clock.synchronise()
        wait_until(lambda: zigbee.newest("health").get("clock", {}).get("ok") is not False, "right")
        wait_until(lambda: forced(zigbee) != why, "the clock is believed")
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        clock.pass_ms(3 * 24 * HOUR_MS)  # a Saturday
        assert refused(zigbee, OVERRIDE, force="stop") == said


def forced(zigbee: Zigbee) -> str:
    """What a person who wants to stop the pump is answered; empty when it is done."""
    return str(say(zigbee, OVERRIDE, force="stop").get("error", ""))


def test_a_value_is_held_against_the_file_and_the_registry(tmp_path: Path, zigbee: Zigbee) -> None:
    key = "assets.pump.actions.throttle.value"
    with (
        inside(tmp_path, text(zigbee)) as daemon,
        Peer(zigbee.port, "zigbee2mqtt/valve/set") as ear,
    ):
        zigbee.online()

        def told(value: object) -> str:
            return refused(zigbee, OVERRIDE, force="throttle", value=value)

        assert told(110) == f"refused: {key}.range [0, 100]: 110"
        assert told(45) == f"refused: {key}.step 10 from 0: 45"
        assert told(40) == f"refused: {key}.slew 20 per 10m: level is unknown"
        known(zigbee, daemon, "level", 1, level=60)
        assert told(30) == f"refused: {key}.slew 20 per 10m: 30 is too far from level"
        assert told(80) == "refused: value: level: 80 is not 0 to 70"
        done(zigbee, OVERRIDE, force="throttle", value=50)
        wait_until(lambda: ear.heard, "an order")
        assert json.loads(ear.heard[0][1]) == {"level": 50}
        assert (
            told(80) == f"refused: {key}.slew 20 per 10m: 80 is too far from 50, which it was told"
        )


def test_a_policy_tells_its_action_the_value_of_the_file(tmp_path: Path, zigbee: Zigbee) -> None:
    written = text(zigbee).replace("do: stop,", "do: throttle, with: 40,")
    with inside(tmp_path, written) as daemon, Peer(zigbee.port, "zigbee2mqtt/valve/set") as ear:
        zigbee.online()
        known(zigbee, daemon, "level", 1, level=60)
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: ear.heard, "an order")
        assert json.loads(ear.heard[0][1]) == {"level": 40}
        wait_until(lambda: zigbee.newest("asset/pump/decision"), "it is announced")
        assert zigbee.newest("asset/pump/decision")["value"] == 40


def test_an_action_waits_for_another_that_it_must_not_meet(tmp_path: Path, zigbee: Zigbee) -> None:
    with inside(tmp_path, text(zigbee, "never_with: drain")) as daemon:
        zigbee.online()
        said = f"refused: {STOP}.never_with pump/drain: "
        assert refused(zigbee, OVERRIDE, force="stop") == f"{said}may be in force: unknown"
        known(zigbee, daemon, "level", 1, level=0)
        assert refused(zigbee, OVERRIDE, force="stop") == f"{said}is in force"
        known(zigbee, daemon, "level", 2, level=60)
        done(zigbee, OVERRIDE, force="drain")
        assert refused(zigbee, OVERRIDE, force="stop") == f"{said}is on its way"


PUMPS = """exclusions: {pumps: {of: [pump/stop, spare/stop]}}
"""
SPARE = """
  spare:
    metrics: {power: {from: zigbee/other}, temperature: {from: zigbee/probe}}
    actions:
      stop: {to: zigbee/other, set: {state: "OFF"}, proof: {metric: power, below: 5, within: 20s}}
    verdicts:
      - {rule: "temperature > 90", label: alarm}
    policy:
      - {when: alarm, do: stop, mode: act}
"""


def test_of_two_pumps_that_are_hot_together_one_is_stopped_for_good(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    ear = Peer(zigbee.port, "zigbee2mqtt/other/set")
    with Daemon(tmp_path, text(zigbee, more=PUMPS) + SPARE) as daemon, ear:
        zigbee.online()
        zigbee.tell("plug", power=900.0)
        zigbee.tell("other", power=900.0)
        wait_until(lambda: len(daemon.values("power")) >= 2, "both run")
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "one is stopped")
        spare = "asset/spare/override"
        said = "refused: exclusions.pumps at_most 1: pump/stop "
        wait_until(lambda: len(decisions(daemon)) == 2, "both were decided")
        why = refused(zigbee, spare, force="stop")
        assert why.startswith(said)
        daemon.kill()
        zigbee.peer.heard.clear()
        daemon.start()
        zigbee.online()
        zigbee.tell("other", power=900.0)
        assert refused(zigbee, spare, force="stop") == f"{said}may be in force: unknown"
        zigbee.tell("plug", power=0.2)
        wait_until(lambda: 0.2 in daemon.values("power"), "it stands")
        assert refused(zigbee, spare, force="stop") == f"{said}is in force"
        assert ear.heard == []


def far(zigbee: Zigbee, away: Mosquitto) -> str:
    """The plug is switched by way of another broker than the one it is heard on."""
    brokers = f"brokers: {{far: {{host: 127.0.0.1, port: {away.port}}}, local: {{"
    topics = "topic: 'cell/{device}', command_topic: 'cell/{device}/set'"
    source = f"far: {{bridge: json, broker: far, {topics}}}"
    return (
        text(zigbee, "unless: power > 1000", "expires: 60s")
        .replace("brokers: {local: {", brokers)
        .replace("zigbee2mqtt, broker: local}", f"zigbee2mqtt, broker: local}}, {source}")
        .replace("gateway: {id: here", "gateway: {id: here, broker: local")
        .replace("to: zigbee/plug", "to: far/plug")
    )


def test_a_command_that_waited_for_its_broker_is_held_against_what_is_known_then(
    tmp_path: Path, zigbee: Zigbee, make_broker: MakeBroker
) -> None:
    away = make_broker()
    written = far(zigbee, away)
    with inside(tmp_path, written) as daemon:
        zigbee.online()
        known(zigbee, daemon, "power", 1, power=800.0)
        done(zigbee, OVERRIDE, force="stop")
        wait_until(lambda: daemon.states() == ["stored"], "it waits")
        known(zigbee, daemon, "power", 2, power=1200.0)
        with Peer(away.start().port, "cell/#") as ear:
            reason = f"{STOP}.unless power > 1000"
            wait_until(lambda: daemon.commands() == [("refused", reason)], "it is refused", 20)
            assert ear.heard == []


def test_a_command_that_waited_when_the_machine_went_down_is_void(
    tmp_path: Path, zigbee: Zigbee, make_broker: MakeBroker
) -> None:
    away = make_broker()
    with inside(tmp_path, far(zigbee, away)) as daemon:
        zigbee.online()
        known(zigbee, daemon, "power", 1, power=800.0)
        done(zigbee, OVERRIDE, force="stop")
        wait_until(lambda: daemon.states() == ["stored"], "it waits")
    with (
        Peer(away.start().port, "cell/#") as ear,
        inside(tmp_path, far(zigbee, away), Clocks(boot="boot-2")) as daemon,
    ):
        void = [("expired", "not sent before the machine restarted")]
        wait_until(lambda: daemon.commands() == void, "it is void")
        assert ear.heard == []


def test_a_stop_that_comes_while_a_command_is_being_stored_still_stops_it(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, text(zigbee)) as daemon:
        zigbee.online()
        wait_until(lambda: daemon.rows("SELECT 1 FROM kept"), "the store is in use")
        other = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None, timeout=10)
        other.execute("BEGIN IMMEDIATE")  # nothing can be committed
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: daemon.logged("command_changed"), "a command is being stored")
        zigbee.peer.publish("edge/here/stop/set", json.dumps({"on": True}))
        wait_until(lambda: daemon.logged("intervention_changed"), "a person stops everything")
        other.rollback()
        other.close()
        wait_until(lambda: daemon.states() == ["failed"], "it is not published")
        ((_, reason),) = daemon.commands()
        # a machine that is slow may not have let go of the store in time
        assert reason in {
            "stopped; nothing was published",
            "store did not answer; nothing was published",
        }
        assert zigbee.orders == []


def test_a_fail_safe_that_is_forbidden_stays_due_and_is_done_once_it_may(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    safe = text(zigbee, "only_if: power > 100") + "    fail_safe: {after: 500ms, do: stop}\n"
    with inside(tmp_path, safe) as daemon:
        zigbee.online()
        zigbee.tell("plug", power=50)
        said = ("fail_safe", f"{STOP}.only_if power > 100")
        wait_until(lambda: decisions(daemon) == [said], "it is refused")
        assert zigbee.orders == []
        zigbee.tell("plug", power=500)
        wait_until(lambda: zigbee.orders, "an order")
        wait_until(lambda: decisions(daemon) == [said, ("fail_safe", "")], "it is done, once")


def test_a_new_file_forgets_nothing_that_was_sent(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, text(zigbee)) as daemon:
        zigbee.online()
        stopped(zigbee, daemon)
        daemon.file.write_text(text(zigbee, "after: {stop: 1h}"))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.logged("configuration_loaded"), "the new file holds")
        assert refused(zigbee, OVERRIDE, force="stop") == f"refused: {STOP}.after.stop 1h"


def test_what_a_device_never_shows_needs_a_proof(tmp_path: Path, zigbee: Zigbee) -> None:
    effect = {"type": "enum", "name": "effect", "property": "effect", "access": 2, "values": ["x"]}
    zigbee.devices = (PLUG, PROBE, VALVE, device(5, "horn", effect))
    zigbee.introduce()
    horn = "      horn: {to: zigbee/horn, set: {effect: x}}\n    verdicts:\n"
    with inside(tmp_path, text(zigbee).replace("    verdicts:\n", horn)):
        zigbee.online()
        why = refused(zigbee, OVERRIDE, force="horn")
        assert why.startswith("refused: assets.pump.actions.horn.proof: horn never shows 'effect'")
