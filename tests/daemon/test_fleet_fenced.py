"""Only who commands is heard: on old brokers, by access lists; and the planted faults."""

import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.fakes.daemon import ROOT
from tests.fakes.fleet import SITE, Fleet, played
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.waiting import let_pass, wait_until

pytestmark = [
    pytest.mark.broker,
    pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto"),
    pytest.mark.slow,
]


def test_a_broker_of_mqtt_3_fences_as_well(tmp_path: Path) -> None:
    with Fleet(tmp_path, broker=", protocol: 3.1.1") as fleet:
        fleet.start()
        played(fleet, 4, "freeze")


@pytest.mark.parametrize("fault", ["no fence", "no books"])
def test_a_planted_fault_is_found(tmp_path: Path, fault: str) -> None:
    """The control: without the fence, or without the books, an alarm is acted on twice."""
    with Fleet(tmp_path, fault=fault) as fleet:
        fleet.start()
        fleet.calm()
        first = fleet.plant.heat(5)
        owner = fleet.daemons[fleet.owner[5]]
        wait_until(lambda: fleet.plant.orders(5, first), "the first order")
        let_pass(0.5)  # the other one has judged it, too
        if fault == "no books":
            owner.kill()
        else:
            fleet.calm()
            owner.signal(signal.SIGSTOP)
            first = fleet.plant.heat(5)
            let_pass(7)
            owner.signal(signal.SIGCONT)
        wait_until(lambda: len(fleet.plant.orders(5, first)) > 1, "the second order")


def test_the_access_list_of_the_docs_lets_only_commanders_command(tmp_path: Path) -> None:
    page = (ROOT / "docs/fleet.md").read_text()
    (acl,) = re.findall(r"^```acl\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    assert acl == (ROOT / "config/mosquitto-fleet.acl").read_text()
    (tmp_path / "acl").write_text(acl)
    users = ("gateway-a", "gateway-b", f"{SITE}-commander", "zigbee2mqtt")
    for user in users:
        (tmp_path / user).write_text("secret\n")
        add = ["mosquitto_passwd", "-b", *(["-c"] if user == users[0] else [])]
        subprocess.run([*add, str(tmp_path / "passwords"), user, "secret"], check=True)
    lines = ("allow_anonymous false", f"password_file {tmp_path}/passwords")
    with Fleet(
        tmp_path,
        lines=(*lines, f"acl_file {tmp_path}/acl"),
        credentials=("zigbee2mqtt", "secret"),
    ) as fleet:
        for member, daemon in fleet.daemons.items():
            text = daemon.file.read_text()
            own = f", username: gateway-{member}, password_file: {tmp_path}/gateway-{member}}}}}"
            text = re.sub(r"(port: \d+)}}", rf"\1{own}", text)
            who = f"site: {SITE}, username: {SITE}-commander, "
            who += f"password_file: {tmp_path}/{SITE}-commander,"
            daemon.file.write_text(text.replace(f"site: {SITE},", who))
        fleet.start()
        played(fleet, 5, "kill")
        publish = ["mosquitto_pub", "-p", str(fleet.mosquitto.port), "-P", "secret", "-V", "5"]
        asked = ["-q", "1", "-t", "zigbee2mqtt/plug-5/set", "-m", "x", "-d"]
        said = subprocess.run(
            [*publish, "-u", "gateway-a", *asked], capture_output=True, check=False
        )
        assert b"135" in said.stdout + said.stderr or b"uthorized" in said.stdout + said.stderr
