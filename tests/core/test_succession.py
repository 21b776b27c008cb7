"""What the policies of a standby know of the commands of another gateway."""

import itertools
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from gateway.core import succession
from gateway.core.assets import Asset, FailSafe, PolicyRule
from gateway.core.fleet_topics import Book, Mark, Note, book, read_book, read_state, state
from gateway.core.latest import Latest
from gateway.core.policy import Policy
from gateway.core.policy_memory import ELSEWHERE, ELSEWHERE_MS
from gateway.core.slots import Told
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.core.watch import Watch

RULE = PolicyRule("pump/policy/0", "alarm", action="stop", mode=Mode.ACT)
PAIR = ("pump", RULE.name)
MUTED = {"pump": "fleet: a commands it"}


def watch(rule: PolicyRule = RULE, *, ours: bool = False) -> Watch:
    safe = FailSafe(60_000, action="stop", mode=Mode.ACT)
    asset = Asset("pump", "Pump", {}, policy=(rule,), fail_safe=safe)
    ids = itertools.count(1)
    made = Watch(asset, Latest({}, {}), Policy(asset, lambda: f"d{next(ids)}"), {}, 0)
    made.policy.standing.muted = {} if ours else MUTED
    return made


def see(one: Watch, *labels: str, at_ms: int = 0) -> list[Decision]:
    made = []
    for n, label in enumerate(labels):
        one.verdict = Verdict("pump", at_ms + n, at_ms + n, "rule:1", label)
        made += one.policy.decide(one.verdict, one.latest.at(at_ms + n))
    return made


def take_over(one: Watch) -> list[Decision]:
    one.policy.standing.muted = {}
    assert one.verdict is not None
    view = one.latest.at(one.verdict.mono_ms)
    return list(succession.succeed(one.policy, one.verdict, view, lambda *_: ""))


def test_what_was_never_sent_is_due_when_we_take_over() -> None:
    standby = watch()
    (seen,) = see(standby, "alarm")
    assert seen.mode is Mode.SHADOW
    (made,) = take_over(standby)
    assert (made.event, made.mode, made.action, made.refused) == ("raised", Mode.ACT, "stop", "")
    assert take_over(standby) == []


def test_what_was_done_is_not_done_again_and_its_alert_is_shown() -> None:
    standby = watch()
    see(standby, "alarm")
    assert standby.policy.alerts() == []
    succession.mark(standby, {PAIR}, (), 0)
    assert take_over(standby) == []
    assert [alert.label for alert in standby.policy.alerts()] == ["alarm"]
    assert see(standby, "alarm", "alarm") == []


def test_what_was_done_before_it_is_raised_here_is_not_done_again() -> None:
    standby = watch(ours=True)
    succession.mark(standby, {PAIR}, (), 0)
    (made,) = see(standby, "alarm")
    assert made.refused == ELSEWHERE
    assert see(standby, "alarm", "alarm") == []


def test_the_alarm_after_it_is_another_one() -> None:
    standby = watch(ours=True)
    succession.mark(standby, {PAIR}, (), 0)
    see(standby, "alarm")
    see(standby, "normal")
    (made,) = see(standby, "alarm")
    assert made.refused == ""


def test_an_end_that_is_seen_here_counts_once_it_is_ours() -> None:
    standby = watch()
    succession.mark(standby, {PAIR}, (), 0)
    see(standby, "normal")  # old news, perhaps: who commands it says what is over
    standby.policy.standing.muted = {}
    (made,) = see(standby, "alarm")
    assert made.refused == ELSEWHERE
    other = watch(ours=True)
    succession.mark(other, {PAIR}, (), 0)
    see(other, "normal")
    (made,) = see(other, "alarm")
    assert made.refused == ""


def test_what_is_over_there_is_over_here() -> None:
    standby = watch(ours=True)
    succession.mark(standby, {PAIR}, (), 0)
    succession.mark(standby, (), {PAIR}, 0)
    (made,) = see(standby, "alarm")
    assert made.refused == ""


def test_what_is_raised_much_later_is_another_alarm() -> None:
    standby = watch(ours=True)
    succession.mark(standby, {PAIR}, (), 0)
    (made,) = see(standby, "alarm", at_ms=ELSEWHERE_MS)
    assert made.refused == ""


def test_the_time_between_two_commands_counts_from_the_others() -> None:
    rule = PolicyRule(
        "pump/policy/0", "alarm", action="stop", mode=Mode.ACT, min_interval_ms=60_000
    )
    standby = watch(rule)
    succession.commanded(standby.policy, "stop", 1_000)
    standby.policy.standing.muted = {}
    (made,) = see(standby, "alarm", at_ms=30_000)
    assert made.refused == "min_interval"


def test_a_fail_safe_that_was_done_is_done() -> None:
    standby = watch()
    succession.mark(standby, {("pump", succession.FAIL_SAFE)}, (), 0)
    assert standby.failed_safe


def test_only_what_has_left_is_told_as_done() -> None:
    holder = watch(ours=True)
    see(holder, "alarm")
    assert list(succession.done(holder, {"stop"})) == []
    assert list(succession.done(holder, ())) == [PAIR]
    see(holder, "normal")
    assert list(succession.done(holder, ())) == []


@given(st.lists(st.sampled_from(["alarm", "normal"]), max_size=12), st.integers(0, 12))
def test_two_gateways_that_see_the_same_act_once_per_alarm(labels: list[str], dies: int) -> None:
    """The first commands until it dies; the other takes over there."""
    first, other = watch(ours=True), watch()
    acted: list[int] = []
    told: frozenset[succession.Pair] = frozenset()
    for at, label in enumerate(labels):
        if at == dies:
            acted += [at for made in _acting(take_over(other) if other.verdict else [])]
            other.policy.standing.muted = {}
        alive = at < dies
        acted += [at for made in _acting(see(first, label, at_ms=at) if alive else [])]
        acted += [at for made in _acting(see(other, label, at_ms=at))]
        if alive:
            new = frozenset(succession.done(first, ()))
            succession.mark(other, new - told, told - new, at)
            told = new
    assert len(acted) == _alarms(labels)


def _acting(made: Sequence[Decision]) -> list[Decision]:
    return [one for one in made if one.mode is Mode.ACT and one.action and not one.refused]


def _alarms(labels: Sequence[str]) -> int:
    before = ["normal", *labels]
    return sum(b == "alarm" != a for a, b in itertools.pairwise(before))


# -- documents -----------------------------------------------------------------------------------

NOTE = Note("c1", "a", 3, "pump", "stop", "policy", None, 5, (Mark("t/set", "00ff"),))


def test_documents_are_read_as_they_were_written() -> None:
    told = Book((NOTE, NOTE._replace(id="c2", value=2.5)), frozenset({PAIR}))
    assert read_book(book(told, 0)) == told
    assert read_state(state(Told(up=True, who="a", epoch=3, beat=9), 0)) == Told(
        up=True, who="a", epoch=3, beat=9
    )


@given(st.binary(max_size=200))
def test_what_is_no_document_is_none(payload: bytes) -> None:
    assert read_state(payload) is None or b"epoch" in payload
    assert read_book(payload).notes == ()


def test_a_note_that_cannot_be_read_is_left_out() -> None:
    text = book(Book((NOTE,)), 0).replace(b'"epoch":3', b'"epoch":"three"')
    assert read_book(text).notes == ()
