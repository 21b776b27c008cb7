"""What people decide over MQTT: done at once, once, recorded, shown, and ended in time."""

import json
import signal
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from gateway.core import requests
from gateway.core.times import LATE_MS
from gateway.store.batch import Batch
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store
from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import TRUE_MS, Clocks, Inside
from tests.fakes.people import answers, done, refused, say
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

HOUR_MS = 3_600_000
YEARS_MS = 10 * 365 * 24 * HOUR_MS


def inside(folder: Path, zigbee: Zigbee, *changes: tuple[str, str], clock: Any = None) -> Inside:
    """A daemon; it is online when the next gateway's message is heard."""
    (folder / "gateway.yaml").write_text(pump(zigbee.port, *changes))
    zigbee.peer.heard.clear()
    return Inside(folder / "gateway.yaml", clock or Clocks())


def decisions(daemon: Records) -> list[tuple[str, str, str, str]]:
    return daemon.rows("SELECT event, mode, action, refused FROM decision ORDER BY rowid")


def changes(daemon: Records) -> list[tuple[str, str]]:
    """(kind, change) of every intervention in the audit chain."""
    rows = daemon.rows("SELECT body FROM audit WHERE kind = 'intervention' ORDER BY seq")
    bodies = [json.loads(body) for (body,) in rows]
    return [(body["kind"], body["change"]) for body in bodies]


def state(zigbee: Zigbee, key: str) -> Any:
    return zigbee.newest("asset/pump/state").get(key)


def heat(zigbee: Zigbee, daemon: Records, decided: int, start: float = 95) -> None:
    """It is hot until so many decisions are on record; each reading is another."""
    steps = iter(range(10_000))
    wait_until(
        lambda: (
            zigbee.tell("probe", temperature=start + next(steps) / 100)
            or len(decisions(daemon)) >= decided
        ),
        f"{decided} decisions",
    )


# -- hold, maintenance, stop ---------------------------------------------------------------------


def test_a_held_asset_is_left_alone_until_it_is_released(tmp_path: Path, zigbee: Zigbee) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        held = done(
            *(zigbee, "asset/pump/override"),
            **{"hold": True, "for": "2h", "author": "anna", "reason": "new seal"},
        )
        assert (held["asset"], held["author"], held["recorded"]) == ("pump", "anna", True)
        wait_until(lambda: state(zigbee, "hold"), "the state shows it")
        shown = state(zigbee, "hold")
        assert (shown["author"], shown["reason"], shown["until"]) == (
            *("anna", "new seal"),
            held["until"],
        )
        heat(zigbee, daemon, 1)
        assert decisions(daemon) == [("raised", "act", "stop", "hold")]
        released = done(zigbee, "asset/pump/override", hold=False, author="ben")
        assert released["changed"] is True
        heat(zigbee, daemon, 2, 96)
        assert decisions(daemon)[1] == ("repeated", "act", "stop", "")
        wait_until(lambda: zigbee.orders, "the order")
        assert state(zigbee, "hold") is None
        assert changes(daemon) == [("hold", "began"), ("hold", "ended")]
        events = [one for one in zigbee.heard("edge/here/event") if "change" in one]
        assert [(one["change"], one["author"]) for one in events] == [
            ("began", "anna"),
            ("ended", "anna"),
        ]
        assert events[1]["ended_by"] == "ben"


def test_maintenance_forbids_with_and_without_being_named_and_so_does_a_stop(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    named = ("mode: act", "mode: act, unless: maintenance")
    with inside(tmp_path, zigbee, named) as daemon:
        zigbee.online()
        done(zigbee, "asset/pump/maintenance", on=True)
        heat(zigbee, daemon, 1)
        assert decisions(daemon)[0][3] == "maintenance"
        done(zigbee, "stop", on=True, author="anna", reason="smoke")
        heat(zigbee, daemon, 2, 96)
        wait_until(lambda: zigbee.newest("health").get("stop"), "health shows the stop")
        health = zigbee.newest("health")
        assert (health["state"], health["stop"]["author"]) == ("degraded", "anna")
        assert "gateway: stopped by anna: smoke" in health["problems"]
        done(zigbee, "asset/pump/maintenance", on=False)
        assert refused(zigbee, "asset/pump/override", force="stop") == "refused: stopped"
        assert zigbee.orders == []
        done(zigbee, "stop", on=False, author="anna")
        heat(zigbee, daemon, 4, 97)
        said = [refusal for _, _, _, refusal in decisions(daemon)]
        assert said == ["maintenance", "stopped", "stopped", ""]
        wait_until(lambda: zigbee.orders, "the order")


def test_a_fail_safe_obeys_maintenance_and_not_a_hold(tmp_path: Path, zigbee: Zigbee) -> None:
    safe = ("    policy:", "    fail_safe: {after: 2s, do: stop}\n    policy:")
    clock = Clocks()
    stale = ("unit: degC}", "unit: degC, stale: 1s}")
    with inside(tmp_path, zigbee, safe, stale, clock=clock) as daemon:
        zigbee.online()
        done(zigbee, "asset/pump/maintenance", on=True)
        done(zigbee, "asset/pump/override", hold=True)
        zigbee.tell("probe", temperature=20)
        wait_until(lambda: daemon.values("temperature"), "evidence")
        clock.pass_ms(5_000)
        wait_until(lambda: decisions(daemon), "the fail-safe")
        assert decisions(daemon)[0] == ("fail_safe", "act", "stop", "maintenance")
        done(zigbee, "asset/pump/maintenance", on=False)
        wait_until(lambda: zigbee.orders, "the order, in spite of the hold")
        assert decisions(daemon)[-1] == ("fail_safe", "act", "stop", "")


# -- force ---------------------------------------------------------------------------------------


def test_a_forced_action_is_decided_explained_and_proved_in_spite_of_hold_and_maintenance(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        done(zigbee, "asset/pump/override", hold=True)
        done(zigbee, "asset/pump/maintenance", on=True)
        data = done(
            *(zigbee, "asset/pump/override"),
            force="stop",
            author="anna",
            reason="leak",
        )
        assert data["state"] == "sent"
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        assert decisions(daemon) == [("forced", "act", "stop", "")]
        made = zigbee.newest("asset/pump/decision")
        assert (made["id"], made["by"], made["policy"]) == (
            *(data["decision"], "person:anna"),
            "pump/person",
        )
        wait_until(lambda: zigbee.newest("asset/pump/command")["state"] == "confirmed", "told")
        assert zigbee.newest("asset/pump/command")["by"] == "person:anna"
        wait_until(lambda: zigbee.newest("asset/pump/explanation"), "an explanation")
        assert zigbee.newest("asset/pump/explanation")["words"] == ["forced by anna: leak"]
        assert changes(daemon)[-1] == ("force", "forced")


def test_a_person_passes_no_interlock_and_forces_nothing_that_is_not_in_the_file(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    locked = ("mode: act", 'mode: act, unless: "power > 500"')
    with inside(tmp_path, zigbee, locked) as daemon:
        zigbee.online()
        zigbee.tell("plug", power=600)
        wait_until(lambda: daemon.values("power") == [600], "its power")
        why = refused(zigbee, "asset/pump/override", force="stop")
        assert why == "refused: unless power > 500"
        assert decisions(daemon) == [("forced", "act", "stop", "unless power > 500")]
        assert "no action 'explode'; there are stop" in refused(
            zigbee, "asset/pump/override", force="explode"
        )
        zigbee.tell("plug", power=100)
        wait_until(lambda: daemon.values("power") == [600, 100], "less power")
        assert "it takes none" in refused(zigbee, "asset/pump/override", force="stop", value=3)
        assert zigbee.orders == []
        assert changes(daemon)[0] == ("force", "refused")


# -- once, and now -------------------------------------------------------------------------------


def test_a_transaction_is_done_once_and_answered_again_also_after_a_restart(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    clock = Clocks()
    force = {"force": "stop", "transaction": 77}
    with inside(tmp_path, zigbee, clock=clock):
        zigbee.online()
        first = done(zigbee, "asset/pump/override", **force)
        again = done(zigbee, "asset/pump/override", **force)
        assert (again["decision"], again["repeated"]) == (first["decision"], True)
        other = {**force, "force": "start"}
        assert "used for something else" in refused(zigbee, "asset/pump/override", **other)
        assert len(zigbee.orders) == 1
    orders = len(zigbee.orders)
    with inside(tmp_path, zigbee, clock=clock) as daemon:
        zigbee.online()
        after = done(zigbee, "asset/pump/override", **force)
        assert after["decision"] == first["decision"]
        assert len(decisions(daemon)) == 1
        assert orders == 1
        assert zigbee.orders == []


def test_retained_commands_are_ignored_and_reported(tmp_path: Path, zigbee: Zigbee) -> None:
    topic = "edge/here/asset/pump/override/set"
    zigbee.peer.publish(topic, json.dumps({"force": "stop"}), retain=True)
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        wait_until(lambda: zigbee.heard("edge/here/event"), "the report")
        (event,) = (
            one for one in zigbee.heard("edge/here/event") if one["event"] == "request_refused"
        )
        assert event["topic"] == topic
        assert "clear the topic" in event["error"]
        done(zigbee, "stop", on=False)
        assert decisions(daemon) == []
        assert zigbee.heard("edge/here/response/override") == []


@pytest.mark.parametrize("away_ms", [0, LATE_MS + 60_000])
def test_what_was_asked_while_the_gateway_was_away_is_refused_but_a_stop(
    tmp_path: Path, zigbee: Zigbee, away_ms: int
) -> None:
    clock = Clocks()
    with inside(tmp_path, zigbee, clock=clock):
        zigbee.online()
        done(zigbee, "stop", on=False)
    late = {"force": "stop", "transaction": "late"}
    zigbee.peer.publish("edge/here/asset/pump/override/set", json.dumps(late))
    zigbee.peer.publish("edge/here/stop/set", json.dumps({"on": True, "author": "anna"}))
    clock.pass_ms(away_ms)
    with inside(tmp_path, zigbee, clock=clock) as daemon:
        zigbee.online()
        wait_until(lambda: answers(zigbee, "asset/pump/override", "late"), "an answer")
        (answer,) = answers(zigbee, "asset/pump/override", "late")
        assert "while the gateway was away" in answer["error"]
        assert decisions(daemon) == []
        wait_until(lambda: zigbee.newest("health").get("stop"), "but a stop is never too late")


def test_what_cannot_be_done_is_refused_in_clear_words(tmp_path: Path, zigbee: Zigbee) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        assert "no asset 'pomp'; there are pump" in refused(
            zigbee, "asset/pomp/override", hold=True
        )
        assert "unknown key 'hodl'" in refused(zigbee, "asset/pump/override", hodl=True)
        assert "at most 1d (people.hold.most)" in refused(
            *(zigbee, "asset/pump/override"), **{"hold": True, "for": "48h"}
        )
        assert "nobody answers that" in refused(zigbee, "asset/pump/snooze", on=True)
        assert "goes with an asset" in refused(zigbee, "override", hold=True)
        assert "whole gateway" in refused(zigbee, "asset/pump/stop", on=True)
        assert "no flag 'cleaning'" in refused(
            zigbee, "asset/pump/maintenance", on=True, flag="cleaning"
        )
        assert "no policy" in refused(zigbee, "asset/pump/mode", mode="act", policy="pump/policy/9")
        assert "nothing is raised" in refused(zigbee, "asset/pump/acknowledge")
        assert say(zigbee, "asset/pomp/mode", mode="act")["asset"] == "pomp"
        zigbee.peer.publish("edge/here/stop/set", b"{", retain=False)
        zigbee.peer.publish("edge/here/stop/set", b'{"on": true, "transaction": NaN}')
        wait_until(lambda: len(zigbee.heard("edge/here/response/stop")) == 3, "two more answers")
        said = [one["error"] for one in zigbee.heard("edge/here/response/stop")][1:]
        assert said[0].startswith("not JSON")
        assert said[1].startswith("transaction should be")
        assert changes(daemon) == []


def test_a_forced_action_is_not_done_twice_by_a_daemon_that_was_killed(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    zigbee.peer.heard.clear()
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        force = {"force": "stop", "author": "anna"}
        zigbee.peer.publish("edge/here/asset/pump/override/set", json.dumps(force))
        wait_until(lambda: zigbee.orders, "the order")
        daemon.kill()
        assert daemon.states() == ["sent"]
        daemon.start()
        wait_until(lambda: daemon.logged("command_resumed"), "it is known")
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        told = lambda: zigbee.newest("asset/pump/command")
        wait_until(lambda: told().get("state") == "confirmed", "it is told")
        assert told()["by"] == "person:anna"
        assert daemon.stop() == 0
        assert len(zigbee.orders) == 1
        assert len(decisions(daemon)) == 1


def test_a_response_topic_never_leads_to_where_people_decide() -> None:
    assert not requests.may_answer("edge/here/stop/set", ["zigbee2mqtt/+", "edge/here"])


# -- the file, the disk --------------------------------------------------------------------------


def test_a_hold_survives_a_new_configuration_and_a_kill(tmp_path: Path, zigbee: Zigbee) -> None:
    zigbee.peer.heard.clear()
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        zigbee.online()
        done(zigbee, "asset/pump/override", hold=True)
        daemon.file.write_text(pump(zigbee.port, ("name: Pump", "name: The pump")))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.logged("configuration_loaded"), "the new file")
        heat(zigbee, daemon, 1)
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: len(decisions(daemon)) == 2, "it is well again")
        heat(zigbee, daemon, 3)
        assert [refusal for _, _, _, refusal in decisions(daemon)] == ["hold", "", "hold"]
        assert zigbee.orders == []


def test_a_stop_holds_at_once_while_the_store_refuses_and_a_forced_action_is_not_done(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        done(zigbee, "stop", on=False)
        assert daemon.daemon is not None
        locker = sqlite3.connect(tmp_path / "gateway.db", isolation_level=None)
        locker.execute("BEGIN EXCLUSIVE")
        try:
            data = done(zigbee, "stop", on=True, author="anna")
            assert data["recorded"] is False
            wait_until(lambda: state(zigbee, "label") is not None, "life goes on")
            why = refused(zigbee, "asset/pump/override", force="stop")
            assert why.startswith("refused: st")
        finally:
            locker.execute("ROLLBACK")
            locker.close()
        wait_until(lambda: ("stop", "began") in changes(daemon), "it is recorded after all")
        assert zigbee.orders == []


# -- modes and acknowledgements ------------------------------------------------------------------


def test_a_mode_holds_for_its_time_and_then_the_file_counts_again(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    clock = Clocks()
    with inside(tmp_path, zigbee, clock=clock) as daemon:
        zigbee.online()
        done(zigbee, "asset/pump/mode", mode="advise", **{"for": "1h"})
        wait_until(lambda: state(zigbee, "mode") == "advise", "the state shows it")
        assert state(zigbee, "mode_override")["mode"] == "advise"
        heat(zigbee, daemon, 1)
        assert decisions(daemon) == [("raised", "advise", "stop", "")]
        clock.pass_ms(HOUR_MS)
        wait_until(lambda: changes(daemon) == [("mode", "began"), ("mode", "expired")], "its end")
        wait_until(lambda: state(zigbee, "mode") == "act", "the file's mode")
        heat(zigbee, daemon, 2, 96)
        assert decisions(daemon)[1] == ("repeated", "act", "stop", "")


def test_the_mode_of_the_gateway_lowers_all_and_raises_none(tmp_path: Path, zigbee: Zigbee) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        done(zigbee, "mode", mode="shadow", author="anna")
        wait_until(lambda: state(zigbee, "mode") == "shadow", "the state shows it")
        wait_until(lambda: zigbee.newest("health").get("mode_override"), "health shows it")
        heat(zigbee, daemon, 1)
        assert decisions(daemon) == [("raised", "shadow", "stop", "")]
        assert zigbee.heard("edge/here/asset/pump/decision") == []
        assert done(zigbee, "mode", mode="file")["changed"] is True
        heat(zigbee, daemon, 2, 96)
        assert decisions(daemon)[1] == ("raised", "act", "stop", "")


def test_an_alert_is_acknowledged_and_the_next_one_wants_it_again(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with inside(tmp_path, zigbee) as daemon:
        zigbee.online()
        heat(zigbee, daemon, 1)
        wait_until(lambda: zigbee.newest("asset/pump/alert").get("state") == "raised", "an alert")
        alert = zigbee.newest("asset/pump/alert")["decision"]
        assert zigbee.newest("asset/pump/alert")["acknowledged"] is None
        assert "no raised alert 'x'" in refused(zigbee, "asset/pump/acknowledge", alert="x")
        data = done(zigbee, "asset/pump/acknowledge", author="anna", reason="on my way")
        assert data["alerts"] == [alert]
        wait_until(lambda: zigbee.newest("asset/pump/alert")["acknowledged"], "the alert says so")
        seen = zigbee.newest("asset/pump/alert")
        assert (seen["decision"], seen["acknowledged"]["author"]) == (alert, "anna")
        wait_until(lambda: state(zigbee, "acknowledged"), "and the state")
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: zigbee.newest("asset/pump/alert")["state"] == "clear", "all clear")
        heat(zigbee, daemon, 3)
        wait_until(lambda: zigbee.newest("asset/pump/alert")["state"] == "raised", "another")
        assert zigbee.newest("asset/pump/alert")["acknowledged"] is None
        wait_until(lambda: changes(daemon)[-1] == ("acknowledge", "cleared"), "it is over")
        assert state(zigbee, "acknowledged") is None


# -- restarts, reboots, clocks -------------------------------------------------------------------


def test_what_people_decided_outlives_reboots_and_clocks_that_jump(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    clock = Clocks()
    with inside(tmp_path, zigbee, clock=clock):
        zigbee.online()
        done(zigbee, "asset/pump/override", hold=True, **{"for": "2h"})
        done(zigbee, "stop", on=True, author="anna")
        clock.pass_ms(HOUR_MS)
    later = Clocks(boot="boot-2", wall_ms=TRUE_MS + YEARS_MS)
    with inside(tmp_path, zigbee, clock=later) as daemon:
        zigbee.online()
        wait_until(lambda: zigbee.newest("health").get("stop"), "still stopped")
        done(zigbee, "stop", on=False)
        heat(zigbee, daemon, 1)
        assert decisions(daemon) == [("raised", "act", "stop", "hold")]
        later.set(TRUE_MS - YEARS_MS, right=True)
        heat(zigbee, daemon, 1, 96)
        later.pass_ms(HOUR_MS)
        wait_until(lambda: changes(daemon)[-1] == ("hold", "expired"), "an hour was left")


def test_a_mode_that_lets_act_does_not_outlive_a_reboot_of_unknown_length(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    advise = ("mode: act", "mode: advise")
    with inside(tmp_path, zigbee, advise, clock=Clocks()):
        zigbee.online()
        done(zigbee, "asset/pump/mode", mode="act", **{"for": "2d"})
    with inside(tmp_path, zigbee, advise, clock=Clocks(boot="boot-2", right=False)) as daemon:
        zigbee.online()
        wait_until(lambda: changes(daemon)[-1:] == [("mode", "expired")], "it is over")
        wait_until(lambda: state(zigbee, "mode") == "advise", "the file's mode")


def test_what_cannot_be_read_after_a_restart_stops_the_gateway(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    clock = Clocks()
    with inside(tmp_path, zigbee, clock=clock):
        zigbee.online()
        done(zigbee, "asset/pump/override", hold=True)
    settings = StoreSettings(tmp_path / "gateway.db", min_free_bytes=1 << 20)
    store = Store.open(settings, boot=clock.boot, now_ms=clock.now_ms(), mono_ms=clock.mono_ms())
    store.commit(Batch(kept={("interventions", "pump\nhold\n"): '{"kind": "hodl"}'}))
    store.close()
    with inside(tmp_path, zigbee, clock=clock):
        zigbee.online()
        wait_until(lambda: zigbee.newest("health").get("stop"), "it is stopped")
        assert zigbee.newest("health")["stop"]["author"] == "gateway"
        assert refused(zigbee, "asset/pump/override", force="stop") == "refused: stopped"
