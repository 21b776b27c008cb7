"""From an alarm to a proved command, and every reason not to send one."""

import json
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG, PROBE, SWITCH, Zigbee, device, numeric


def decisions(daemon: Records) -> list[tuple[str, str, str, str]]:
    return daemon.rows("SELECT event, mode, action, refused FROM decision ORDER BY id")


def test_a_hot_pump_is_stopped_and_its_power_proves_it(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1200.0)
        zigbee.tell("probe", temperature=95.5)
        wait_until(lambda: zigbee.orders, "an order")
        zigbee.tell("plug", state="OFF", power=800.0)
        wait_until(lambda: zigbee.newest("asset/pump/command")["state"] == "accepted", "an echo")
        zigbee.tell("plug", state="OFF", power=0.3)
        wait_until(lambda: zigbee.newest("asset/pump/command")["state"] == "confirmed", "proof")

        assert zigbee.orders == [{"state": "OFF"}]
        told = zigbee.heard("edge/here/asset/pump/command")
        assert [order["state"] for order in told] == ["sent", "accepted", "confirmed"]
        assert told[-1]["evidence"] == "proof: power 0.3 W < 5.0 W"
        (decision,) = zigbee.heard("edge/here/asset/pump/decision")
        expected = {"event": "raised", "mode": "act", "action": "stop", "refused": None}
        assert {key: decision[key] for key in expected} == expected
        assert decision["verdict"]["inputs"] == {"power": 1200.0, "temperature": 95.5}
        assert told[-1]["decision"] == decision["id"]
        wait_until(lambda: zigbee.newest("health"), "health")
        wait_until(lambda: daemon.states() == ["confirmed"], "the record")
        wait_until(lambda: not daemon.rows("SELECT 1 FROM outbox"), "everything is out")
        _check_rows(daemon, decision["id"])
        assert daemon.stop() == 0
    with Peer(broker.port, "edge/#") as late:
        names = {"health", "asset/pump/alert", "asset/pump/state", "asset/pump/explanation"}
        wanted = {f"edge/here/{name}" for name in names}
        heard = {*wanted, "edge/here/availability"}
        wait_until(lambda: heard <= {topic for topic, *_ in list(late.heard)}, "what is retained")
        retained = {topic: payload for topic, payload, _ in list(late.heard)}
    assert retained["edge/here/availability"] == b"offline"
    documents = {topic: json.loads(retained[topic]) for topic in wanted}
    assert documents["edge/here/asset/pump/alert"]["state"] == "raised"
    state = documents["edge/here/asset/pump/state"]
    assert (state["label"], state["alert"], state["rung"]) == ("alarm", True, "rule:1")
    health = documents["edge/here/health"]
    assert health["v"] == 1
    assert health["sources"]["zigbee"]["messages"] >= 5


def _check_rows(daemon: Daemon, decision_id: str) -> None:
    """One decision is one record: inputs, verdict, rule, command, outcome, times."""
    ((verdict_label, rung),) = daemon.rows("SELECT label, rung FROM verdict WHERE label = 'alarm'")
    assert (verdict_label, rung) == ("alarm", "rule:1")
    ((id_, policy, votes, verdict),) = daemon.rows(
        "SELECT id, policy, votes, verdict FROM decision"
    )
    assert (id_, policy, votes) == (decision_id, "pump/policy/0", "1 of 1")
    assert json.loads(verdict)["inputs"] == {"power": 1200.0, "temperature": 95.5}
    columns = "decision_id, asset, action, source, device, set_json, mode, evidence"
    (row,) = daemon.rows(f"SELECT {columns} FROM command")
    assert row[:5] == (decision_id, "pump", "stop", "zigbee", "plug")
    assert json.loads(row[5]) == {"state": "OFF"}
    assert row[6:] == ("act", "proof: power 0.3 W < 5.0 W")
    times = "created_at_ms, sent_at_ms, ended_at_ms, expires_at_ms"
    (stamps,) = daemon.rows(f"SELECT {times} FROM command")
    assert list(stamps) == sorted(stamps)


def test_an_alert_is_cleared_once_the_asset_is_well_again(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with inside(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: zigbee.newest("asset/pump/alert").get("state") == "clear", "all clear")
        assert [event for event, *_ in decisions(daemon)] == ["raised", "cleared"]


@pytest.mark.parametrize("mode", ["advise", "shadow"])
def test_a_mode_that_may_not_act_publishes_nothing_on_a_command_topic(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, mode: str
) -> None:
    with inside(tmp_path, pump(broker.port, ("mode: act", f"mode: {mode}"))) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: decisions(daemon) == [("raised", mode, "stop", "")], "a decision")
        wait_until(lambda: zigbee.newest("asset/pump/state").get("alert"), "it is shown")
        if mode == "advise":
            wait_until(lambda: zigbee.heard("edge/here/asset/pump/decision"), "the advice")
        daemon.stop()
        assert zigbee.orders == []
        assert daemon.commands() == []
        assert bool(zigbee.heard("edge/here/asset/pump/decision")) == (mode == "advise")


@pytest.mark.parametrize(
    ("lock", "reason"),
    [
        ("unless: power > 1000", "unless power > 1000"),
        ("unless: missing_one > 3", "unless missing_one > 3"),
        ("only_if: power > 2000", "only_if power > 2000"),
    ],
)
def test_an_interlock_refuses_and_the_refusal_is_on_record_once(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, lock: str, reason: str
) -> None:
    text = pump(
        broker.port,
        ("mode: act", f"mode: act, {lock}"),
        ("unit: W}", "unit: W}\n      missing_one: {from: zigbee/probe}"),
    )
    with inside(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1200)
        for temperature in (95, 96, 97):
            zigbee.tell("probe", temperature=temperature)
        wait_until(lambda: daemon.values("temperature") == [95, 96, 97], "all was judged")
        wait_until(lambda: decisions(daemon), "a decision")
        daemon.stop()
        assert decisions(daemon) == [("raised", "act", "stop", reason)]
        assert (zigbee.orders, daemon.commands()) == ([], [])


def test_a_lock_that_opens_lets_the_action_through_that_was_due(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    text = pump(broker.port, ("mode: act", "mode: act, unless: power > 1000"))
    with inside(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("plug", state="ON", power=1200)
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: decisions(daemon), "a decision")
        zigbee.tell("plug", state="ON", power=900)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert [row[0] for row in decisions(daemon)] == ["raised", "repeated"]


def test_the_shortest_interval_holds_between_two_alerts(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(
        tmp_path, pump(broker.port, ("mode: act", "mode: act, min_interval: 1h"))
    ) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: len(decisions(daemon)) == 2, "all clear")
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: len(decisions(daemon)) == 3, "three decisions")
        assert decisions(daemon)[-1] == ("raised", "act", "stop", "min_interval")
        daemon.stop()
        assert len(zigbee.orders) == 1


def test_no_more_commands_a_minute_than_the_file_allows(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    text = pump(broker.port) + "limits: {commands_per_minute: 1}\n"
    with inside(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: len(decisions(daemon)) == 2, "all clear")
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: len(decisions(daemon)) == 3, "the second alarm")
        assert decisions(daemon)[-1] == ("raised", "act", "stop", "limits.commands_per_minute 1")
        daemon.stop()
        assert len(zigbee.orders) == 1


MUTE = device(1, "plug", {**SWITCH, "features": [{**SWITCH["features"][0], "access": 1}]})  # type: ignore[index]


@pytest.mark.parametrize(
    ("devices", "reason"),
    [
        ((MUTE, PROBE), "not_settable: plug has no settable 'state'"),
        ((PROBE, device(3, "other", numeric("power"))), "unknown_device"),
        (({**PLUG, "disabled": True}, PROBE), "disabled"),
    ],
)
def test_what_the_registry_forbids_is_refused_before_it_is_sent(
    tmp_path: Path, broker: Mosquitto, devices: tuple[dict[str, object], ...], reason: str
) -> None:
    with (
        Zigbee(broker.port, *devices) as zigbee,
        inside(tmp_path, pump(broker.port)) as daemon,
    ):
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: decisions(daemon), "a decision on record")
        ((event, _, action, refused),) = decisions(daemon)
        assert (event, action) == ("raised", "stop")
        assert refused.startswith(reason)
        wait_until(lambda: zigbee.newest("asset/pump/decision"), "it is announced")
        assert zigbee.newest("asset/pump/decision")["refused"] == refused
        daemon.stop()
        assert zigbee.orders == []


def test_an_order_that_nobody_answers_times_out(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with inside(tmp_path, pump(broker.port, ("within: 20s", "within: 1s"))) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: daemon.commands() == [("timeout", "no proof")], "a time-out")
        daemon.stop()
        assert len(zigbee.orders) == 1


def test_retained_values_prove_nothing(tmp_path: Path, broker: Mosquitto, zigbee: Zigbee) -> None:
    zigbee.peer.publish("zigbee2mqtt/plug", json.dumps({"power": 0.1}), retain=True)
    zigbee.peer.publish("zigbee2mqtt/probe", json.dumps({"temperature": 99}), retain=True)
    with inside(tmp_path, pump(broker.port, ("within: 20s", "within: 1s"))) as daemon:
        zigbee.online()
        wait_until(lambda: daemon.values("temperature") == [99], "the retained value is stored")
        zigbee.tell("probe", temperature=50)
        wait_until(lambda: len(daemon.values("temperature")) == 2, "a fresh one")
        assert daemon.commands() == []
        daemon.stop()


def test_an_action_that_was_forbidden_is_done_once_it_is_allowed(
    tmp_path: Path, broker: Mosquitto
) -> None:
    off = {**PLUG, "disabled": True}
    with Zigbee(broker.port, off, PROBE) as zigbee, inside(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: decisions(daemon), "a refusal")
        zigbee.devices = (PLUG, PROBE)
        zigbee.introduce()
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: zigbee.orders, "an order")
        daemon.stop()
        said = [(event, refused.split(":")[0]) for event, _, _, refused in decisions(daemon)]
        assert said == [("raised", "disabled"), ("repeated", "")]
