import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Asset, PolicyRule
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


def policy(*rules, boot="b1"):
    asset = Asset("pump", "Pump", {}, policy=rules or (RULE,))
    numbers = itertools.count(1)
    return Policy(asset, boot, lambda: f"d{next(numbers)}")


def run(subject, labels, view=None, start=0, step=1_000):
    made = []
    for i, label in enumerate(labels):
        at = start + i * step
        verdict = Verdict("pump", at, at, "rule:1", label)
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


def test_min_interval_survives_a_restart_and_a_clock_that_went_back():
    first = policy(replace(RULE, min_interval_ms=60_000))
    run(first, ["alarm"] * 3, start=1_000_000)
    second = policy(replace(RULE, min_interval_ms=60_000), boot="b2")
    second.restore(first.to_json())
    assert second.raised() == ("alarm", 1_002_000)
    run(second, ["normal"] * 4, start=500_000)
    decisions = run(second, ["alarm"] * 3, start=505_000)
    assert [d.refused for d in decisions] == ["min_interval"]


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
