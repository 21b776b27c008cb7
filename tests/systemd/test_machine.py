"""The package on a machine of its own, under a real systemd: built, installed, run, taken off."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.web import passwords
from tests.fakes import machine as machines
from tests.fakes.machine import Machine
from tests.fakes.waiting import wait_until

ROOT = Path(__file__).parents[2]
PROBE = Path(__file__).parent / "probe.py"
CONFIG = "/etc/edge-gateway/gateway.yaml"
PATIENCE_S = 60.0

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The .deb of this machine's architecture."""
    machines.needed()
    out = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [str(ROOT / "scripts/build-deb")],
        env={
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "OUT": str(out),
            "PYTHON": "/usr/bin/python3",
        },
        capture_output=True,
        text=True,
        check=False,
    )
    found = list(out.glob("*.deb"))
    if not found:
        pytest.skip(f"needs what pip fetches: {done.stderr[-500:]}")
    return found[0]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, package: Path) -> Iterator[Machine]:
    booted = Machine(tmp_path_factory.mktemp("machine"))
    try:
        booted.start()
        booted.run("systemctl", "unmask", "mosquitto")
        booted.run("systemctl", "start", "mosquitto")
        shutil.copy(package, booted.root / "srv/edge-gateway.deb")
        yield booted
    finally:
        booted.stop()


@pytest.fixture
def running(machine: Machine) -> Machine:
    """Installed, configured, started."""
    if machine.run("dpkg", "-s", "edge-gateway", check=False).returncode:
        install(machine)
        configure(machine)
    machine.run("systemctl", "restart", "edge-gateway")
    return machine


def install(machine: Machine, name: str = "edge-gateway") -> str:
    done = machine.run("dpkg", "-i", f"/srv/{name}.deb")
    return done.stdout + done.stderr


def configure(machine: Machine) -> None:
    text = (ROOT / "config/gateway.yaml").read_text() + "\nsecurity: {traffic: always}\n"
    (machine.root / CONFIG.removeprefix("/")).write_text(text)
    machine.run("chgrp", "edge-gateway", CONFIG)
    machine.run("chmod", "0640", CONFIG)


def state(machine: Machine) -> str:
    return machine.says("systemctl", "is-active", "edge-gateway")


def journal(machine: Machine, event: str) -> list[dict[str, object]]:
    """What the gateway logged since its last start."""
    since = machine.says("systemctl", "show", "edge-gateway", "-p", "InvocationID", "--value")
    lines = machine.says("journalctl", f"_SYSTEMD_INVOCATION_ID={since}", "-o", "cat", "--no-pager")
    found = [json.loads(line) for line in lines.splitlines() if line.startswith("{")]
    return [entry for entry in found if entry["event"] == event]


def pid(machine: Machine) -> int:
    return int(machine.says("systemctl", "show", "edge-gateway", "-p", "MainPID", "--value"))


def test_the_gateway_and_its_worker_run_in_the_sandbox(running: Machine) -> None:
    wait_until(lambda: journal(running, "worker_started"), "the worker runs", PATIENCE_S)
    (started,) = journal(running, "worker_started")
    assert "seccomp" in str(started["confined"])
    assert journal(running, "broker_connected")
    assert not journal(running, "worker_start_failed")
    status = running.says("cat", f"/proc/{pid(running)}/status")
    assert re.search(r"CapEff:\s+0+\n", status)
    assert re.search(r"NoNewPrivs:\s+1", status)
    seen = running.says("ls", f"/proc/{pid(running)}/root/")
    assert not {"home", "boot", "srv", "mnt", "work"} & set(seen.split())


def test_what_the_service_must_not_do_it_cannot(running: Machine) -> None:
    unit = (ROOT / "systemd/edge-gateway.service").read_text()
    unit = re.sub(r"(?m)^(WatchdogSec|Restart|ExecStopPost|OnFailure).*\n", "", unit)
    unit = unit.replace("Type=notify", "Type=oneshot")
    python = "/opt/edge-gateway/" + running.says("readlink", "/opt/edge-gateway/bin") + "/python"
    unit = re.sub(r"(?m)^ExecStart=.*", f"ExecStart={python} /etc/edge-gateway/probe.py", unit)
    (running.root / "etc/systemd/system/probe.service").write_text(unit)
    shutil.copy(PROBE, running.root / "etc/edge-gateway/probe.py")
    running.run("systemctl", "daemon-reload")
    running.run("systemctl", "start", "probe")
    said = running.says("journalctl", "-u", "probe", "-o", "cat", "--no-pager").splitlines()
    (line,) = [line for line in said if line.startswith('{"may')]
    came = json.loads(line)
    assert {name: what for name, what in came["may"].items() if what != "done"} == {}
    assert {name: what for name, what in came["may_not"].items() if what == "done"} == {}


SECRET = """[Service]
LoadCredential=people.secret:/srv/people.secret
"""
WEB = """
web:
  listen: "127.0.0.1:8090"
  password_file: /run/credentials/edge-gateway.service/people.secret
"""
LOOK = "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8090/{}').read().decode())"


def test_the_page_runs_in_the_sandbox_and_takes_its_people_from_a_credential(
    running: Machine,
) -> None:
    secret = running.root / "srv/people.secret"
    secret.write_text(passwords.line("anna", "operator", "correct horse") + "\n")
    secret.chmod(0o600)
    drop = running.root / "etc/systemd/system/edge-gateway.service.d/people.conf"
    drop.parent.mkdir(exist_ok=True)
    drop.write_text(SECRET)
    config = running.root / CONFIG.removeprefix("/")
    before = config.read_text()
    config.write_text(before + WEB)
    try:
        running.run("systemctl", "daemon-reload")
        running.run("systemctl", "restart", "edge-gateway")
        wait_until(lambda: journal(running, "page_started"), "the page", PATIENCE_S)
        assert json.loads(running.says("python3", "-c", LOOK.format("healthz"))) == {"status": "ok"}
        me = json.loads(running.says("python3", "-c", LOOK.format("api/me")))
        assert (me["sign_in"], me["role"]) == (True, "")
        assert not journal(running, "page_process_died")
    finally:
        drop.unlink()
        config.write_text(before)
        running.run("systemctl", "daemon-reload")


def test_whatever_ends_it_starts_it_again(running: Machine) -> None:
    before = pid(running)
    running.run("kill", "-KILL", str(before))
    wait_until(lambda: pid(running) not in (0, before), "another one", PATIENCE_S)
    wait_until(lambda: state(running) == "active", "it runs", PATIENCE_S)


def newer(machine: Machine, package: Path) -> None:
    """The same with a higher number, beside the first."""
    tree = machine.root / "srv/tree"
    subprocess.run(["dpkg-deb", "-R", str(package), str(tree)], check=True)
    for name in ("control", "postinst"):
        file = tree / "DEBIAN" / name
        file.write_text(re.sub(r"(Version: |venv-)0\.1\.0", r"\g<1>0.1.1", file.read_text()))
    out = machine.root / "srv/newer.deb"
    subprocess.run(["dpkg-deb", "-Zgzip", "-z1", "-b", str(tree), str(out)], check=True)
    shutil.rmtree(tree)


def test_installed_upgraded_gone_back_taken_off_and_purged(machine: Machine, package: Path) -> None:
    machine.run("dpkg", "--purge", "edge-gateway", check=False)
    assert "no configuration yet" in install(machine)
    assert machine.says("systemctl", "is-enabled", "edge-gateway") == "enabled"
    assert state(machine) == "inactive"
    assert machine.says("edge-gateway", "--version").startswith("edge-gateway")
    configure(machine)
    machine.run("systemctl", "start", "edge-gateway")
    (opened,) = journal(machine, "store_opened")
    assert opened["created"] is True

    newer(machine, package)
    install(machine, "newer")
    assert machine.says("readlink", "/opt/edge-gateway/bin") == "venv-0.1.1/bin"
    assert state(machine) == "active"
    (opened,) = journal(machine, "store_opened")
    assert opened["created"] is False  # the data stayed
    assert "traffic: always" in machine.says("cat", CONFIG)  # and the configuration

    assert "venv-0.1.1 -> venv-0.1.0" in machine.run("edge-gateway-rollback").stdout
    assert state(machine) == "active"
    assert "venv-0.1.0" in machine.says("cat", f"/proc/{pid(machine)}/cmdline")

    machine.run("dpkg", "-r", "edge-gateway")
    assert state(machine) == "inactive"
    assert machine.says("ls", "/opt/edge-gateway", "/usr/bin/edge-gateway") == ""
    assert "gateway.db" in machine.says("ls", "/var/lib/edge-gateway")
    machine.run("dpkg", "--purge", "edge-gateway")
    left = machine.says("ls", "-d", "/etc/edge-gateway", "/var/lib/edge-gateway")
    assert left == ""
    assert machine.run("id", "edge-gateway", check=False).returncode != 0
