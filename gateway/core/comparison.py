"""Comparison: what was decided beside what would have been decided.

Decisions are paired when they are of the same asset and the same event, at nearly the same time;
then of the same policy rather than of another, and at last farther apart: an alert that a new
configuration raises a minute earlier is that alert, not two.
"""

from collections.abc import Callable, Iterable, Sequence
from math import isclose
from typing import Final, NamedTuple

from gateway.core.verdicts import Decision

AT_MS: Final = 2_000
"""Closer together is the same time: live, a timer may be half a second late."""
NEAR_MS: Final = 600_000
"""Farther apart are two decisions."""
SCORE: Final = 1e-6
"""Scores that differ by less, as a share, are the same: how many windows are judged in one batch
may change the last digits of a sum."""


class Made(NamedTuple):
    """A decision, as far as it is compared."""

    id: str
    asset: str
    at_ms: int
    policy: str
    event: str
    mode: str
    action: str
    refused: str
    label: str
    rung: str
    score: float | None = None
    value: float | None = None
    """What the action is told."""

    @property
    def acts(self) -> bool:
        """It made a command."""
        return bool(self.action) and self.mode == "act" and not self.refused


class Pair(NamedTuple):
    """One decision then and now; None where there is none."""

    then: Made | None
    now: Made | None
    differs: tuple[str, ...] = ()
    """In what they differ: at, policy, mode, action, value, refused, label, rung, score."""

    @property
    def at_ms(self) -> int:
        """When, in the order in which they are told."""
        first = self.then or self.now
        return first.at_ms if first else 0


def made(decision: Decision) -> Made:
    """What is compared of a decision."""
    one, verdict = decision, decision.verdict
    return Made(
        *(one.id, one.asset, verdict.at_ms, one.policy, one.event, one.mode.value, one.action),
        *(one.refused, verdict.label, verdict.rung, verdict.score, one.value),
    )


def compare(then: Sequence[Made], now: Sequence[Made]) -> list[Pair]:
    """Pair the decisions of then and now, in the order of time."""
    pairs: list[Pair] = []
    rest, others = list(then), list(now)
    for key, within_ms in _PASSES:
        found = list(_matched(rest, others, key, within_ms))
        pairs += [Pair(one, other, differences(one, other)) for one, other in found]
        taken = {id(one) for both in found for one in both}
        rest = [one for one in rest if id(one) not in taken]
        others = [one for one in others if id(one) not in taken]
    pairs += [Pair(one, None) for one in rest] + [Pair(None, one) for one in others]
    return sorted(pairs, key=_order)


def _order(pair: Pair) -> tuple[int, str, str, str, bool]:
    one = pair.then or pair.now
    assert one is not None  # noqa: S101  # a pair has one of them
    return one.at_ms, one.asset, one.policy, one.event, pair.then is None


_Key = Callable[[Made], tuple[str, ...]]
_PASSES: Final[Sequence[tuple[_Key, int]]] = (
    (lambda one: (one.asset, one.event, one.policy), AT_MS),
    (lambda one: (one.asset, one.event), AT_MS),
    (lambda one: (one.asset, one.event, one.policy), NEAR_MS),
    (lambda one: (one.asset, one.event), NEAR_MS),
)


def _matched(
    then: Iterable[Made], now: Iterable[Made], key: _Key, within_ms: int
) -> Iterable[tuple[Made, Made]]:
    """Walk both in the order of time; what comes too early for the other side stays alone."""
    sides: dict[tuple[str, ...], tuple[list[Made], list[Made]]] = {}
    for side, decisions in enumerate((then, now)):
        for one in decisions:
            sides.setdefault(key(one), ([], []))[side].append(one)
    for first, second in sides.values():
        i = j = 0
        while i < len(first) and j < len(second):
            apart = second[j].at_ms - first[i].at_ms
            if abs(apart) <= within_ms:
                yield first[i], second[j]
            i += apart >= -within_ms
            j += apart <= within_ms


def differences(then: Made, now: Made) -> tuple[str, ...]:
    """In what two decisions differ."""
    found = ["at"] if abs(now.at_ms - then.at_ms) > AT_MS else []
    names = ("policy", "mode", "action", "value", "refused", "label", "rung")
    found += [name for name in names if getattr(then, name) != getattr(now, name)]
    if not _alike(then.score, now.score):
        found.append("score")
    return tuple(found)


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return isclose(one, other, rel_tol=SCORE, abs_tol=SCORE)


class Side(NamedTuple):
    """What came of one side, in numbers."""

    raised: int
    cleared: int
    fail_safe: int
    actions: int
    """Commands."""
    refused: int
    alarm_ms: int
    """How long alerts stood, of all policies together."""


class Summary(NamedTuple):
    """Both sides in numbers."""

    then: Side
    now: Side
    agree: int
    differ: int
    only_then: int
    only_now: int


def summary(
    pairs: Sequence[Pair], then: Sequence[Made], now: Sequence[Made], period: tuple[int, int]
) -> Summary:
    """Count; ``then`` and ``now`` also hold what was decided before the period and still stood."""
    both = [pair for pair in pairs if pair.then and pair.now]
    differ = sum(bool(pair.differs) for pair in both)
    return Summary(
        _side(then, period),
        _side(now, period),
        agree=len(both) - differ,
        differ=differ,
        only_then=sum(pair.now is None for pair in pairs),
        only_now=sum(pair.then is None for pair in pairs),
    )


def _side(decisions: Sequence[Made], period: tuple[int, int]) -> Side:
    since_ms, until_ms = period
    within = [one for one in decisions if since_ms <= one.at_ms <= until_ms]
    events = [one.event for one in within]
    return Side(
        *(events.count("raised"), events.count("cleared"), events.count("fail_safe")),
        actions=sum(one.acts for one in within),
        refused=sum(bool(one.refused) for one in within),
        alarm_ms=_alarm_ms(decisions, period),
    )


def _alarm_ms(decisions: Iterable[Made], period: tuple[int, int]) -> int:
    since_ms, until_ms = period
    began: dict[tuple[str, str], int] = {}
    total = 0
    for one in decisions:
        key, at_ms = (one.asset, one.policy), min(max(one.at_ms, since_ms), until_ms)
        if one.event in ("raised", "repeated"):
            began.setdefault(key, at_ms)
        elif one.event == "cleared" and key in began:
            total += at_ms - began.pop(key)
    return total + sum(until_ms - at_ms for at_ms in began.values())
