"""The audit chain of a running daemon: what is on it, checkpoints, feedback, a cut that is seen."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

from gateway.adapters import signing
from tests.daemon import test_versions as versions
from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

OFTEN = ("store:", "audit: {checkpoint_records: 1}\nstore:")


def run(*arguments: str) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-m", "gateway", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout + done.stderr


def verify(daemon: Daemon, *more: str) -> tuple[int, str]:
    return run("audit", "verify", "--db", str(daemon.folder / "gateway.db"), *more)


def kinds(daemon: Daemon) -> set[str]:
    return {kind for (kind,) in daemon.rows("SELECT DISTINCT kind FROM audit")}


def said(daemon: Daemon, kind: str) -> list[dict[str, Any]]:
    rows = daemon.rows("SELECT body FROM audit WHERE kind = ? ORDER BY seq", kind)
    return [json.loads(body) for (body,) in rows]


def stopped_pump(zigbee: Zigbee, daemon: Daemon) -> None:
    """The pump gets hot, and is stopped, and that is proved."""
    zigbee.online()
    zigbee.tell("probe", temperature=95)
    zigbee.obey()
    wait_until(lambda: daemon.states() == ["confirmed"], "proof")


def test_a_stop_is_on_record_from_start_to_end_and_the_chain_is_whole(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        stopped_pump(zigbee, daemon)
        assert {"genesis", "gateway", "configuration", "key", "decision", "command"} <= kinds(
            daemon
        )
        (decided,) = said(daemon, "decision")
        states = [body["state"] for body in said(daemon, "command")]
        assert (decided["action"], decided["verdict"]["label"]) == ("stop", "alarm")
        assert (states[0], states[-1]) == ("sent", "confirmed")
        (loaded,) = said(daemon, "configuration")
        assert (loaded["file"], len(loaded["sha256"])) == ("gateway.yaml", 64)
        assert {"owner", "modified"} <= loaded.keys()
        code, text = verify(daemon)
        assert code == 0, text
        assert daemon.stop() == 0
        assert [body["event"] for body in said(daemon, "gateway")] == ["started", "stopped"]
        code, text = verify(daemon, "--json")
        found = json.loads(text)
        assert (code, found["checkpoint"]) == (0, found["last"])  # at the stop all is signed
        wait_until(lambda: zigbee.newest("audit/checkpoint").get("seq") == found["last"], "it")
        assert (tmp_path / "audit.key").stat().st_mode & 0o777 == 0o600


def test_whoever_kept_a_checkpoint_sees_that_the_end_was_cut_off(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port, OFTEN)) as daemon:
        stopped_pump(zigbee, daemon)
        records = len(daemon.rows("SELECT seq FROM audit"))
        wait_until(lambda: zigbee.newest("audit/checkpoint").get("seq", 0) >= records, "it")
        kept = json.dumps(zigbee.newest("audit/checkpoint"))
        wait_until(lambda: zigbee.newest("health"), "health")
        shown = zigbee.newest("health")["audit"]
        assert daemon.stop() == 0
        key = (tmp_path / "audit.pub").read_text().strip()
        assert json.loads(kept)["public_key"] == key
        assert shown["epoch"] == json.loads(kept)["epoch"]
        assert verify(daemon, "--checkpoint", kept, "--key", key)[0] == 0
        ((first,),) = daemon.rows("SELECT min(seq) FROM audit WHERE kind = 'decision'")
        cut(daemon.folder / "gateway.db", first)
        assert verify(daemon)[0] == 0  # the database alone cannot know
        code, text = verify(daemon, "--checkpoint", kept, "--key", key)
        assert code == 1
        assert f"record {first}: truncated" in text
        other = tmp_path / "other.pub"
        other.write_text("A" * 43 + "=\n")
        code, text = verify(daemon, "--checkpoint", kept, "--key", str(other))
        assert code == 1
        assert "by another key" in text


def test_an_end_cut_off_while_it_did_not_run_is_noticed_at_the_start(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        stopped_pump(zigbee, daemon)
        assert daemon.stop() == 0
        daemon.start()  # control: nobody did anything
        wait_until(lambda: daemon.logged("broker_connected")[1:], "connected")
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: 0.2 in daemon.values("power"), "life goes on")
        assert daemon.stop() == 0
        assert daemon.logged("audit_broken") == []
        ((first,),) = daemon.rows("SELECT min(seq) FROM audit WHERE kind = 'decision'")
        cut(daemon.folder / "gateway.db", first)
        daemon.start()
        wait_until(lambda: daemon.logged("audit_broken"), "a doubt")
        wait_until(lambda: "audit: " in str(zigbee.newest("health").get("problems")), "health")
        wait_until(lambda: "audit_broken" in str(said(daemon, "gateway")), "a record")


def test_a_key_that_the_file_names_signs_and_one_that_cannot_be_used_stops_the_start(
    tmp_path: Path, broker: Mosquitto
) -> None:
    key = signing.SigningKey.make(tmp_path / "mine.key")
    text = pump(broker.port, ("store:", "audit: {key_file: mine.key}\nstore:"))
    with Daemon(tmp_path, text) as daemon:
        assert daemon.stop() == 0
        assert not (tmp_path / "audit.key").exists()
        assert verify(daemon, "--key", key.public)[0] == 0
        (tmp_path / "mine.key").chmod(0o644)
        daemon.launch()
        assert daemon.ended(30) == 2
        assert "audit.key_file" in daemon.text
        code, said_ = run("check", str(daemon.file))
        assert code == 2
        assert "chmod 600" in said_


def cut(database: Path, first: int) -> None:
    """Take away the end of the chain, and all that would tell of it, as an intruder would."""
    connection = sqlite3.connect(database)
    for trigger in ("audit_kept", "checkpoint_kept"):
        connection.execute(f"DROP TRIGGER {trigger}")
    for table in ("audit", "audit_checkpoint"):
        connection.execute(f"DELETE FROM {table} WHERE seq >= ?", (first,))
    for table in ("decision", "command"):
        connection.execute(f"DELETE FROM {table} WHERE audit >= ?", (first,))
    connection.commit()
    connection.close()


def test_a_file_taken_again_or_refused_is_on_record_with_its_hash(
    tmp_path: Path, broker: Mosquitto
) -> None:
    text = pump(broker.port)
    with Daemon(tmp_path, text) as daemon:
        daemon.file.write_text(text.replace("> 90", "> 91"))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: len(said(daemon, "configuration")) == 2, "the new file")
        daemon.file.write_text("nonsense")
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: len(said(daemon, "configuration")) == 3, "its refusal")
        first, second, third = said(daemon, "configuration")
        assert first["sha256"] != second["sha256"]
        assert (third["event"], third["file"]) == ("configuration_rejected", "gateway.yaml")
        assert verify(daemon)[0] == 0


def test_models_that_are_promoted_and_taken_back_are_on_record_with_their_hashes(
    tmp_path: Path, broker: Mosquitto
) -> None:
    versions.package(tmp_path / "old", "1.0.0")
    versions.package(tmp_path / "new", "2.0.0", plus=1.0)
    with Zigbee(broker.port) as zigbee:
        text = versions.text(zigbee, versions.RULES + "}")
        with Daemon(tmp_path, text) as daemon:
            zigbee.online()
            told = {"op": "promote", "model": "heat", "force": True}
            wait_until(lambda: versions.states(daemon).get("2.0.0") == "shadow", "a trial", 60)
            assert versions.ask(zigbee, **told)["status"] == "ok"
            assert versions.ask(zigbee, op="rollback", model="heat")["status"] == "ok"
            changed = [
                (body["version"], body["state"], len(body["hash"]))
                for body in said(daemon, "model")
            ]
            assert ("2.0.0", "probation", 64) in changed
            assert ("2.0.0", "rolled_back", 64) in changed
            assert verify(daemon)[0] == 0


def test_what_a_person_says_of_a_decision_is_a_record_and_a_label(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        stopped_pump(zigbee, daemon)
        ((decision,),) = daemon.rows("SELECT id FROM decision WHERE event = 'raised'")
        words = ("--config", str(daemon.file), "--why", "the probe was touched", "--author", "Ann")
        code, text = run("feedback", decision, "wrong", *words)
        assert (code, "'normal'" in text) == (0, True), text
        assert run("feedback", "no-such", "right", "--config", str(daemon.file))[0] == 1
        code, text = run("feedback", decision, "right", *words, "--label", "bearing")
        assert code == 0, text
        last = said(daemon, "feedback")[-1]
        assert (last["author"], last["label"]) == ("Ann", "bearing")
        out = tmp_path / "labels.csv"
        assert run("feedback", "--export", str(out), "--config", str(daemon.file))[0] == 0
        lines = out.read_text().splitlines()
        assert len(lines) == 2  # the last word holds
        assert lines[1].startswith("pump,20")
        assert ",bearing," in lines[1]
        assert verify(daemon)[0] == 0


def test_killed_at_any_state_of_a_command_the_chain_stays_whole(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port, OFTEN)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        daemon.kill()
        assert verify(daemon)[0] == 0
        daemon.start()
        wait_until(lambda: zigbee.heard("zigbee2mqtt/plug/get"), "the plug is asked")
        zigbee.tell("plug", state="OFF", power=900)
        wait_until(lambda: daemon.states() == ["accepted"], "an echo")
        daemon.kill()
        assert verify(daemon)[0] == 0
        daemon.start()
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        daemon.kill()
        code, text = verify(daemon)
        assert code == 0, text
        starts = [body["event"] for body in said(daemon, "gateway")]
        assert starts == ["started"] * 3  # and no word of a stop
        states = [body["state"] for body in said(daemon, "command")]
        assert states == ["sent", "accepted", "confirmed"]
