"""What each limit says: the key of the file first, then why; and for whom it holds."""

from dataclasses import replace

import pytest

from gateway.core.commands import Step
from gateway.core.limits import By
from gateway.core.messages import Reason
from gateway.core.verdicts import Decision, Mode, Verdict
from tests.fakes import limited
from tests.fakes.limited import H, M, Rig, S

SETTINGS = limited.settings()
KEY = "assets.a.actions"


@pytest.fixture
def rig():
    made = Rig(SETTINGS)
    made.clock.wall = 1_795_507_200_000  # a Tuesday, 08:00 UTC
    well(made)
    yield made
    made.close()


def well(rig):
    for asset in "ab":
        for metric, value in (("power", 800.0), ("flow", 0.0), ("level", 40.0), ("heat", 40.0)):
            rig.tell(asset, metric, value)


def refusal(rig, action, value=None, by=By.POLICY, asset="a"):
    """What the first refusal says; empty when it was sent."""
    rig.refusals.clear()
    before = len(rig.sent)
    rig.want(asset, action, value, by)
    assert (len(rig.sent) > before) == (not rig.refusals)
    return "".join(rig.refusals)


def test_what_nothing_forbids_is_sent(rig):
    assert refusal(rig, "stop") == ""
    assert rig.sent[0].said == {"state": "OFF"}


def test_an_action_that_is_not_listed_is_refused(rig):
    assert refusal(rig, "explode") == "assets.a.actions: no 'explode'"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "value: it needs a number, not None"),
        (float("nan"), "value: it needs a number, not nan"),
        (float("-inf"), "value: it needs a number, not -inf"),
        (True, "value: it needs a number, not True"),
        (101.0, "value.range [0, 100]: 101"),
        (-0.1, "value.range [0, 100]: -0.1"),
        (45.0, "value.step 10 from 0: 45"),
        (70.0, "value.slew 20 per 10m: 70 is too far from level"),
    ],
)
def test_a_value_that_is_not_allowed_is_refused(rig, value, why):
    assert refusal(rig, "throttle", value) == f"{KEY}.throttle.{why}"


def test_an_action_without_a_value_takes_none(rig):
    assert refusal(rig, "stop", 1.0) == f"{KEY}.stop.value: it takes none"


def test_a_value_is_said_as_the_step_it_is_on(rig):
    assert refusal(rig, "throttle", 30.0000000004) == ""
    assert rig.sent[0].said == {"level": 30}


def test_a_slew_limit_counts_what_was_told_and_what_is_shown(rig):
    assert refusal(rig, "throttle", 60.0) == ""
    rig.tell("a", "level", 60.0)
    rig.clock.go(9 * M)
    slew = f"{KEY}.throttle.value.slew 20 per 10m"
    assert refusal(rig, "throttle", 30.0) == f"{slew}: 30 is too far from level"
    rig.tell("a", "level", 40.0)
    said = f"{slew}: 30 is too far from 60, which it was told"
    assert refusal(rig, "throttle", 30.0) == said
    rig.tell("a", "level", 60.0)
    rig.clock.go(M)
    assert refusal(rig, "throttle", 80.0) == ""
    rig.clock.go(31 * M)
    assert refusal(rig, "throttle", 80.0) == f"{slew}: level is unknown"


def test_hours_hold_and_a_clock_that_is_not_believed_forbids(rig):
    rig.clock.believed = False
    said = f"{KEY}.start.only_during Mo-Fr 06:00-22:00 UTC"
    assert refusal(rig, "start") == f"{said}: the clock is not believed"
    rig.clock.believed = True
    assert refusal(rig, "start") == ""
    rig.clock.go(14 * H)
    well(rig)
    assert refusal(rig, "start") == said


def test_an_interlock_forbids_what_is_true_and_what_is_unknown(rig):
    rig.tell("b", "heat", 130.0)
    assert refusal(rig, "start") == f"{KEY}.start.unless `b/heat` > 120"
    rig.tell("a", "heat", 85.0)
    assert refusal(rig, "start") == f"{KEY}.start.only_if heat < 80"
    rig.tell("a", "heat", 20.0)
    rig.tell("b", "heat", 20.0)
    rig.clock.go(31 * M)
    assert refusal(rig, "start") == f"{KEY}.start.only_if heat < 80: unknown"


def test_bad_readings_and_readings_of_an_earlier_process_are_no_evidence(rig):
    rig.restart()
    assert refusal(rig, "start") == f"{KEY}.start.only_if heat < 80: unknown"
    rig.tell("a", "heat", 20.0, Reason.RETAINED)
    assert refusal(rig, "start") == f"{KEY}.start.only_if heat < 80: unknown"
    rig.tell("a", "heat", 20.0)
    assert refusal(rig, "start") == f"{KEY}.start.unless `b/heat` > 120: unknown"


def test_two_pumps_are_never_stopped_together(rig):
    assert refusal(rig, "stop", asset="b") == ""
    said = "exclusions.pumps at_most 1: b/stop"
    assert refusal(rig, "stop") == f"{said} is on its way"
    rig.restart()
    well(rig)
    assert refusal(rig, "stop") == f"{said} is on its way"
    rig.end(Step.CONFIRM)
    assert refusal(rig, "stop") == f"{said} may be in force: nothing newer is known"
    rig.clock.go(1)
    rig.tell("b", "power", 0.2)
    assert refusal(rig, "stop") == f"{said} is in force"
    rig.clock.go(31 * M)
    assert refusal(rig, "stop") == f"{said} may be in force: unknown"
    rig.tell("b", "power", 700.0)
    assert refusal(rig, "stop") == ""


def test_two_decisions_of_one_moment_cannot_stop_both(rig):
    for asset in "ab":
        rig.verdict(asset, "alarm")
    assert [(one.asset, one.action) for one in rig.sent if one.action == "stop"] == [("a", "stop")]


def test_an_action_is_not_done_while_another_is_in_force(rig):
    assert refusal(rig, "drain") == ""
    rig.end(Step.CONFIRM)
    rig.clock.go(1)
    rig.tell("a", "flow", 9.0)
    assert refusal(rig, "start") == f"{KEY}.start.never_with a/drain: is in force"
    rig.tell("a", "flow", 0.2)
    assert refusal(rig, "start") == ""


@pytest.mark.parametrize("wall_ms", [0, 10**13])
def test_minimum_times_survive_a_reboot_with_any_clock(rig, wall_ms):
    assert refusal(rig, "stop") == ""
    rig.end(Step.CONFIRM)
    rig.clock.go(8 * M)
    rig.reboot(24 * H, wall_ms)
    rig.clock.believed, rig.clock.wall = True, 1_795_507_200_000
    well(rig)
    assert refusal(rig, "start") == f"{KEY}.start.after.stop 10m"
    rig.clock.go(10 * M)
    assert refusal(rig, "start") == ""


def test_rates_of_an_asset_and_of_the_gateway(rig):
    assert [refusal(rig, "drain") for _ in range(3)] == ["", "", "limits.commands_per_minute 2"]
    for _ in range(3):
        rig.clock.go(M)
        assert refusal(rig, "drain") == ""
    rig.clock.go(M)
    assert refusal(rig, "drain") == "assets.a.limits.commands_per_hour 5"
    for _ in range(4):
        rig.clock.go(H)
        assert refusal(rig, "drain") == ""
    rig.clock.go(H)
    assert refusal(rig, "drain") == "assets.a.limits.commands_per_day 9"
    rig.restart()
    assert refusal(rig, "drain") == "assets.a.limits.commands_per_day 9"


@pytest.mark.parametrize(
    ("flag", "spared"),
    [("stop", []), ("maintenance", [By.PERSON]), ("hold", [By.PERSON, By.FAIL_SAFE])],
)
def test_what_people_say_holds_for_whom_it_should(rig, flag, spared):
    rig.flag("" if flag == "stop" else "a", flag, on=True)
    word = {"stop": "stopped"}.get(flag, flag)
    for by in By:
        rig.clock.go(H)
        assert refusal(rig, "drain", by=by) == ("" if by in spared else word)


def test_what_waited_for_its_broker_is_asked_about_again(rig):
    rig.connected = False
    rig.want("a", "stop", None, By.POLICY)
    rig.clock.go(5 * S)
    rig.flag("a", "hold", on=True)
    rig.reconnect()
    assert rig.sent == []
    rig.flag("a", "hold", on=False)
    assert refusal(rig, "stop") == ""


def test_what_was_refused_or_expired_counts_for_nothing(rig):
    rig.connected = False
    for _ in range(2):
        rig.want("a", "drain", None, By.POLICY)
    rig.clock.go(30 * S)
    rig.reconnect()
    assert refusal(rig, "drain") == ""
    assert refusal(rig, "drain") == ""


@pytest.mark.parametrize(
    ("asset", "action", "refused"),
    [
        ("a", "stop", ""),
        ("a", "", ""),
        ("a", "explode", "assets.a.actions: no 'explode'"),
        ("gone", "stop", "assets.gone.actions: no 'stop'"),
    ],
)
def test_a_decision_about_what_a_new_file_no_longer_lists_is_refused(rig, asset, action, refused):
    verdict = Verdict(asset, 0, 0, "model:x", "alarm")
    made = Decision("d", asset, f"{asset}/policy/0", "raised", Mode.ACT, action, verdict)
    assert rig._permits.listed(made).refused == refused
    assert rig._permits.listed(replace(made, refused="hold")).refused == "hold"


def test_nothing_is_done_that_cannot_be_recorded(rig):
    rig._permits._journal.trouble = "full"
    assert refusal(rig, "stop") == "store full"
    rig._permits._journal.trouble = ""


def test_a_refusal_says_the_same_while_the_metric_moves(rig):
    for level in (100.0, 99.0, 80.5):
        rig.tell("a", "level", level)
        rig.verdict("a", "alarm")
    slew = [said for said in rig.refusals if ".slew" in said]
    assert slew == [f"{KEY}.throttle.value.slew 20 per 10m: 30 is too far from level"]
