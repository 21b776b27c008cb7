"""The one alert of an asset, while several of its policies are raised."""

import signal
from pathlib import Path
from typing import Any

from tests.fakes.daemon import Daemon, pump
from tests.fakes.inside import inside
from tests.fakes.people import done
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

FIRST = '      - {rule: "temperature > 90", label: alarm}\n'
TWO = (FIRST, FIRST + '      - {rule: "temperature > 60", label: warm}\n')


def text(zigbee: Zigbee, policies: str) -> str:
    last = "      - {when: alarm, do: stop, mode: act}\n"
    return pump(zigbee.port, TWO, (last, policies))


def test_an_alert_that_is_over_does_not_hide_the_one_that_began_with_it(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    policies = "      - {when: alarm, mode: advise}\n      - {when: warm, mode: advise}\n"
    with inside(tmp_path, text(zigbee, policies)):
        zigbee.online()
        for temperature, label in ((70, "warm"), (95, "alarm"), (71, "warm"), (96, "alarm")):
            zigbee.tell("probe", temperature=temperature)
            wait_until(lambda label=label: alert(zigbee, "label") == label, label)
        zigbee.tell("probe", temperature=40)
        wait_until(lambda: alert(zigbee, "state") == "clear", "all clear")
        said = [one["state"] for one in zigbee.heard("edge/here/asset/pump/alert")]
        assert said == ["raised"] * 4 + ["clear"]


def test_of_two_that_are_raised_the_alert_is_about_the_one_that_nobody_has_seen(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    policies = "      - {when: alarm, clear: 3 of 3}\n      - {when: warm, clear: 1 of 1}\n"
    with inside(tmp_path, text(zigbee, policies)):
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: alert(zigbee, "label") == "alarm", "the first")
        alarm = alert(zigbee, "decision")
        zigbee.tell("probe", temperature=70)
        wait_until(lambda: alert(zigbee, "label") == "warm", "the newest")
        (other,) = alert(zigbee, "others")
        assert (other["label"], other["decision"]) == ("alarm", alarm)
        done(zigbee, "asset/pump/acknowledge", alert=alert(zigbee, "decision"), author="anna")
        wait_until(lambda: alert(zigbee, "label") == "alarm", "the one that nobody has seen")
        (other,) = alert(zigbee, "others")
        assert (other["label"], other["acknowledged"]["author"]) == ("warm", "anna")
        zigbee.tell("probe", temperature=40)  # warm is over, alarm not yet
        wait_until(lambda: not alert(zigbee, "others"), "one of them")
        assert (alert(zigbee, "state"), alert(zigbee, "decision")) == ("raised", alarm)


def test_an_alert_is_over_when_its_policy_is_no_longer_in_the_file(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    both = "      - {when: warm}\n      - {when: alarm}\n"
    with Daemon(tmp_path, text(zigbee, both)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=70)
        wait_until(lambda: alert(zigbee, "label") == "warm", "an alert")
        daemon.file.write_text(text(zigbee, "      - {when: alarm}\n"))  # in its place
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: alert(zigbee, "state") == "clear", "over, after a reload")
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: alert(zigbee, "label") == "alarm", "another")
        assert daemon.stop() == 0
        daemon.file.write_text(text(zigbee, "      - {when: warm}\n"))
        daemon.start()
        wait_until(lambda: alert(zigbee, "state") == "clear", "over, after a restart")


def alert(zigbee: Zigbee, key: str) -> Any:
    return zigbee.newest("asset/pump/alert").get(key)
