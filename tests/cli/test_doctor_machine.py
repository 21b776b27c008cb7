"""What doctor finds on this machine and behind brokers; every finding has its place in the docs."""

import ast
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import config
from gateway.cli import doctor, doctor_bridges, doctor_certificate, doctor_disk, doctor_machine
from gateway.cli.doctor_bridges import _IDS
from gateway.cli.doctor_finding import Finding, Patient
from gateway.config.settings import Settings
from tests.fakes.daemon import pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.ports import free_port

ROOT = Path(__file__).parents[2]
TROUBLE = (ROOT / "docs/troubleshooting.md").read_text()
INFO = b'{"config": {"advanced": {"last_seen": "disable"}, "device_options": {"qos": 0}}}'


def ids() -> set[str]:
    """Every id that a probe can give, read from its source."""
    found = {id_ for _, id_ in _IDS}
    for file in (ROOT / "gateway/cli").glob("doctor*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Call) or getattr(node.func, "id", "") != "Finding":
                continue
            if isinstance(node.args[0], ast.Constant):
                found.add(node.args[0].value)
    return found


def test_every_id_has_its_heading_and_every_heading_its_id() -> None:
    section = TROUBLE.partition("## What doctor finds")[2].partition("\n## ")[0]
    assert set(re.findall(r"^### (\S+)$", section, re.MULTILINE)) == ids()


def site(folder: Path, *changes: tuple[str, str]) -> Settings:
    (folder / "gateway.yaml").write_text(pump(free_port(), *changes))
    return config.load(folder / "gateway.yaml")


def test_every_finding_that_is_not_ok_has_a_cure(tmp_path: Path) -> None:
    settings = site(tmp_path, ("min_free_bytes: 1MiB", "max_bytes: 900TiB, min_free_bytes: 1MiB"))
    found = [one for probe in doctor.MACHINE for one in probe(settings)]
    assert {one.id for one in found} >= {"disk-space", "disk-type", "clock", "permissions"}
    assert all(one.cure or one.severity == "ok" for one in found)
    (space,) = [one for one in found if one.id == "disk-space"]
    assert space.severity == "warning"


def test_a_secret_for_everybody_is_found(tmp_path: Path) -> None:
    secret = tmp_path / "mqtt.secret"
    secret.write_text("x")
    old = "host: 127.0.0.1"
    settings = site(tmp_path, (old, f"{old}, username: a, password_file: mqtt.secret"))
    for mode, severity in ((0o644, "warning"), (0o640, "ok")):
        secret.chmod(mode)
        (one,) = doctor_machine.permissions(settings)
        assert (one.id, one.severity) == ("permissions", severity)


def pem(folder: Path, days: int) -> Path:
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    made = folder / f"{days}.pem"
    words = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    words += ["-nodes", "-keyout", str(folder / "key.pem"), "-subj", "/CN=broker"]
    subprocess.run([*words, "-days", str(days), "-out", str(made)], check=True, capture_output=True)
    return made


@pytest.mark.parametrize(("days", "severity"), [(400, "ok"), (5, "warning"), (20_000, "ok")])
def test_the_end_of_a_certificate(tmp_path: Path, days: int, severity: str) -> None:
    """20,000 days are beyond 2050, where the form of the time is another one."""
    made = pem(tmp_path, days)
    old = "host: 127.0.0.1"
    settings = site(tmp_path, (old, f"{old}, tls: {{ca_file: {made}}}"))
    (one,) = doctor_machine.certificates(settings)
    assert (one.id, one.severity) == ("certificate", severity)
    (end,) = doctor_certificate.ends(made.read_text())
    assert abs((end - datetime.fromtimestamp(made.stat().st_mtime, UTC)).days - days) <= 1


@given(st.binary(max_size=60))
def test_no_certificate_that_is_none_raises(data: bytes) -> None:
    import base64

    text = base64.b64encode(data).decode()
    block = f"-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----"
    assert isinstance(doctor_certificate.ends(block), list)


def machine(folder: Path, name: str, **files: str) -> tuple[Path, Path]:
    """A /sys with one disk under the folder, and its mounts."""
    number = folder.stat().st_dev
    sys = folder / "sys"
    disk = sys / "devices" / name
    for file, text in files.items():
        at = disk / file.replace("__", "/")
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_text(text)
    (disk / "part").mkdir(parents=True)
    (disk / "part/partition").write_text("1")
    (sys / "dev/block").mkdir(parents=True)
    (sys / f"dev/block/{os.major(number)}:{os.minor(number)}").symlink_to(disk / "part")
    mounts = folder / "mountinfo"
    mounts.write_text("1 0 8:1 / / rw - ext4 /dev/x rw\n")
    return sys, mounts


def looked(folder: Path, sys: Path, mounts: Path) -> dict[str, Finding]:
    return {one.id: one for one in doctor_disk.disk(folder, sys, mounts)}


def test_an_sd_card_is_said(tmp_path: Path) -> None:
    found = looked(tmp_path, *machine(tmp_path, "mmcblk0", device__type="SD\n"))
    assert found["disk-type"].severity == "warning"
    assert "disk-wear" not in found


@pytest.mark.parametrize(
    ("life", "end", "severity"),
    [("0x01 0x02", "0x01", "ok"), ("0x09 0x01", "0x01", "warning"),
     ("0x0b 0x01", "0x01", "error"), ("0x02 0x02", "0x02", "error")],
)  # fmt: skip
def test_the_wear_of_an_emmc(tmp_path: Path, life: str, end: str, severity: str) -> None:
    files = {"device__type": "MMC", "device__life_time": life, "device__pre_eol_info": end}
    found = looked(tmp_path, *machine(tmp_path, "mmcblk1", **files))
    assert (found["disk-type"].severity, found["disk-wear"].severity) == ("ok", severity)


@pytest.mark.parametrize(("kind", "severity"), [("nfs4", "error"), ("tmpfs", "warning")])
def test_a_file_system_that_keeps_nothing(tmp_path: Path, kind: str, severity: str) -> None:
    sys, mounts = machine(tmp_path, "sda")
    mounts.write_text(f"1 0 8:1 / / rw - ext4 /dev/x rw\n2 1 0:1 / {tmp_path} rw - {kind} x rw\n")
    assert looked(tmp_path, sys, mounts)["disk-type"].severity == severity


@pytest.mark.broker
def test_the_settings_of_zigbee2mqtt(tmp_path: Path, make_broker: Callable[..., Mosquitto]) -> None:
    broker = make_broker().start()
    (tmp_path / "gateway.yaml").write_text(pump(broker.port))
    settings = config.load(tmp_path / "gateway.yaml")
    (one,) = settings.brokers.values()
    patient = Patient(settings, one, one, 10.0)
    assert [one.id for one in doctor_bridges.zigbee(patient)] == ["zigbee-info"]
    with Peer(broker.port) as peer:
        peer.publish("zigbee2mqtt/bridge/info", INFO, retain=True)
        peer.publish("zigbee2mqtt/probe", b'{"temperature": 3}', qos=0, retain=True)
    found = list(doctor_bridges.zigbee(patient))
    assert {one.id for one in found} == {
        *("zigbee-last-seen", "zigbee-cache", "zigbee-availability", "bridge-qos"),
    }
    assert all(one.severity == "warning" and one.cure for one in found)
    (told,) = doctor_bridges.qos(patient)
    assert (told.id, told.severity) == ("bridge-qos", "warning")
