"""No sequence of events makes the gateway send what its file forbids; and a hole would be found."""

import random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.core.commands import Step
from gateway.core.limits import By
from gateway.core.limits_order import ORDER
from gateway.core.messages import Reason
from tests.fakes import limited
from tests.fakes.limited import H, M, Rig, S

SETTINGS = limited.settings()
YEAR_MS = 365 * 24 * H
ASSETS = ("a", "b")
ACTIONS = ("stop", "start", "drain", "throttle", "explode")
VALUES = (None, 0.0, 10.0, 30.0, 40.0, 60.0, 100.0, 55.0, -10.0, 110.0, float("nan"), float("inf"))
READINGS = {
    "power": (0.0, 3.0, 800.0),
    "flow": (0.0, 9.0),
    "level": (0.0, 20.0, 40.0, 100.0),
    "heat": (20.0, 95.0, 130.0),
}
SPANS_MS = (0, 1, 10 * S, 25 * S, M, 4 * M, 6 * M, 11 * M, 31 * M, 61 * M, 7 * H, 25 * H)
OUTCOMES = (Step.CONFIRM, Step.FAIL, Step.DEADLINE)
FLAGS = (("", "stop"), ("a", "hold"), ("a", "maintenance"), ("b", "hold"), ("b", "maintenance"))


class Acting(RuleBasedStateMachine):
    """Anything that can happen to a gateway that acts."""

    def __init__(self) -> None:
        super().__init__()
        self.rig = Rig(SETTINGS)

    def teardown(self) -> None:
        self.rig.close()

    @rule(asset=st.sampled_from(ASSETS), label=st.sampled_from(("alarm", "normal", "unknown")))
    def judge(self, asset, label):
        self.rig.verdict(asset, label)

    @rule(
        asset=st.sampled_from(ASSETS),
        action=st.sampled_from(ACTIONS),
        value=st.sampled_from(VALUES) | st.floats(allow_nan=True),
        valued=st.booleans(),
        by=st.sampled_from(By),
    )
    def want(self, asset, action, value, valued, by):
        fits = value if valued or action == "throttle" else None
        self.rig.want(asset, action, fits, by)

    @rule(asset=st.sampled_from(ASSETS), metric=st.sampled_from(list(READINGS)), data=st.data())
    def tell(self, asset, metric, data):
        self.rig.tell(asset, metric, data.draw(st.sampled_from(READINGS[metric])))

    @rule(asset=st.sampled_from(ASSETS), metric=st.sampled_from(list(READINGS)))
    def tell_badly(self, asset, metric):
        self.rig.tell(asset, metric, 1e6, Reason.RANGE)

    @rule()
    def all_is_well(self):
        well(self.rig)

    @rule(ms=st.sampled_from(SPANS_MS))
    def time_passes(self, ms):
        self.rig.clock.go(ms)

    @rule(years=st.integers(-30, 30), hours=st.integers(0, 200), believed=st.booleans())
    def the_wall_clock_jumps(self, years, hours, believed):
        self.rig.clock.wall += years * YEAR_MS + hours * H
        self.rig.clock.believed = believed

    @rule(what=st.sampled_from(OUTCOMES))
    def a_command_ends(self, what):
        self.rig.end(what)

    @rule(flag=st.sampled_from(FLAGS), on=st.booleans())
    def a_person_speaks(self, flag, on):
        self.rig.flag(*flag, on=on)

    @rule()
    def the_broker_goes(self):
        self.rig.connected = False

    @precondition(lambda self: not self.rig.connected)
    @rule()
    def the_broker_is_back(self):
        self.rig.reconnect()

    @rule()
    def it_is_killed_and_started(self):
        self.rig.restart()

    @rule(off_ms=st.sampled_from(SPANS_MS), years=st.integers(-30, 30))
    def the_machine_reboots(self, off_ms, years):
        self.rig.reboot(off_ms, self.rig.clock.wall + years * YEAR_MS)

    @invariant()
    def nothing_forbidden_was_sent(self):
        assert self.rig.broken == []


Acting.TestCase.settings = settings(max_examples=40, stateful_step_count=50, deadline=None)
TestActing = pytest.mark.no_cover(Acting.TestCase)  # traced it takes three times as long


def well(rig):
    """Both pumps run, and everything about them is known."""
    for asset in ASSETS:
        rig.tell(asset, "power", 800.0)
        rig.tell(asset, "flow", 0.0)
        rig.tell(asset, "level", 40.0)
        rig.tell(asset, "heat", 40.0)


def drive(rig, seed, steps=600):
    """A long life by chance; the first thing that was sent and is forbidden."""
    chance = random.Random(seed)
    moves = (
        (8, lambda: rig.want(
            chance.choice(ASSETS), chance.choice(ACTIONS), None, chance.choice(list(By)))),
        (8, lambda: rig.want(
            chance.choice(ASSETS), "throttle", chance.choice(VALUES), chance.choice(list(By)))),
        (4, lambda: rig.verdict(chance.choice(ASSETS), chance.choice(("alarm", "normal")))),
        (10, lambda: well(rig)),
        (4, lambda: (
            metric := chance.choice(list(READINGS)),
            rig.tell(chance.choice(ASSETS), metric, chance.choice(READINGS[metric])))),
        (10, lambda: rig.clock.go(chance.choice(SPANS_MS))),
        (10, lambda: rig.end(chance.choice(OUTCOMES))),
        (2, lambda: rig.flag(*chance.choice(FLAGS), on=True)),
        (4, lambda: [rig.flag(*flag, on=False) for flag in FLAGS]),
        (1, lambda: setattr(rig, "connected", False)),
        (2, rig.reconnect),
        (1, lambda: setattr(rig.clock, "believed", chance.random() < 0.7)),
        (1, lambda: setattr(rig.clock, "wall", rig.clock.wall + chance.choice((-1, 1)) * YEAR_MS)),
        (1, lambda: rig.restart() if chance.random() < 0.2 else None),
        (1, lambda: rig.reboot(chance.choice(SPANS_MS[:8]), limited.START_MS)
            if chance.random() < 0.1 else None),
    )  # fmt: skip
    acts = [move for weight, move in moves for _ in range(weight)]
    for _ in range(steps):
        chance.choice(acts)()
        if rig.broken:
            break
    return rig.broken


SEEDS = range(40)
BREAKS = {
    "stopped": "people come first",
    "maintenance": "people come first",
    "hold": "people come first",
    "value": "values in range and on a step",
    "only_during": "only during hours",
    "only_if": "interlocks",
    "unless": "interlocks",
    "never_with": "never started while it drains",
    "exclusions": "never both stopped",
    "after": "minimum times",
    "slew": "slew",
    "commands_per_hour": "per hour",
    "commands_per_day": "per day",
    "commands_per_minute": "per minute",
}
"""What the oracle says when a limit is missing; without the list of actions nothing can be sent."""


SHOWN_AT = {
    "hold": 1,
    "only_if": 2,
    "never_with": 8,
    "commands_per_hour": 8,
    "commands_per_day": 34,
}
"""The first of the lives that shows it; where there is nothing, the first of all."""


def found(order, wanted, first):
    """What the oracle finds in many lives; the first that is wanted ends the search."""
    said = []
    for seed in (first, *SEEDS):
        rig = Rig(SETTINGS, order)
        try:
            said += drive(rig, seed)
        finally:
            rig.close()
        if wanted in said:
            return said
    return said


def test_no_life_by_chance_breaks_a_rule_and_most_limits_refuse_something():
    refused = set()
    for seed in SEEDS[:20]:
        rig = Rig(SETTINGS)
        try:
            assert drive(rig, seed) == []
            refused |= rig.refusals
        finally:
            rig.close()
    words = " ".join(refused)
    assert [name for name in BREAKS if name not in words] == []


def live(chance, rig):
    """Something other than an alarm, by chance."""
    rig.clock.go(chance.choice((0, S, 20 * S, M, 5 * M, 20 * M)))
    for asset in ASSETS:  # readings are lost, or come
        for metric, values in READINGS.items():
            if chance.random() < 0.7:
                rig.tell(asset, metric, chance.choice(values))
    if chance.random() < 0.8:  # answers are lost, late, or come
        rig.end(chance.choice(OUTCOMES))
    if chance.random() < 0.02:
        rig.clock.wall += chance.choice((-1, 1)) * chance.randrange(30) * YEAR_MS
        rig.clock.believed = chance.random() < 0.8
    if chance.random() < 0.05:
        rig.connected = False
    elif not rig.connected and chance.random() < 0.3:
        rig.reconnect()
    if chance.random() < 0.01:
        rig.restart()
    elif chance.random() < 0.005:
        rig.reboot(chance.choice(SPANS_MS), limited.START_MS + chance.randrange(YEAR_MS))


@pytest.mark.slow
@pytest.mark.no_cover  # what it runs through 10,000 times, others show once
def test_ten_thousand_alarms_break_no_rule_and_every_command_ends():
    chance, alarms = random.Random(4), 0
    rig = Rig(SETTINGS)
    try:
        while alarms < 10_000:
            for asset in ASSETS:
                rig.verdict(asset, "alarm")
                rig.verdict(asset, "normal")
                rig.want(asset, chance.choice(ACTIONS), chance.choice(VALUES), chance.choice([*By]))
                alarms += 1
            live(chance, rig)
            assert rig.broken == []
        rig.clock.go(H)
        rig.reconnect()
        while rig.open:
            rig.end(Step.DEADLINE)
        rig.restart()
        states = rig.states()
        assert rig.broken == []
    finally:
        rig.close()
    assert states.keys() <= {"confirmed", "failed", "timeout", "expired", "refused"}
    assert len(rig.sent) > 100
    assert all(states.get(state) for state in ("confirmed", "failed", "timeout", "expired"))


@pytest.mark.parametrize("name", BREAKS)
def test_the_oracle_finds_a_limit_that_is_missing(name):
    order = tuple(limit for limit in ORDER if limit.name != name)
    assert len(order) == len(ORDER) - 1
    assert BREAKS[name] in found(order, BREAKS[name], SHOWN_AT.get(name, 0))


def test_every_limit_has_its_control():
    assert {limit.name for limit in ORDER} == {*BREAKS, "actions"}
