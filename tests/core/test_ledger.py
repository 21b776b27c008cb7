"""What the limits remember of commands, and what they see of the assets."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.assets import Action, Asset, Proof
from gateway.core.commands import Command, State
from gateway.core.guards import Deed, Guard
from gateway.core.latest import Latest
from gateway.core.ledger import KEPT_MS, Ledger
from gateway.core.limits import Limits
from gateway.core.limits_interlocks import in_force
from gateway.core.messages import Reason
from gateway.core.paths import Path
from gateway.core.readings import Metric, MetricKind, Reading
from gateway.core.rules import evaluate, parse
from gateway.core.sights import Evidence, Moment

STOP = Deed("pump", "stop")
HOUR_MS = 3_600_000


def command(number, state=State.STORED):
    return Command(
        f"c{number}", "d", "pump", "stop", "zigbee", "plug", {"state": "OFF"},
        0, 0, 0, 0, 0, "boot", state=state,
    )  # fmt: skip


def lived(ledger, number, at_ms, end=State.CONFIRMED):
    """A whole life of a command, in one moment."""
    for state in (State.STORED, State.SENT, end):
        ledger.note(command(number, state), None, at_ms)


def test_a_day_is_counted_and_what_is_older_is_forgotten_but_for_the_last():
    ledger = Ledger()
    for number in range(100):
        lived(ledger, number, number * HOUR_MS)
    now_ms = 99 * HOUR_MS
    assert ledger.count(24 * HOUR_MS, now_ms, "pump") == 24
    assert ledger.total(24 * HOUR_MS, now_ms, STOP) == 24
    assert len(list(ledger.of(STOP))) == KEPT_MS // HOUR_MS
    assert ledger.last_ms(STOP) == now_ms
    assert ledger.last_ms(STOP, "c99") == now_ms - HOUR_MS
    assert ledger.count(HOUR_MS, now_ms, "other") == 0


ACTS = st.sampled_from(["grant", "redeem", "settle", "stored", "sent", "confirmed", "failed"])


@given(st.lists(st.tuples(ACTS, st.integers(0, 5), st.sampled_from([0, 1, 700, HOUR_MS * 9]))))
def test_the_total_is_what_counting_each_asset_gives(steps):
    ledger, now_ms = Ledger(), 0
    for act, number, later_ms in steps:
        now_ms += later_ms
        asset = f"pump{number % 2}"
        if act in ("grant", "redeem"):
            deed = Deed(asset, "stop")
            ledger.grant(deed, None, now_ms) if act == "grant" else ledger.redeem(deed)
        elif act == "settle":
            ledger.settle()
        else:
            one = replace(command(number, State(act)), asset=asset)
            ledger.note(one, None, now_ms)
        for span_ms in (1, 700, 60_000, 24 * HOUR_MS):
            for but in ("", f"c{number}"):
                each = [ledger.count(span_ms, now_ms, f"pump{n}", but) for n in (0, 1)]
                assert ledger.total(span_ms, now_ms, Deed(asset, "stop"), but) == sum(each)


def test_what_is_open_is_never_forgotten():
    ledger = Ledger()
    ledger.note(command(0, State.SENT), None, 0)
    for number in range(1, 40):
        lived(ledger, number, number * HOUR_MS)
    assert next(ledger.of(STOP)).command == "c0"


def test_a_grant_counts_until_it_is_redeemed_or_settled():
    ledger = Ledger()
    ledger.redeem(STOP)
    ledger.grant(STOP, 1.0, 5)
    ledger.grant(STOP, 2.0, 5)
    assert ledger.count(10, 5, "pump") == ledger.total(10, 5, STOP) == 2
    ledger.redeem(STOP)
    assert [use.value for use in ledger.of(STOP)] == [2.0]
    ledger.note(command(1), None, 6)
    ledger.settle()
    assert [use.command for use in ledger.of(STOP)] == ["c1"]
    ledger.redeem(STOP)
    assert ledger.count(10, 6, "pump") == ledger.total(10, 6, STOP) == 1


def test_when_it_was_sent_first_stays():
    ledger = Ledger()
    for state, at_ms in ((State.STORED, 1), (State.SENT, 5), (State.ACCEPTED, 9)):
        ledger.note(command(1, state), None, at_ms)
    (use,) = ledger.of(STOP)
    assert (use.at_ms, use.sent, use.ended_ms) == (5, True, None)


@pytest.mark.parametrize("end", [State.EXPIRED, State.REFUSED])
def test_what_was_never_sent_leaves_no_trace(end):
    ledger = Ledger()
    ledger.note(command(1), None, 1)
    ledger.note(command(1, end), None, 2)
    ledger.note(command(2, end), None, 2)
    assert list(ledger.of(STOP)) == []


# -- evidence -------------------------------------------------------------------------------------

POWER = Metric("power", "zigbee", "plug", Path.parse("power"), asset="pump", stale_ms=60_000)
WORD = replace(POWER, name="word", kind=MetricKind.STATE)
NOW = Moment(mono_ms=100_000, running_ms=900_000, now_ms=0, clock_ok=True)


def latest(*values):
    made = Latest({"power": POWER, "word": WORD}, {"power": 600_000})
    for mono_ms, value in values:
        made.take(Reading(POWER, value), 0, mono_ms)
    return made


def seen(known, rule, since_ms=0, now=NOW):
    return evaluate(parse(rule), Evidence({"pump": known}, "pump", since_ms, now))


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("power > 5", True),
        ("`pump/power` > 5", True),
        ("`nobody/power` > 5", None),
        ("age(power) < 30", True),
        ("age(word) < 30", None),
        ("min(power, 5m) > 5", False),
        ("count(power, 5m) == 2", True),
        ("word == 'on'", None),
    ],
)
def test_a_rule_sees_what_is_fresh_and_good(rule, found):
    assert seen(latest((20_000, 3.0), (80_000, 9.0)), rule) is found


@pytest.mark.parametrize("rule", ["power > 5", "age(power) < 30", "min(power, 5m) > 0"])
def test_what_came_before_the_start_is_unknown(rule):
    assert seen(latest((80_000, 9.0)), rule, since_ms=80_001) is None
    assert seen(latest((80_000, 9.0)), rule, since_ms=80_000) is True


def test_history_of_a_metric_that_is_stale_is_unknown_and_its_age_is_not():
    late = NOW._replace(mono_ms=200_000)
    known = latest((80_000, 9.0))
    assert seen(known, "mean(power, 10m) > 5", now=late) is None
    assert seen(known, "age(power) > 100", now=late) is True


def force(guard, proof, *values, words=()):
    """Whether ``stop`` counts as in force, with nothing sent."""
    action = Action("stop", "zigbee", "plug", {"state": "OFF"}, proof=proof, guard=guard)
    asset = Asset("pump", "", {"power": POWER, "word": WORD}, actions={"stop": action})
    known = latest(*values)
    for mono_ms, word in words:
        known.take(Reading(WORD, word, Reason.OK), 0, mono_ms)
    limits = Limits({"pump": asset}, (), 1, Ledger(), {"pump": known}, 0, ())
    return in_force(limits, STOP, NOW)


def test_an_action_is_in_force_until_its_proof_or_its_rule_says_otherwise():
    below, off = Proof("power", 1, below=5.0), Proof("word", 1, equals="off")
    assert force(Guard(), below, (90_000, 9.0)) == ""
    assert force(Guard(), below, (90_000, 3.0)) == "is in force"
    assert force(Guard(), below, (10_000, 9.0)) == "may be in force: unknown"
    assert force(Guard(), None, (90_000, 9.0)) == "may be in force: unknown"
    assert force(Guard(), off, words=[(90_000, "on")]) == ""
    assert force(Guard(), off, words=[(90_000, "off")]) == "is in force"
    strange = Proof("word", 1, below=5.0)
    assert force(Guard(), strange, words=[(90_000, "on")]) == "may be in force: unknown"
    ruled = Guard(undone_if=parse("power > 50"))
    assert force(ruled, below, (90_000, 9.0)) == "is in force"
    assert force(ruled, below, (90_000, 90.0)) == ""
