"""People are told, once, together, again after a failure, and the gateway never waits for it."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.alert import command
from tests.fakes.daemon import Daemon, pump
from tests.fakes.post import Letters, mail, web
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytest.importorskip("apprise", reason="needs the extra [alerts]")
pytestmark = pytest.mark.broker
ACTS = "- {when: alarm, do: stop, mode: act}"
ADVISES = "- {when: alarm, do: stop, mode: advise}"
ROUTE = "alerts: [{to_file: people.txt, when: [raised, cleared, security], group: 1s, every: 1s}]"


@pytest.fixture
def hook() -> Iterator[Letters]:
    with web() as hook:
        yield hook


def told(folder: Path, zigbee: Zigbee, *addresses: str, route: str = ROUTE) -> Daemon:
    """A gateway whose pump advises, and tells those addresses."""
    (folder / "people.txt").write_text("# who\n" + "\n".join(addresses) + "\n")
    return Daemon(folder, pump(zigbee.port, (ACTS, ADVISES), ("log: {", f"{route}\nlog: {{")))


def alarm(zigbee: Zigbee, count: int = 1) -> None:
    """Raise and clear the pump's alert."""
    topic = "edge/here/asset/pump/alert"
    for _ in range(count):
        before = len(zigbee.heard(topic))
        zigbee.tell("probe", temperature=95.0 + before / 100)
        wait_until(lambda at=before: len(zigbee.heard(topic)) > at, "it is raised")
        zigbee.tell("probe", temperature=20.0 + before / 100)
        wait_until(lambda at=before: len(zigbee.heard(topic)) > at + 1, "it is clear")


def test_a_webhook_ntfy_and_e_mail_are_told_of_the_same(tmp_path: Path, zigbee: Zigbee) -> None:
    with web() as hook, mail() as post:
        addresses = (
            f"json://127.0.0.1:{hook.port}/hook",
            f"ntfy://127.0.0.1:{hook.port}/pumps",
            f"mailto://127.0.0.1:{post.port}?from=gateway@plant.example&to=ann@plant.example",
        )
        with told(tmp_path, zigbee, *addresses):
            zigbee.online()
            alarm(zigbee)
            wait_until(lambda: len(hook.heard) >= 2 and post.heard, "all have heard", 60)
        assert {where for where, _, _ in hook.heard} == {"/hook", "pumps"}
        where, title, body = post.heard[0]
        assert where == "ann@plant.example"
        assert title == "here: 1 raised, 1 cleared"
        assert "Pump (pump): raised alarm; advice: stop" in body
        assert "Pump (pump): clear" in body


def test_ten_alerts_within_a_window_are_one_message(tmp_path: Path, zigbee: Zigbee) -> None:
    route = ROUTE.replace("group: 1s", "group: 15s")
    with web() as hook, told(tmp_path, zigbee, address(hook), route=route) as daemon:
        zigbee.online()
        alarm(zigbee, 10)
        wait_until(lambda: hook.heard, "a message", 60)
        ((_, title, body),) = hook.heard
        assert title == "here: 10 raised, 10 cleared"
        assert len(body.splitlines()) == 20
        counted = "SELECT n FROM counter WHERE scope = 'alerts/0' AND reason = 'sent'"
        wait_until(lambda: daemon.rows(counted) == [(20,)], "counted")


def address(letters: Letters) -> str:
    return f"json://127.0.0.1:{letters.port}/"


def test_what_was_not_delivered_is_tried_again_after_a_restart_too(
    tmp_path: Path, zigbee: Zigbee, hook: Letters
) -> None:
    secret = f"json://sesame:0penSesame@127.0.0.1:{hook.port}/t0ken"
    with told(tmp_path, zigbee, secret) as daemon:
        hook.status = 500
        zigbee.online()
        alarm(zigbee)
        wait_until(lambda: daemon.logged("alert_failed"), "a failure", 60)
        problem = lambda: [one for one in zigbee.newest("health")["problems"] if "alerts/0" in one]
        wait_until(problem, "health says so")
        for word in ("sesame", "0penSesame", "t0ken"):
            assert word not in daemon.text
            assert all(word.encode() not in said for _, said, _ in zigbee.peer.heard)
        daemon.kill()
        hook.status = 200
        daemon.start()
        wait_until(lambda: hook.heard, "it is told after all", 60)
        assert hook.heard[0][1] == "here: 1 raised, 1 cleared"
        kept = "SELECT key FROM kept WHERE room = 'alerts'"
        wait_until(lambda: daemon.rows(kept) == [], "nothing waits any more")


def test_a_service_that_hangs_holds_up_nothing(tmp_path: Path, zigbee: Zigbee) -> None:
    with web() as hook, told(tmp_path, zigbee, address(hook)) as daemon:
        hook.open.clear()
        zigbee.online()
        alarm(zigbee)
        wait_until(lambda: hook.asked, "somebody was asked", 60)
        alarm(zigbee, 3)
        assert daemon.stop(20) == 0


def test_a_retained_command_is_told_as_security(tmp_path: Path, zigbee: Zigbee) -> None:
    zigbee.peer.publish("edge/here/stop/set", b'{"on": true}', retain=True)
    with web() as hook, told(tmp_path, zigbee, address(hook)):
        wait_until(lambda: hook.heard, "a message", 60)
        assert "request_refused" in hook.heard[0][2]
        assert "edge/here/stop/set" in hook.heard[0][2]


def test_a_route_that_is_taken_out_is_told_no_more(tmp_path: Path, zigbee: Zigbee) -> None:
    with web() as hook, told(tmp_path, zigbee, address(hook)) as daemon:
        zigbee.online()
        daemon.file.write_text(daemon.file.read_text().replace(ROUTE, ""))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: daemon.logged("configuration_loaded"), "the reload")
        alarm(zigbee, 2)
        assert daemon.rows("SELECT key FROM kept WHERE room = 'alerts'") == []
        assert hook.asked == 0


def test_the_command_tries_every_address(tmp_path: Path, zigbee: Zigbee) -> None:
    with web() as hook:
        daemon = told(tmp_path, zigbee, address(hook), "json://127.0.0.1:9/", "nonsense")
        with daemon:
            run = CliRunner().invoke(command, ["--test", "--config", str(daemon.file)])
            shown = CliRunner().invoke(command, ["--config", str(daemon.file)])
    first, second, third = run.output.splitlines()
    assert first.endswith("address 1 of " + str(tmp_path / "people.txt") + ": sent")
    assert "failed" in second.lower() or "connection" in second.lower()
    assert third.endswith("address 3 is none that Apprise knows")
    assert (run.exit_code, shown.exit_code) == (1, 0)
    assert [title for _, title, _ in hook.heard] == ["here: a test"]


def test_an_asset_that_falls_silent_and_comes_back_is_told(tmp_path: Path, zigbee: Zigbee) -> None:
    route = ROUTE.replace("[raised, cleared, security]", "offline")
    with web() as hook:
        daemon = told(tmp_path, zigbee, address(hook), route=route)
        text = daemon.file.read_text().replace("unit: degC", "unit: degC, stale: 2s")
        daemon.file.write_text(text)
        with daemon:
            zigbee.online()
            zigbee.tell("probe", temperature=20.0)
            wait_until(lambda: hook.heard, "it is silent", 60)
            zigbee.tell("probe", temperature=21.0)
            wait_until(lambda: "heard again" in str(hook.heard), "it is back", 60)
    assert hook.heard[0][1] == "here: Pump (pump): nothing fresh is known"


WITHOUT = (
    "import sys; sys.modules['apprise'] = None\n"
    "from gateway.cli.main import main; sys.argv[1:] = ['check', 'gateway.yaml']; main()"
)


def test_check_says_that_the_extra_or_the_file_is_missing(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(pump(1883) + "alerts: {to_file: people.txt}\n")
    asked = [sys.executable, "-c", WITHOUT]
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    (tmp_path / "gateway.yaml").write_text(pump(1883) + ROUTE.replace("people", "nobody") + "\n")
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "alerts are sent by Apprise, which is missing" in done.stderr
    assert "nobody.txt: No such file" in done.stderr
    (tmp_path / "gateway.yaml").write_text(
        pump(1883) + ROUTE.replace("group: 1s", "assets: pomp") + "\n"
    )
    done = subprocess.run(asked, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert "unknown asset 'pomp'; did you mean 'pump'?" in done.stderr
