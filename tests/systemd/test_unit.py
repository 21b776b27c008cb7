"""The unit and the installer, as far as they can be tried without a machine of their own."""

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Mapping
from configparser import RawConfigParser
from pathlib import Path

import pytest

from gateway import config
from gateway.core.verdicts import Mode
from gateway.daemon.beat import STUCK_MS

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "systemd/edge-gateway.service"
INSTALL = ROOT / "scripts/install"
ANALYZE = shutil.which("systemd-analyze")


def _unit() -> Mapping[str, list[str]]:
    """Every setting of the unit, in order."""
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        key, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(key, []).append(value)
    return found


# -- the unit ------------------------------------------------------------------------------------


def _analyze(*words: str) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        pytest.skip("needs systemd-analyze")
    return subprocess.run([ANALYZE, *words], capture_output=True, text=True, check=False)


def test_systemd_understands_every_line(tmp_path: Path) -> None:
    program = tmp_path / "edge-gateway"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/edge-gateway/bin/edge-gateway", str(program)))
    done = _analyze("verify", "--man=no", str(unit))
    said = [line for line in (done.stdout + done.stderr).splitlines() if UNIT.name in line]
    assert said == []


@pytest.mark.parametrize("name", ["edge-gateway", "edge-gateway-failsafe"])
def test_what_the_service_could_do_to_the_machine_is_little(name: str) -> None:
    done = _analyze("security", "--offline=true", str(ROOT / f"systemd/{name}.service"))
    exposure = re.search(r"exposure level for \S+: ([\d.]+)", done.stdout + done.stderr)
    if exposure is None:
        pytest.skip("needs systemd-analyze security --offline")
    assert float(exposure[1]) <= 1.0


@pytest.mark.parametrize("name", ["edge-gateway", "edge-gateway-failsafe"])
def test_what_cannot_be_had_is_named_with_its_reason(name: str) -> None:
    unit = ROOT / f"systemd/{name}.service"
    done = _analyze("security", "--offline=true", "--no-pager", str(unit))
    open_ = set(
        re.findall(r"^✗ (?:RestrictAddressFamilies=~)?([\w(|)]+)", done.stdout, re.MULTILINE)
    )
    if not open_:
        pytest.skip("needs systemd-analyze security --offline")
    reasons = " ".join(line for line in unit.read_text().splitlines() if line.startswith("#"))
    words = {"AF_(INET|INET6)": "AF_INET", "DeviceAllow": "char-rtc"}
    assert {one for one in open_ if words.get(one, one) not in reasons} == set()


def test_the_service_sees_what_it_is_shown() -> None:
    """The root that the unit names has a place for each folder that is bound into it."""
    (root,) = _unit()["RootDirectory"]
    bound = " ".join(_unit()["BindReadOnlyPaths"]).split()
    for script in (INSTALL, ROOT / "scripts/build-deb"):
        text = script.read_text().replace("$name", "edge-gateway")
        (made,) = re.findall(r"for one in (usr .*?); do mkdir", text)
        assert {one.removeprefix("/") for one in bound} <= set(made.split())
    assert root == "/usr/lib/edge-gateway/root"


def test_it_tells_systemd_when_it_lives_and_is_started_again_for_ever() -> None:
    unit = _unit()
    assert unit["Type"] == ["notify"]
    assert unit["Restart"] == ["always"]
    assert unit["StartLimitIntervalSec"] == ["0"]
    (watchdog,) = unit["WatchdogSec"]
    assert int(watchdog.removesuffix("s")) * 1000 > STUCK_MS


def test_a_wrong_file_is_not_tried_again() -> None:
    assert _unit()["RestartPreventExitStatus"] == ["2"]


def test_the_worker_may_die_alone() -> None:
    assert _unit()["OOMPolicy"] == ["continue"]


def test_onnxruntime_can_read_the_processor_and_reports_nothing_home() -> None:
    unit = _unit()
    assert unit["ProcSubset"] == ["all"]
    assert "ORT_DISABLE_TELEMETRY=1" in unit["Environment"]


def test_another_clocks_drop_in_gives_back_the_question(tmp_path: Path) -> None:
    """A sandbox that refuses adjtimex, with nobody else to say so, makes every clock look wrong."""
    lines = (ROOT / "systemd/other-clocks.conf").read_text().splitlines()
    assert lines[-3:] == ["[Service]", "ProtectClock=no", "SystemCallFilter=adjtimex clock_adjtime"]
    assert _unit()["ProtectClock"] == ["yes"]
    merged = tmp_path / "edge-gateway.service"
    merged.write_text(UNIT.read_text().replace("[Install]", "\n".join([*lines[-2:], "[Install]"])))
    done = _analyze("security", "--offline=true", "--no-pager", str(merged))
    assert "adjtimex is allowed" in done.stdout


def test_the_unit_and_the_user_name_the_same_places() -> None:
    unit, user = _unit(), (ROOT / "systemd/edge-gateway.sysusers").read_text()
    assert unit["User"] == unit["Group"] == unit["StateDirectory"] == ["edge-gateway"]
    assert re.search(r"^u edge-gateway - .* /var/lib/edge-gateway$", user, re.MULTILINE)


def test_the_unit_has_three_sections() -> None:
    sections = RawConfigParser(strict=False, comment_prefixes=("#",))
    sections.read_string(UNIT.read_text())
    assert sections.sections() == ["Unit", "Service", "Install"]


# -- the unit that acts when the gateway is dead --------------------------------------------------

SAFE = ROOT / "systemd/edge-gateway-failsafe.service"


def test_systemd_understands_the_other_unit_too(tmp_path: Path) -> None:
    program = tmp_path / "edge-gateway"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    unit = tmp_path / SAFE.name
    unit.write_text(SAFE.read_text().replace("/opt/edge-gateway/bin/edge-gateway", str(program)))
    done = _analyze("verify", "--man=no", str(unit))
    said = [line for line in (done.stdout + done.stderr).splitlines() if SAFE.name in line]
    assert said == []


@pytest.mark.parametrize(
    ("result", "started"),
    [
        ("success", False),
        *((word, True) for word in ("exit-code", "signal", "core-dump", "watchdog", "oom-kill")),
        ("timeout", True),
    ],
)
def test_every_end_but_an_orderly_stop_starts_it(
    tmp_path: Path, result: str, started: bool
) -> None:
    (line,) = _unit()["ExecStopPost"]
    assert line.startswith("-+/bin/sh -c '")
    script = line.removeprefix("-+/bin/sh -c '").removesuffix("'").replace("$$", "$")
    _program(tmp_path / "bin", "systemctl", f'echo "$@" > {tmp_path}/told')
    environment = {"PATH": f"{tmp_path / 'bin'}:/usr/bin:/bin", "SERVICE_RESULT": result}
    subprocess.run(["/bin/sh", "-c", script], env=environment, check=True)
    told = tmp_path / "told"
    assert told.exists() is started
    if started:
        assert told.read_text().split() == ["start", "--no-block", SAFE.name]


def test_it_is_started_when_the_gateway_is_given_up_and_ends_by_itself() -> None:
    assert _unit()["OnFailure"] == [SAFE.name]
    text = SAFE.read_text()
    assert "Type=oneshot" in text
    assert "edge-gateway fail-safe --config /etc/edge-gateway/gateway.yaml" in text
    assert "TimeoutStartSec=1h" in text


def test_it_can_do_no_more_than_the_gateway() -> None:
    lines = UNIT.read_text().splitlines()
    keys = ("NoNewPrivileges", "Protect", "Private", "Restrict", "Capability", "SystemCall")
    keys += ("Root", "Bind", "UMask", "Device", "Memory", "Lock", "Keyring", "Remove", "Proc")
    wanted = [line for line in lines if line.startswith(keys)]
    wanted = [line for line in wanted if not line.startswith(("MemoryMax", "Restart"))]
    assert set(wanted) <= set(SAFE.read_text().splitlines())


# -- the installer -------------------------------------------------------------------------------


def _program(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text(f"#!/bin/sh\n{text}\n")
    file.chmod(file.stat().st_mode | stat.S_IXUSR)
    return file


def _install(root: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    path = f"{root / 'bin'}:{os.environ['PATH']}"
    return subprocess.run(
        ["/bin/sh", str(INSTALL), *words],
        env={**os.environ, "PATH": path, "DESTDIR": str(root), **variables},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("machine", ["armv6l", "armv7l"])
def test_it_refuses_32_bit_arm_and_says_what_to_use(tmp_path: Path, machine: str) -> None:
    _program(tmp_path / "bin", "uname", f"echo {machine}")
    done = _install(tmp_path)
    assert done.returncode == 1
    assert "64-bit Raspberry Pi OS" in done.stderr
    assert not (tmp_path / "opt").exists()


def test_it_refuses_an_old_python_and_says_which_is_needed(tmp_path: Path) -> None:
    old = 'case "$1" in -V) echo Python 3.9.2;; *) exit 1;; esac'
    python = _program(tmp_path / "bin", "python3.9", old)
    done = _install(tmp_path, PYTHON=str(python))
    assert done.returncode == 1
    assert "Python 3.9.2 is too old: 3.11" in done.stderr


def test_it_refuses_when_there_is_no_python(tmp_path: Path) -> None:
    done = _install(tmp_path, PYTHON=str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "there is no" in done.stderr


def test_an_unknown_word_shows_how_it_is_used_and_changes_nothing(tmp_path: Path) -> None:
    done = _install(tmp_path, "--help")
    assert done.returncode == 2
    assert "--uninstall" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_taking_it_off_leaves_what_is_the_users(tmp_path: Path) -> None:
    units = ("edge-gateway.service", "edge-gateway-failsafe.service")
    ours = ("opt/edge-gateway/bin/edge-gateway", *(f"etc/systemd/system/{one}" for one in units))
    theirs = ("etc/edge-gateway/gateway.yaml", "var/lib/edge-gateway/gateway.db")
    for name in (*ours, *theirs):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    for _ in range(2):  # the second time there is nothing to take off
        assert _install(tmp_path, "--uninstall").returncode == 0
    assert [name for name in ours if (tmp_path / name).exists()] == []
    assert [name for name in theirs if not (tmp_path / name).exists()] == []


def test_what_is_installed_first_only_advises() -> None:
    settings = config.load(ROOT / "config/gateway.yaml")
    modes = [rule.mode for asset in settings.assets.values() for rule in asset.policy]
    modes += [asset.fail_safe.mode for asset in settings.assets.values() if asset.fail_safe]
    assert modes
    assert Mode.ACT not in modes
