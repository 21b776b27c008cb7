"""Safe mode: with a broken file the gateway listens, stores and judges, and commands nothing."""

import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from gateway.config import apart, keeping, lastgood
from gateway.daemon.last_good import WELL_MS
from gateway.errors import ConfigError
from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.inside import Clocks, Inside
from tests.fakes.people import refused
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

BROKEN = ("policy:", "polizy:")
TORN = ("assets:", "assets: [")


def kept(folder: Path, text: str) -> Path:
    """What the gateway keeps of a file that it ran well with."""
    file = folder / "gateway.yaml"
    file.write_text(text)
    place = keeping.place(folder / "gateway.db")
    place.write_bytes(keeping.unpacked(lastgood.read(file).snapshot))
    return place


def events(zigbee: Zigbee, kind: str) -> list[dict[str, Any]]:
    return [one for one in zigbee.heard("edge/here/event") if one["event"] == kind]


def decided(daemon: Daemon) -> list[tuple[str, ...]]:
    return daemon.rows("SELECT event, mode, refused FROM decision ORDER BY rowid")


def test_a_file_is_kept_after_the_gateway_has_run_well_with_it(
    tmp_path: Path, zigbee: Zigbee, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, file = Clocks(), tmp_path / "gateway.yaml"
    file.write_text(pump(zigbee.port) + "# mine\n")
    place = keeping.place(tmp_path / "gateway.db")
    with Inside(file, clock, read=lastgood.read):
        zigbee.online()
        wait_until(lambda: zigbee.newest("state"), "it runs")
        assert not place.exists()
        clock.pass_ms(WELL_MS)
        wait_until(place.exists, "it is kept")
    assert place.read_text().split("\n", 2)[2] == file.read_text()
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    file.write_text(file.read_text().replace(*TORN))
    found = lastgood.fallback(file, "why")
    assert found is not None
    assert (found.broken_why, list(found.assets)) == ("why", ["pump"])
    monkeypatch.setenv("STATE_DIRECTORY", str(tmp_path))
    file.write_text("")  # as a power cut may leave it
    assert lastgood.fallback(file, "why") is not None


@pytest.mark.parametrize("spoilt", [BROKEN, TORN])
def test_with_a_broken_file_it_stores_and_judges_and_commands_nothing_until_it_is_mended(
    tmp_path: Path, zigbee: Zigbee, spoilt: tuple[str, str]
) -> None:
    safe = ("    policy:\n", "    fail_safe: {after: 1h, do: stop, on_death: 5s}\n    policy:\n")
    good = pump(zigbee.port, safe)
    kept(tmp_path, good)
    with Daemon(tmp_path, pump(zigbee.port, safe, spoilt)) as daemon:
        zigbee.online()
        wait_until(lambda: zigbee.newest("state").get("state") == "safe_mode", "it says so")
        (event,) = events(zigbee, "safe_mode_entered")
        assert "gateway.yaml:" in event["error"]
        zigbee.tell("plug", state="ON", power=1400.0)
        zigbee.tell("probe", temperature=95.0)
        wait_until(lambda: decided(daemon), "it judges")
        assert decided(daemon) == [("raised", "act", "stopped: safe mode")]
        assert daemon.values("temperature") == [95.0]
        assert "stopped" in refused(zigbee, "asset/pump/override", force="stop", author="anna")
        wait_until(lambda: "safe mode" in armed(daemon), "nothing is left for its death")
        health = zigbee.newest("health")
        assert health["problems"][0].startswith("configuration: safe mode: ")
        assert health["stop"]["author"] == "safe mode"
        assert any("SAFE MODE" in notice for notice in daemon.notices)
        asked = CliRunner().invoke(cli, ["status", "--config", str(daemon.file)])
        assert (asked.exit_code, asked.output.split()[1]) == (1, "safe_mode,")
        daemon.file.write_text("][")  # still broken: it stays as it is
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: events(zigbee, "configuration_rejected"), "refused")
        assert zigbee.orders == []
        daemon.file.write_text(good)
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: events(zigbee, "safe_mode_left"), "it is over")
        zigbee.tell("probe", temperature=96.0)
        wait_until(lambda: zigbee.orders, "what was due is done")
        zigbee.tell("plug", state="OFF", power=0.0)
        wait_until(lambda: daemon.states() == ["confirmed"], "and proved")
        assert daemon.stop() == 0


def armed(daemon: Daemon) -> str:
    """What the gateway left for its death."""
    rows = daemon.rows("SELECT text FROM kept WHERE room = 'fail_safe'")
    return json.loads(rows[0][0])["refused"] if rows else ""


def test_without_a_last_good_file_or_where_it_is_not_wanted_it_ends_with_2(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(pump(zigbee.port, BROKEN))
    assert run(file) == 2
    kept(tmp_path, pump(zigbee.port))
    file.write_text(pump(zigbee.port, BROKEN))
    assert run(file, "--no-safe-mode") == 2
    assert run(file.rename(tmp_path / "other.yaml")) == 2  # of another file it says nothing


def run(file: Path, *options: str) -> int:
    """``edge-gateway run`` with a file that it does not take; its exit code."""
    words = [sys.executable, "-m", "gateway", "run", "--config", str(file), *options]
    environment = os.environ | {"STATE_DIRECTORY": str(file.parent), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(words, env=environment, capture_output=True, timeout=30, check=False)
    return done.returncode


def test_a_member_of_a_fleet_makes_room_for_the_others(tmp_path: Path) -> None:
    fleet = "fleet: {site: s, members: [here, there]}\n"
    kept(tmp_path, fleet + pump(1883))
    (tmp_path / "gateway.yaml").write_text(fleet + pump(1883, BROKEN))
    with pytest.raises(ConfigError, match="polizy"):
        apart.Reading(tmp_path / "gateway.yaml", fall_back=True).settings()
