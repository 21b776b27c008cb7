import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Asset, PolicyRule
from gateway.core.interventions import Intervention, Kind
from gateway.core.policy import Policy
from gateway.core.rules import parse
from gateway.core.verdicts import Mode, Verdict

RULE = PolicyRule(
    "pump/policy/0", "alarm", hits=3, of=5, clear_hits=4, clear_of=4, action="stop", mode=Mode.ACT
)


class View:
    def __init__(self, **values):
        self.values = values

    def value(self, metric):
        return self.values.get(metric)

    def history(self, metric, span_ms):
        return []

    def age_ms(self, metric):
        return None


def policy(*rules):
    asset = Asset("pump", "Pump", {}, policy=rules or (RULE,))
    numbers = itertools.count(1)
    return Policy(asset, lambda: f"d{next(numbers)}")


def run(subject, labels, view=None, start=0, step=1_000, ahead=0):
    made = []
    for i, label in enumerate(labels):
        at = start + i * step
        verdict = Verdict("pump", at + ahead, at, "rule:1", label)
        made += subject.decide(verdict, view or View())
    return made


def test_it_is_raised_by_k_of_n_and_not_before():
    subject = policy()
    assert run(subject, ["alarm", "normal", "alarm"]) == []
    (decision,) = run(subject, ["alarm"])
    assert (decision.event, decision.action, decision.votes) == ("raised", "stop", "3 of 5")


def test_it_acts_once_while_it_is_raised():
    decisions = run(policy(), ["alarm"] * 50)
    assert [decision.event for decision in decisions] == ["raised"]


def test_it_clears_only_after_enough_verdicts_without_the_label():
    subject = policy()
    decisions = run(subject, ["alarm"] * 3 + ["normal"] * 3 + ["alarm"] + ["normal"] * 4)
    assert [decision.event for decision in decisions] == ["raised", "cleared"]
    assert subject.raised() is None


def test_an_interlock_refuses_and_lets_go_when_it_opens():
    subject = policy(replace(RULE, unless=(parse("valve == 1"),)))
    locked = run(subject, ["alarm"] * 6, View(valve=1.0))
    assert [(d.event, d.refused) for d in locked] == [("raised", "unless valve == 1")]
    opened = run(subject, ["alarm"] * 3, View(valve=0.0), start=10_000)
    assert [(d.event, d.refused) for d in opened] == [("repeated", "")]


def test_an_unknown_interlock_forbids():
    assert run(policy(replace(RULE, unless=(parse("valve == 1"),))), ["alarm"] * 3)[0].refused
    assert run(policy(replace(RULE, only_if=(parse("valve == 1"),))), ["alarm"] * 3)[0].refused


def test_a_flag_forbids():
    subject = policy(replace(RULE, flags=("maintenance",)))
    subject.flags.add("maintenance")
    assert run(subject, ["alarm"] * 3)[0].refused == "flag maintenance"


def test_min_interval_holds_between_two_actions():
    subject = policy(replace(RULE, min_interval_ms=60_000))
    cycle = ["alarm"] * 3 + ["normal"] * 4
    decisions = run(subject, cycle * 2)
    assert [d.refused for d in decisions if d.event == "raised"] == ["", "min_interval"]
    later = run(subject, ["alarm"] * 3, start=100_000)
    assert [d.refused for d in later] == [""]


@pytest.mark.parametrize("wall_ms", [0, 4 * 10**12])
def test_min_interval_survives_a_reboot_whatever_the_clock_says(wall_ms):
    first = policy(replace(RULE, min_interval_ms=60_000))
    run(first, ["alarm"] * 3, start=1_000_000)
    second = policy(replace(RULE, min_interval_ms=60_000))
    second.shift_ms = 1_010_000
    second.restore(first.to_json())
    assert second.raised() == ("alarm", 1_002_000)
    run(second, ["normal"] * 4, start=1_000, ahead=wall_ms)
    decisions = run(second, ["alarm"] * 3, start=10_000, ahead=wall_ms)
    assert [d.refused for d in decisions] == ["min_interval"]
    assert [d.refused for d in run(second, ["alarm"], start=60_000, ahead=wall_ms)] == [""]


def test_what_an_earlier_version_noted_counts_as_done_just_now():
    subject = policy(replace(RULE, min_interval_ms=60_000))
    subject.restore('{"pump/policy/0": {"acted_at_ms": 7, "acted_mono_ms": 9, "boot": "b0"}}')
    assert [d.refused for d in run(subject, ["alarm"] * 3, start=10**9)] == ["min_interval"]
    assert run(subject, ["alarm"], start=10**9 + 50_000) == []
    assert [d.refused for d in run(subject, ["alarm"], start=10**9 + 70_000)] == [""]


def test_two_rules_vote_for_themselves():
    warn = PolicyRule("pump/policy/1", "warning", hits=1, of=1)
    decisions = run(policy(RULE, warn), ["alarm", "warning", "alarm", "alarm"])
    assert [(d.policy, d.event) for d in decisions] == [
        ("pump/policy/1", "raised"),
        ("pump/policy/1", "cleared"),
        ("pump/policy/0", "raised"),
    ]


labels = st.sampled_from(["alarm", "normal", "warning"])


@given(
    st.lists(st.tuples(labels, st.integers(1, 20_000), st.sampled_from([0.0, 1.0, None]))),
    st.integers(1, 4),
    st.integers(0, 30_000),
)
def test_no_limit_is_broken_whatever_the_verdicts(steps, hits, interval):
    rule = replace(RULE, hits=hits, of=4, min_interval_ms=interval, unless=(parse("valve == 1"),))
    subject = policy(rule)
    now, acted, votes = 0, [], []
    for label, gap, valve in steps:
        now += gap
        votes.append(label == "alarm")
        verdict = Verdict("pump", now, now, "rule:1", label)
        for decision in subject.decide(verdict, View(valve=valve)):
            if decision.action and not decision.refused:
                assert valve == 0.0
                assert label == "alarm" or sum(votes[-4:]) >= hits
                assert not acted or now - acted[-1] >= interval
                acted.append(now)


@given(st.lists(labels, max_size=40), st.integers(0, 40))
def test_a_restart_at_any_point_changes_no_decision(sequence, cut):
    whole = [(d.event, d.votes) for d in run(policy(), sequence)]
    first, second = policy(), policy()
    made = run(first, sequence[:cut])
    second.restore(first.to_json())
    made += run(second, sequence[cut:], start=cut * 1_000)
    assert [(d.event, d.votes) for d in made] == whole


# -- what people decided -------------------------------------------------------------------------


def decided(subject, kind, *, value="", policy="", for_ms=None, asset="pump", at=0):
    one = Intervention(
        "i", kind, asset, "anna", "", at, at, "b1", for_ms, value=value, policy=policy
    )
    subject.standing.put(one)
    return one


@pytest.mark.parametrize(
    ("kind", "value", "asset", "refused"),
    [
        (Kind.HOLD, "", "pump", "hold"),
        (Kind.MAINTENANCE, "maintenance", "pump", "maintenance"),
        (Kind.STOP, "", "", "stopped"),
    ],
)
def test_people_forbid_what_would_be_done_and_it_is_done_when_they_are_gone(
    kind, value, asset, refused
):
    subject = policy()
    one = decided(subject, kind, value=value, asset=asset)
    held = run(subject, ["alarm"] * 9)
    assert [(d.event, d.refused) for d in held] == [("raised", refused)]
    subject.standing.end(one.key)
    ended = run(subject, ["alarm"], start=20_000)
    assert [(d.event, d.action, d.refused) for d in ended] == [("repeated", "stop", "")]


def test_a_hold_that_is_over_forbids_nothing_whether_it_was_ended_or_not():
    subject = policy()
    decided(subject, Kind.HOLD, for_ms=5_000)
    assert [d.refused for d in run(subject, ["alarm"] * 9)] == ["hold", ""]


def test_a_flag_that_people_set_forbids_what_names_it():
    subject = policy(replace(RULE, flags=("cleaning",)))
    decided(subject, Kind.MAINTENANCE, value="cleaning")
    assert run(subject, ["alarm"] * 3)[0].refused == "flag cleaning"


def test_an_advice_becomes_an_action_once_the_rule_may_act_again():
    subject = policy()
    one = decided(subject, Kind.MODE, value="advise")
    advised = run(subject, ["alarm"] * 9)
    assert [(d.event, d.mode, d.refused) for d in advised] == [("raised", "advise", "")]
    subject.standing.end(one.key)
    acted = run(subject, ["alarm"] * 5, start=20_000)
    assert [(d.event, d.mode, d.refused) for d in acted] == [("repeated", "act", "")]


def test_an_advice_does_not_keep_the_command_waiting():
    subject = policy(replace(RULE, min_interval_ms=3_600_000))
    one = decided(subject, Kind.MODE, value="advise")
    run(subject, ["alarm"] * 5)
    subject.standing.end(one.key)
    assert [d.refused for d in run(subject, ["alarm"], start=9_000)] == [""]


def test_who_was_told_of_an_alert_is_told_that_it_is_over_whatever_the_mode_is_then():
    subject = policy()
    run(subject, ["alarm"] * 3)
    decided(subject, Kind.MODE, value="shadow")
    (cleared,) = run(subject, ["normal"] * 4, start=10_000)
    assert (cleared.event, cleared.mode) == ("cleared", "act")


def test_what_was_raised_in_shadow_is_raised_for_everybody_when_it_may_be_said():
    subject = policy()
    one = decided(subject, Kind.MODE, value="shadow")
    (quiet,) = run(subject, ["alarm"] * 3)
    subject.standing.end(one.key)
    (loud,) = run(subject, ["alarm"], start=10_000)
    assert (quiet.event, quiet.mode, loud.event, loud.mode) == ("raised", "shadow", "raised", "act")
    assert [alert.id for alert in subject.alerts()] == [loud.id]


def test_an_alert_is_known_by_the_decision_that_raised_it_over_a_restart():
    first = policy()
    (made,) = run(first, ["alarm"] * 3)
    second = policy()
    second.restore(first.to_json())
    assert [(alert.id, alert.label) for alert in second.alerts()] == [(made.id, "alarm")]
    run(second, ["normal"] * 4, start=10_000)
    assert second.alerts() == []


def test_the_interlocks_of_its_rules_lock_an_action_for_everybody():
    subject = policy(replace(RULE, unless=(parse("valve == 1"),)))
    assert subject.interlock("stop", View(valve=1.0)) == "unless valve == 1"
    assert subject.interlock("stop", View(valve=0.0)) == ""
    assert subject.interlock("start", View(valve=1.0)) == ""


def test_the_mode_of_an_asset_is_the_most_that_a_rule_may_do():
    subject = policy(RULE, replace(RULE, name="pump/policy/1", mode=Mode.SHADOW))
    assert subject.mode(0) is Mode.ACT
    decided(subject, Kind.MODE, value="advise", policy="pump/policy/0")
    assert subject.mode(0) is Mode.ADVISE


def test_an_alert_in_shadow_is_nobodys_to_acknowledge():
    subject = policy()
    decided(subject, Kind.MODE, value="shadow")
    run(subject, ["alarm"] * 3)
    assert subject.raised() is not None
    assert subject.alerts() == []


def test_the_end_of_an_alert_is_told_although_it_went_into_shadow_meanwhile():
    subject = policy()
    held = decided(subject, Kind.HOLD)
    run(subject, ["alarm"] * 3)
    decided(subject, Kind.MODE, value="shadow")
    quiet = run(subject, ["alarm"] * 3, start=5_000)
    assert [(d.event, d.mode) for d in quiet] == [("repeated", "shadow")]
    (cleared,) = run(subject, ["normal"] * 4, start=10_000)
    assert (cleared.event, cleared.mode) == ("cleared", "act")
    subject.standing.end(held.key)


def test_what_was_lowered_meanwhile_is_done_once_it_may_be_again():
    subject = policy()
    held = decided(subject, Kind.HOLD)
    run(subject, ["alarm"] * 3)
    lowered = decided(subject, Kind.MODE, value="advise")
    run(subject, ["alarm"] * 3, start=5_000)
    subject.standing.end(lowered.key)
    subject.standing.end(held.key)
    acted = run(subject, ["alarm"] * 2, start=10_000)
    assert [(d.event, d.mode, d.refused) for d in acted] == [("repeated", "act", "")]


WISHES = st.sampled_from(
    [
        *((Kind.HOLD, "", "pump"), (Kind.MAINTENANCE, "maintenance", "pump"), (Kind.STOP, "", "")),
        *((Kind.MODE, mode.value, asset) for mode in Mode for asset in ("pump", "")),
    ]
)


@given(
    st.lists(st.tuples(labels, WISHES | st.none(), st.booleans(), st.integers(1, 9_000))),
    st.sampled_from(Mode),
    st.integers(1, 20_000),
)
def test_nothing_is_done_against_people_whatever_they_and_the_verdicts_say(steps, mode, span_ms):
    subject = policy(replace(RULE, hits=1, of=1, clear_hits=1, clear_of=1, mode=mode))
    now, held, raised = 0, {}, False
    for label, wish, on, gap in steps:
        now += gap
        if wish is not None:
            kind, value, asset = wish
            for_ms = None if kind is Kind.STOP else span_ms
            one = decided(subject, kind, value=value, asset=asset, for_ms=for_ms, at=now)
            held[one.key] = one
            if not on:
                subject.standing.end(one.key)
                del held[one.key]
        valid = [one for one in held.values() if not one.over(now)]
        verdict = Verdict("pump", now, now, "rule:1", label)
        for decision in subject.decide(verdict, View()):
            told = decision.event == "raised"
            raised = True if told else False if decision.event == "cleared" else raised
            if decision.action and decision.mode is Mode.ACT and not decision.refused:
                kinds = {one.kind for one in valid}
                assert not kinds & {Kind.HOLD, Kind.MAINTENANCE, Kind.STOP}
                modes = [one.value for one in valid if one.kind is Kind.MODE]
                assert all(word == Mode.ACT for word in modes)
                assert mode is Mode.ACT or any(
                    one.asset == "pump" for one in valid if one.kind is Kind.MODE
                )
        assert raised == (subject.raised() is not None)


def test_what_a_rule_remembers_is_not_taken_up_by_another_that_stands_in_its_place():
    first = policy(replace(RULE, min_interval_ms=60_000))
    run(first, ["alarm"] * 3)
    second = policy(replace(RULE, when="hot", hits=3, of=3, min_interval_ms=60_000))
    second.restore(first.to_json())
    assert (second.lost, second.alerts()) == (True, [])
    assert run(second, ["hot"] * 2, start=10_000) == []
    (raised,) = run(second, ["hot"], start=12_000)
    assert (raised.event, raised.refused) == ("raised", "min_interval")
