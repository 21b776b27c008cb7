"""A command that came to nothing is given again only where the file says so."""

import json
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import Inside, inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.people import done
from tests.fakes.records import Records
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

FAST = ("within: 20s", "within: 1s")


def text(broker: Mosquitto, retry: str, *changes: tuple[str, str]) -> str:
    return pump(broker.port, ("mode: act", f"mode: act, retry: {retry}"), *changes)


def attempts(daemon: Records) -> list[tuple[int, str]]:
    return daemon.rows("SELECT attempt, state FROM command ORDER BY rowid")


def ended(daemon: Records, count: int) -> bool:
    return [state for _, state in attempts(daemon)].count("timeout") >= count


def test_a_command_without_an_outcome_is_given_again_as_often_as_the_file_says(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with inside(tmp_path, text(broker, "{times: 2, after: 1s}", FAST)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: ended(daemon, 3), "three time-outs")
        assert attempts(daemon) == [(1, "timeout"), (2, "timeout"), (3, "timeout")]
        ids = daemon.rows("SELECT id, decision_id FROM command")
        assert len({id_ for id_, _ in ids}) == 3
        assert len({decision for _, decision in ids}) == 1
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: daemon.values("temperature") == [95, 96], "a further verdict")
        daemon.stop()
        assert len(zigbee.orders) == 3
        told = zigbee.heard("edge/here/asset/pump/command")
        assert [one["attempt"] for one in told if one["state"] == "sent"] == [1, 2, 3]
        rows = daemon.rows("SELECT body FROM audit WHERE kind = 'command'")
        bodies = [json.loads(body) for (body,) in rows]
        assert [one["attempt"] for one in bodies if one["state"] == "sent"] == [1, 2, 3]


def test_a_retry_that_is_obeyed_is_the_last(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with inside(tmp_path, text(broker, "{times: 5, after: 1s}", ("20s", "3s"))) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        zigbee.obey(2)
        wait_until(lambda: (2, "confirmed") in attempts(daemon), "the second is proved")
        daemon.stop()
        assert attempts(daemon) == [(1, "timeout"), (2, "confirmed")]


def test_a_failure_is_no_reason_where_only_time_outs_are(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    written = text(broker, "{times: 2, after: 1s, on: timeout}")
    with inside(tmp_path, written) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        fails(zigbee)
        wait_until(lambda: attempts(daemon) == [(1, "failed")], "it failed")
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: len(daemon.values("temperature")) == 2, "a further verdict")
        assert daemon.daemon is not None
        assert daemon.daemon.parts.retry.waiting == 0


def fails(zigbee: Zigbee) -> None:
    """Zigbee2MQTT logs that it could not do it."""
    message = "z2m: Publish 'set' 'state' to 'plug' failed: 'no route'"
    line = json.dumps({"level": "error", "message": message})
    zigbee.peer.publish("zigbee2mqtt/bridge/logging", line)


def test_a_failed_command_is_given_again(tmp_path: Path, broker: Mosquitto, zigbee: Zigbee) -> None:
    with inside(tmp_path, text(broker, "{times: 1, after: 1s, on: failed}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        fails(zigbee)
        zigbee.obey(2)
        wait_until(lambda: attempts(daemon) == [(1, "failed"), (2, "confirmed")], "proof")


def waiting(daemon: Inside) -> None:
    """Wait until a retry is due in a while."""
    wait_until(lambda: ended(daemon, 1), "a time-out")
    assert daemon.daemon is not None
    retry = daemon.daemon.parts.retry
    wait_until(lambda: retry.waiting == 1, "a retry waits")


def test_no_retry_once_the_alert_is_over(tmp_path: Path, broker: Mosquitto, zigbee: Zigbee) -> None:
    with inside(tmp_path, text(broker, "{times: 2, after: 3s}", FAST)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        waiting(daemon)
        zigbee.tell("probe", temperature=40)
        assert daemon.daemon is not None
        retry = daemon.daemon.parts.retry
        wait_until(lambda: retry.waiting == 0, "its time comes")
        daemon.stop()
        assert attempts(daemon) == [(1, "timeout")]


def test_no_retry_once_a_person_intervened_however_shortly(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with inside(tmp_path, text(broker, "{times: 2, after: 30s}", FAST)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        waiting(daemon)
        assert daemon.daemon is not None
        retry = daemon.daemon.parts.retry
        done(zigbee, "asset/pump/override", hold=True)
        wait_until(lambda: retry.waiting == 0, "it is the person's now")
        done(zigbee, "asset/pump/override", hold=False)
        assert attempts(daemon) == [(1, "timeout")]


def test_a_retry_passes_every_limit_and_a_refused_one_is_the_last(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    written = text(broker, "{times: 3, after: 1s}", FAST)
    written += "limits: {commands_per_minute: 1}\n"
    with inside(tmp_path, written) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: len(attempts(daemon)) == 2, "a second command")
        wait_until(lambda: attempts(daemon) == [(1, "timeout"), (2, "refused")], "a refusal")
        (reason,) = daemon.rows("SELECT reason FROM command WHERE state = 'refused'")
        assert reason == ("limits.commands_per_minute 1",)
        assert len(zigbee.orders) == 1


@pytest.mark.parametrize("moment", ["sent", "timeout"])
def test_nothing_is_given_again_after_the_gateway_was_killed(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, moment: str
) -> None:
    within = "1s" if moment == "timeout" else "3s"
    written = text(broker, "{times: 3, after: 2s}", ("within: 20s", f"within: {within}"))
    with Daemon(tmp_path, written) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: daemon.states() == [moment], "a command")
        daemon.kill()
        daemon.start()
        zigbee.tell("probe", temperature=96)
        wait_until(lambda: ended(daemon, 1), "its outcome")
        wait_until(lambda: len(daemon.values("temperature")) == 2, "a further verdict")
        zigbee.tell("probe", temperature=97)
        wait_until(lambda: len(daemon.values("temperature")) == 3, "and one more")
        daemon.stop()
        assert attempts(daemon) == [(1, "timeout")]
        assert len(zigbee.orders) <= 1  # killed between its commit and the publish: none
