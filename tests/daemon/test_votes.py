"""Readings that come all at once: each is a vote, as if they had come one by one."""

import signal
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee


@pytest.mark.parametrize(("hot", "events"), [(3, ["raised"]), (2, [])])
def test_a_batch_of_reports_is_as_many_votes_of_a_rule(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee, hot: int, events: list[str]
) -> None:
    policy = ("when: alarm, do: stop", "when: alarm, for: 3 of 5, do: stop")
    text = pump(broker.port, policy, ("level: debug", "level: info"))
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        wait_until(lambda: daemon.values("temperature") == [20.0], "it is heard")
        daemon.signal(signal.SIGSTOP)  # what comes now is one batch when it goes on
        for number in range(hot):
            zigbee.tell("probe", temperature=91.0 + number)
        daemon.signal(signal.SIGCONT)
        wait_until(lambda: len(daemon.values("temperature")) == 1 + hot, "all is stored")
        sql = "SELECT event FROM decision"
        wait_until(lambda: [event for (event,) in daemon.rows(sql)] == events, "the decision")
        assert daemon.stop() == 0
        assert [event for (event,) in daemon.rows(sql)] == events
        if events:
            assert daemon.rows("SELECT votes FROM decision") == [("3 of 5",)]
