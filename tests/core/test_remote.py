"""A cloud in the ladder: when it is asked, what its answer makes, and that it only advises."""

from array import array
from dataclasses import replace

import pytest

from gateway.core.assets import Action, Asset, CloudRung, ModelRung, PolicyRule, RuleRung, pacer
from gateway.core.ensembles import Bound
from gateway.core.ladder import ModelState, Turn
from gateway.core.latest import Latest
from gateway.core.oip import Said
from gateway.core.paths import Path
from gateway.core.policy import Policy
from gateway.core.questions import Remote
from gateway.core.readings import Metric, Reading, Readings
from gateway.core.remote import remote, told
from gateway.core.rules import parse
from gateway.core.running import Running
from gateway.core.verdicts import Mode, Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Channel, Shape, Window, Windows

HEAT = Metric("heat", "s", "d", Path.parse("heat"), asset="pump", stale_ms=1_000)
SHAPE = Shape((Channel("heat", "degC"),), 1_000, 2)
GOOD = Window(2_000, array("d", [1.0, 2.0]), (2.0,), 1.0)
CLOUD = CloudRung("big", like="m")
SAID = Said(1.2, "large", "3", "q1")
GUARD = RuleRung(parse("heat > 90"), "hot", guard=True)


def decide(score, held):
    return ("alarm", 1.0) if score >= (0.8 if held == "alarm" else 1.0) else ("normal", 1.0)


def state():
    return ModelState(ModelRung("m"), Windows(SHAPE), decide, "1", "ab", ("heat",))


def turn(*rungs, window=GOOD, heat=None, spare=True, **more):
    asset = Asset("pump", "Pump", {"heat": HEAT}, ladder=rungs, **more)
    latest = Latest(asset.metrics, {})
    if heat is not None:
        latest.take(Reading(HEAT, heat), 0, 0)
    spares = {"m": state()} if spare else {}
    running = Running(asset.running)
    running.see(latest.at(0), 0)
    return Turn(asset, 0, 0, latest, {}, window, spare=spares, running=running)


def test_it_is_asked_with_the_windows_of_a_model_that_is_out():
    one = turn(ModelRung("m"), CLOUD)
    rung = one.step()
    assert rung is CLOUD
    asked = remote(one, rung)
    assert isinstance(asked, Remote)
    assert (asked.window, one.abstained) == (GOOD, {"model:m": "not loaded"})


def test_its_answer_is_a_verdict_with_where_it_is_from():
    one = turn(CLOUD)
    asked = remote(one, one.step())
    verdict = told(one, asked, SAID, 212)
    assert (verdict.rung, verdict.label, verdict.level) == ("cloud:big", "alarm", 1.0)
    assert verdict.remote == {"model": "large", "request": "q1", "age_ms": 212}
    words = "cloud:big: model large 3, request q1, answered after 212 ms"
    assert verdict.provenance == words
    again = told(one, asked, SAID._replace(score=0.9), 1)
    assert again.label == "alarm", "its label is held, as a local model's"
    assert told(one, asked, SAID._replace(score=0.5), 1).label == "normal"


def test_declared_levels_stand_for_the_packages():
    rung = replace(CLOUD, levels=(Bound("warm", 1.1, 0.9), Bound("hot", 2.0, 1.8)))
    one = turn(rung)
    asked = remote(one, one.step())
    assert told(one, asked, SAID, 1).label == "warm"
    assert told(one, asked, SAID._replace(score=2.5), 1).label == "hot"
    assert told(one, asked, SAID._replace(score=0.5), 1).label == "normal"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"window": GOOD._replace(values=array("d"), abstained="gap heat: stale")},
            "gap heat: stale",
        ),
        ({"running": parse("heat > 50"), "heat": 20.0}, "idle"),
        ({"spare": False}, "model:m cannot be read, so it has no windows"),
    ],
)
def test_it_is_not_asked(changes, why):
    one = turn(CLOUD, **changes)
    assert remote(one, one.step()) == why
    one.declined(CLOUD, why)
    assert one.abstained == {"cloud:big": why}


def test_a_guard_does_not_wait_for_it_and_wins_over_its_normal():
    one = turn(CLOUD, GUARD, heat=95.0)
    found = remote(one, one.step())
    assert isinstance(found, Verdict)
    assert (found.label, found.rung) == ("hot", "rule:2")
    calm = turn(CLOUD, GUARD, heat=20.0)
    asked = remote(calm, calm.step())
    calm.latest.take(Reading(HEAT, 95.0), 0, 0)
    assert told(calm, asked, SAID._replace(score=0.1), 1).label == "hot"


def test_a_quiet_rule_above_it_does_not_answer_for_it():
    one = turn(RuleRung(parse("heat > 90"), "alarm"), CLOUD, heat=20.0)
    assert one.step() is CLOUD
    assert one.declined(CLOUD, "breaker open").label == "normal"


def test_whose_windows_make_turns_due():
    assert pacer((CLOUD, ModelRung("n"))) == "n"
    assert pacer((GUARD, CLOUD)) == "m"
    assert pacer((GUARD,)) == ""


# -- policy ------------------------------------------------------------------------------------

STOP = Action("stop", "s", "d", {"state": "OFF"})
RULE = PolicyRule("pump/policy/0", "alarm", hits=2, of=3, action="stop", mode=Mode.ACT)


def policy(*, may_act=False):
    ladder = (ModelRung("m"), replace(CLOUD, may_act=may_act))
    asset = Asset("pump", "Pump", {"heat": HEAT}, {"stop": STOP}, ladder=ladder, policy=(RULE,))
    return Policy(asset, lambda: "id")


def decisions(subject, *rungs):
    found = []
    for at, rung in enumerate(rungs):
        verdict = Verdict("pump", at, at, rung, "alarm")
        found += [
            (one.event, one.refused) for one in subject.decide(verdict, Latest({}, {}).at(at))
        ]
    return found


WHY = "assets.pump.verdicts: a cloud without may_act only advises"


def test_a_cloud_raises_an_alert_and_commands_nothing():
    assert decisions(policy(), "cloud:big", "cloud:big", "cloud:big") == [("raised", WHY)]


def test_its_vote_does_not_help_a_local_model_to_act():
    asked = ("cloud:big", "model:m", "cloud:big", "model:m", "model:m")
    assert decisions(policy(), *asked) == [("raised", WHY), ("repeated", "")]


def test_one_that_may_act_does():
    assert decisions(policy(may_act=True), "cloud:big", "cloud:big") == [("raised", "")]


def test_votes_survive_a_restart_with_whose_they_were():
    before = policy()
    decisions(before, "cloud:big")
    after = policy()
    after.restore(before.to_json())
    assert decisions(after, "model:m", "model:m") == [("raised", WHY), ("repeated", "")]


# -- windows -----------------------------------------------------------------------------------


def watched(*rungs):
    asset = Asset("pump", "Pump", {"heat": HEAT}, ladder=rungs)
    latest = Latest(asset.metrics, {})
    return Watch(asset, latest, Policy(asset, lambda: "id"), {"m": state()}, 0)


def test_a_model_that_goes_out_leaves_its_windows_to_the_cloud_and_takes_them_back():
    watch = watched(ModelRung("m"), CLOUD)
    for at in range(4):
        watch.take(Readings.of((Reading(HEAT, float(at)),)), at * 1_000, at * 1_000)
    before = watch.models["m"]
    watch.dress("m", None, None)
    assert (watch.models, watch.driver) == ({}, before)
    due = list(watch.take(Readings.of((Reading(HEAT, 9.0),)), 4_000, 4_000))
    assert [window.values.tolist() for window in due] == [[3.0, 9.0]]
    one = watch.turn(4_000, 4_000, due[0])
    asked = remote(one, one.step())
    assert isinstance(asked, Remote)
    assert asked.window is due[0]
    after = state()
    watch.dress("m", after, None)
    assert (watch.spare, watch.driver) == ({}, after)
    assert after.windows.latest().values.tolist() == [3.0, 9.0]


def test_without_a_cloud_nothing_is_kept_of_it():
    watch = watched(ModelRung("m"))
    watch.dress("m", None, None)
    assert (watch.spare, watch.driver) == ({}, None)
