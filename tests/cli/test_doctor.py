"""``edge-gateway doctor`` against real brokers, good and bad."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.doctor import PROBES
from gateway.cli.doctor_broker import DROPPED
from gateway.cli.main import cli
from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.ports import free_port
from tests.fakes.shipped import Shipped
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]
TROUBLE = (Path(__file__).parents[2] / "docs/troubleshooting.md").read_text()


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    if PROGRAM is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto and mosquitto_passwd")
    broker = Shipped(tmp_path_factory.mktemp("shipped"))
    broker.start()
    yield broker
    broker.kill()


def dropped(broker: Mosquitto) -> bool:
    """The broker says that it dropped something; it says so once a second here."""
    with Gateway(broker.port, DROPPED) as client:
        client.ready()
        return int(client.hears(1)[-1]) > 0


def doctor(folder: Path, text: str, *options: str, code: int) -> dict[str, str]:
    """Severity of each finding, by its id; the worst where there are several."""
    (folder / "gateway.yaml").write_text(text)
    words = ["doctor", "--config", str(folder / "gateway.yaml"), "--json", *options]
    result = CliRunner().invoke(cli, words, catch_exceptions=False)
    told: dict[str, Any] = json.loads(result.output)
    assert result.exit_code == code, result.output
    ranks = ["ok", "warning", "error"]
    found: dict[str, str] = {}
    for one in told["findings"]:
        if not one["id"].startswith(("broker-", "retained-")):
            assert one["severity"] != "error", one  # this machine is in order
            continue
        assert one["cure"] or one["severity"] == "ok", one
        assert f"\n### {one['id']}\n" in TROUBLE, one
        worst = max(found.get(one["id"], "ok"), one["severity"], key=ranks.index)
        found[one["id"]] = worst
    return found


def secured(shipped: Shipped) -> str:
    secret = shipped.password_file("gateway")
    old = f"{{host: 127.0.0.1, port: {shipped.port}}}"
    return pump(shipped.port, (old, f"{old[:-1]}, username: gateway, password_file: {secret}}}"))


def test_the_shipped_configuration_is_healthy(tmp_path: Path, shipped: Shipped) -> None:
    found = doctor(tmp_path, secured(shipped), code=0)
    assert set(found.values()) == {"ok"}
    assert found.keys() == {
        *("broker-reachable", "broker-session", "broker-strangers", "broker-own-rights"),
        *("retained-command", "broker-dropped"),
    }


@pytest.mark.parametrize(("user", "severity"), [("viewer", "ok"), ("anna", "error")])
def test_another_user_can_be_tried(
    tmp_path: Path, shipped: Shipped, user: str, severity: str
) -> None:
    options = ("--other-user", user, "--other-password-file", str(shipped.password_file(user)))
    found = doctor(tmp_path, secured(shipped), *options, code=int(severity == "error"))
    assert found["broker-strangers"] == severity


def test_an_open_broker_that_keeps_little_is_found_out(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    broker = make_broker("max_queued_messages 1000", "sys_interval 1").start()
    doctor(tmp_path, pump(broker.port), code=1)
    wait_until(lambda: dropped(broker), "it says what it dropped")
    found = doctor(tmp_path, pump(broker.port), code=1)
    assert found == {
        "broker-dropped": "warning",
        "broker-reachable": "ok",
        "broker-queue": "warning",
        "broker-queue-qos0": "warning",
        "broker-strangers": "error",
        "broker-too-much": "warning",
        "retained-command": "ok",
    }


def test_a_user_with_too_few_rights_is_found_out(tmp_path: Path, make_broker: MakeBroker) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic readwrite edge/here/doctor/#\n")
    acl.chmod(0o644)
    broker = make_broker(f"acl_file {acl}", "queue_qos0_messages true").start()
    found = doctor(tmp_path, pump(broker.port), code=1)
    assert found["broker-own-rights"] == "error"
    assert found["broker-strangers"] == "ok"
    assert found["broker-session"] == "ok"


def test_a_retained_command_is_found(tmp_path: Path, make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    with Peer(broker.port) as peer:
        peer.publish("edge/here/asset/pump/override/set", b'{"hold": true}', retain=True)
    found = doctor(tmp_path, pump(broker.port), code=1)
    assert found["retained-command"] == "error"


def test_a_broker_that_is_not_there_is_said_once_and_for_people(tmp_path: Path) -> None:
    text = pump(free_port())
    assert doctor(tmp_path, text, "--wait", "1", code=1) == {
        "broker-reachable": "error",
        "broker-strangers": "ok",
    }
    words = ["doctor", "--config", str(tmp_path / "gateway.yaml"), "--wait", "1"]
    result = CliRunner().invoke(cli, words)
    assert "cure: host, port" in result.output
    assert "docs/troubleshooting.md#broker-reachable" in result.output


def test_every_probe_is_one_function() -> None:
    assert all(callable(probe) and probe.__doc__ for probe in PROBES)


def test_it_changes_nothing_of_a_gateway_that_runs(tmp_path: Path, make_broker: MakeBroker) -> None:
    broker = make_broker("queue_qos0_messages true").start()
    with Zigbee(broker.port) as zigbee, Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "an alert, and its order")
        doctor(tmp_path, pump(broker.port), code=1)
        answered = ("override", "mode", "acknowledge", "maintenance", "stop")
        for name in answered:
            wait_until(lambda at=name: zigbee.heard(f"edge/here/response/{at}"), "an answer")
            said = zigbee.heard(f"edge/here/response/{name}")
            assert {one["status"] for one in said} == {"error"}
        assert daemon.logged("intervention_changed") == []
        assert daemon.logged("broker_lost") == []
        assert len(zigbee.orders) == 1
