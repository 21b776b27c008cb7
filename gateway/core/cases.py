"""Cases: readings in, expected decisions out; what a test file declares, and what fails in it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from gateway.core.comparison import Made
from gateway.core.interventions import Kind
from gateway.core.messages import Reason
from gateway.core.readings import Value


class Ramp(NamedTuple):
    """A value that moves evenly from the first reading to the last."""

    first: float
    last: float


@dataclass(frozen=True, slots=True)
class Step:
    """Readings of one asset, once or again and again; times from the start of the case."""

    asset: str
    at_ms: int
    values: Mapping[str, Value | Ramp]
    """By metric, in its unit."""
    every_ms: int = 0
    for_ms: int = 0
    reason: Reason = Reason.OK

    @property
    def end_ms(self) -> int:
        """When the next step begins, unless it says otherwise."""
        return self.at_ms + self.for_ms

    def times(self) -> range:
        """When it reports."""
        every_ms = self.every_ms or 1
        return range(self.at_ms, self.at_ms + max(self.for_ms, 1), every_ms)

    def said(self, number: int) -> dict[str, Value]:
        """The values of one of its reports."""
        last = max(1, len(self.times()) - 1)
        return {
            name: value.first + (value.last - value.first) * number / last
            if isinstance(value, Ramp)
            else value
            for name, value in self.values.items()
        }


class Word(NamedTuple):
    """What a person says, and when."""

    at_ms: int
    kind: Kind
    asset: str
    """Empty for the whole gateway."""
    value: str = ""
    """Of a mode."""
    for_ms: int | None = None
    on: bool = True
    """False: what was said before is taken back."""


class Unexpected(StrEnum):
    """Which decisions must be expected."""

    COMMANDS = "commands"
    ALL = "all"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Expected:
    """A decision, or with ``verdict`` what is said of an asset; what is None may be anything."""

    place: int
    """Its line in the file."""
    asset: str
    at_ms: int | None = None
    within_ms: int = 1_000
    words: Mapping[str, str] = field(default_factory=dict)
    """event, policy, action, mode, label, rung, refused."""
    above: float | None = None
    below: float | None = None
    """What the score must be."""
    verdict: str | None = None

    def met(self, made: Made, start_ms: int) -> bool:
        """It is this decision; times of decisions are from ``start_ms``."""
        late_ms = made.at_ms - start_ms - (self.at_ms or 0)
        if self.verdict is not None or made.asset != self.asset:
            return False
        if self.at_ms is not None and abs(late_ms) > self.within_ms:
            return False
        alike = all(_alike(name, word, made) for name, word in self.words.items())
        return alike and self.scored(made.score)

    def scored(self, score: float | None) -> bool:
        """The score is where it must be."""
        if self.above is None and self.below is None:
            return True
        above, below = self.above, self.below
        return score is not None and not (
            (above is not None and score <= above) or (below is not None and score >= below)
        )


class Said(NamedTuple):
    """A verdict of a case: what holds of an asset from then on."""

    at_ms: int
    """From the start of the case."""
    asset: str
    label: str
    rung: str
    score: float | None


@dataclass(frozen=True, slots=True)
class Case:
    """One case."""

    name: str
    place: int
    """Its line in the file."""
    steps: Sequence[Step]
    expect: Sequence[Expected] = ()
    expect_not: Sequence[Expected] = ()
    people: Sequence[Word] = ()
    until_ms: int = 0
    unexpected: Unexpected = Unexpected.COMMANDS


class Failure(NamedTuple):
    """What is not as it was expected."""

    place: int
    """The line of the file."""
    what: str
    expected: Expected | None = None
    got: Made | None = None
    """What came nearest, or what nobody expected."""


def failures(
    case: Case, decisions: Sequence[Made], said: Sequence[Said], start_ms: int
) -> Iterator[Failure]:
    """Everything that is not as the case says, in its order."""
    left = list(decisions)
    for one in case.expect:
        if one.verdict is not None:
            if not any(_holds(one, each) for each in _standing(one, said)):
                yield Failure(one.place, "no such verdict", one)
            continue
        found = next((made for made in left if one.met(made, start_ms)), None)
        if found is None:
            yield Failure(one.place, "not decided", one, _nearest(one, left, start_ms))
        else:
            left.remove(found)
    for one in case.expect_not:
        found = next((made for made in decisions if one.met(made, start_ms)), None)
        if found is not None or any(_holds(one, each) for each in _standing(one, said)):
            yield Failure(one.place, "not to be decided", one, found)
    for made in left:
        if case.unexpected is Unexpected.ALL or (case.unexpected is _COMMANDS and made.acts):
            yield Failure(case.place, "not expected", None, made)


_COMMANDS = Unexpected.COMMANDS


def _alike(name: str, word: str, made: Made) -> bool:
    """The same; of a refusal and a policy the beginning or the end is enough."""
    got = str(getattr(made, name))
    if name == "refused" and word:
        return got.startswith(word)
    return got == word or (name == "policy" and bool(word) and got.endswith(f"/{word}"))


def _standing(expected: Expected, said: Sequence[Said]) -> list[Said]:
    """The verdicts that hold of the asset between its time and a little later."""
    mine = [one for one in said if one.asset == expected.asset]
    if expected.verdict is None or expected.at_ms is None:
        return mine if expected.verdict is not None else []
    end_ms = expected.at_ms + expected.within_ms
    before = [one for one in mine if one.at_ms <= expected.at_ms][-1:]
    return before + [one for one in mine if expected.at_ms < one.at_ms <= end_ms]


def _holds(expected: Expected, one: Said) -> bool:
    rung = expected.words.get("rung", one.rung)
    return one.label == expected.verdict and one.rung == rung and expected.scored(one.score)


def _nearest(expected: Expected, left: Sequence[Made], start_ms: int) -> Made | None:
    """What is most like it: as many words as possible, then near in time."""

    def unlike(made: Made) -> tuple[int, int]:
        words = sum(not _alike(name, word, made) for name, word in expected.words.items())
        return words, abs(made.at_ms - start_ms - (expected.at_ms or 0))

    mine = [made for made in left if made.asset == expected.asset]
    return min(mine, key=unlike, default=None)
