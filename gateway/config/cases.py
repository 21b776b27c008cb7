"""Read a file of cases: YAML -> checked cases; what is wrong is told with its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from gateway.config import casefile, document
from gateway.config.casefile import CaseFile, CaseSection, ExpectSection, PersonSection, StepSection
from gateway.config.loader import load
from gateway.config.problems import BadFileError, Problem, choices, near
from gateway.config.scalars import free
from gateway.config.settings import Settings
from gateway.config.tree import Document, Place
from gateway.config.validate import validate_as
from gateway.core import times
from gateway.core.assets import Asset
from gateway.core.cases import Case, Expected, Ramp, Step, Unexpected, Word
from gateway.core.interventions import GATEWAY, MAINTENANCE, Kind
from gateway.core.readings import Metric, MetricKind, Value

_WORDS = ("event", "policy", "action", "mode", "label", "rung", "refused")
_WORDY = frozenset({MetricKind.STATE, MetricKind.TEXT, MetricKind.EVENT})
_RAMP = frozenset({"from", "to"})


@dataclass(frozen=True, slots=True)
class Cases:
    """A file of cases, and the configuration they are about."""

    file: Path
    settings: Settings
    start_ms: int
    cases: tuple[Case, ...]


def load_cases(file: Path) -> Cases:
    """Read a file of cases, and the configuration that it names.

    Raises:
        BadFileError: either is wrong; with every problem, each with its place.
    """
    doc = document.read(file, absent="")
    form = "a mapping with config and cases"
    found, problems = validate_as(CaseFile, doc, form, casefile.REQUIRED)
    if found is not None and not found.cases and not problems:
        problems.append(doc.problem(("cases",), "there is no case in it", key=True))
    if found is None or problems:
        raise BadFileError(problems)
    start_ms = times.parse(found.start, "iso8601")
    if start_ms is None:
        raise BadFileError([doc.problem(("start",), "not a time like 2026-01-05T08:00:00Z")])
    settings = load(file.parent / found.config)
    maker = _Maker(doc, settings.assets)
    cases = tuple(maker.case(at, one, found.asset) for at, one in enumerate(found.cases))
    if maker.problems:
        raise BadFileError(maker.problems)
    return Cases(file, settings, start_ms, cases)


@dataclass(slots=True)
class _Maker:
    """From sections to cases; what cannot be is noted with its place."""

    doc: Document
    assets: Mapping[str, Asset]
    problems: list[Problem] = field(default_factory=list)

    def case(self, at: int, section: CaseSection, default: str) -> Case:
        place: Place = ("cases", at)
        mine = (
            section.asset or default or (next(iter(self.assets)) if len(self.assets) == 1 else "")
        )
        steps = list(self._steps((*place, "given"), section.given, mine))
        expect = [
            self._expected((*place, "expect"), i, e, mine) for i, e in enumerate(section.expect)
        ]
        forbid = [
            self._expected((*place, "expect_not"), i, e, mine)
            for i, e in enumerate(section.expect_not)
        ]
        ends = [step.end_ms for step in steps]
        ends += [(one.at_ms or 0) + one.within_ms for one in (*expect, *forbid)]
        return Case(
            name=section.name,
            place=self.doc.key_line(place),
            steps=steps,
            expect=expect,
            expect_not=forbid,
            people=[
                self._word((*place, "people", i), e, mine) for i, e in enumerate(section.people)
            ],
            until_ms=section.until or max(ends, default=0),
            unexpected=Unexpected(section.unexpected),
        )

    def _steps(self, place: Place, sections: tuple[StepSection, ...], mine: str) -> Iterator[Step]:
        end_ms: int | None = 0
        for at, section in enumerate(sections):
            if section.at is None and end_ms is None:
                self._complain((*place, at), "'at' is missing: the step before has no 'for'")
            step = self._step((*place, at), section, mine, end_ms or 0)
            end_ms = step.end_ms if step.for_ms else None
            yield step

    def _step(self, place: Place, section: StepSection, mine: str, after_ms: int) -> Step:
        asset = self._asset(place, section.asset or mine)
        if bool(section.every) != bool(section.for_):
            lacks = "for" if section.every else "every"
            self._complain(place, f"{lacks!r} is missing: every and for go together")
        raw = {**section.values, **(section.model_extra or {})}
        if not raw:
            self._complain(place, "no reading: name a metric, as in {at: 30s, power: 1500}")
        values: dict[str, Value | Ramp] = {}
        for name, value in raw.items():
            where = (*place, "values", name) if name in section.values else (*place, name)
            if asset is not None and name not in asset.metrics:
                self._unknown(where, "metric", name, asset.metrics)
            elif asset is not None:
                values[name] = self._value(where, asset.metrics[name], value)
        at_ms = after_ms if section.at is None else section.at
        times_ = (section.every, section.for_)
        return Step(asset.id if asset else "", at_ms, values, *times_, reason=section.reason)

    def _value(self, place: Place, metric: Metric, given: object) -> Value | Ramp:
        try:
            value = free(given)
        except ValueError as error:
            self._complain(place, str(error))
            return 0.0
        if isinstance(value, dict) and value.keys() == _RAMP and not _odd(value.values()):
            return Ramp(float(value["from"]), float(value["to"]))
        if isinstance(value, bool | str) and metric.kind in _WORDY:
            return value
        if isinstance(value, bool | str | dict | list) or value is None:
            self._complain(place, f"{metric.name!r} is a number, or {{from: 1, to: 9}}")
            return 0.0
        return float(value)

    def _expected(self, place: Place, at: int, one: ExpectSection, mine: str) -> Expected:
        where = (*place, at) if self.doc.node((*place, at)) is not None else place
        asset = self._asset(where, one.asset or mine)
        if asset is not None and one.action and one.action not in asset.actions:
            self._unknown((*where, "action"), "action", one.action, asset.actions)
        words = {name: word for name in _WORDS if (word := getattr(one, name)) is not None}
        if one.verdict is not None and words.keys() - {"rung"}:
            self._complain(where, "a verdict has only a rung and a score beside it")
        if one.verdict is None and not words and one.score is None:
            self._complain(where, "it says nothing: name an event, an action or a verdict")
        return Expected(
            place=self.doc.key_line(where),
            asset=asset.id if asset else "",
            at_ms=one.at,
            within_ms=one.within,
            words=words,
            above=one.score.above if one.score else None,
            below=one.score.below if one.score else None,
            verdict=one.verdict,
        )

    def _word(self, place: Place, one: PersonSection, mine: str) -> Word:
        said = [name for name in ("hold", "maintenance", "stop", "mode") if getattr(one, name)]
        if len(said) != 1:
            self._complain(place, "say one of hold, maintenance, stop, mode")
            return Word(one.at, Kind.HOLD, "")
        kind, value = Kind(said[0]), str(getattr(one, said[0]))
        of_all = kind is Kind.STOP or (kind is Kind.MODE and not (one.asset or mine))
        asset = None if of_all else self._asset(place, one.asset or mine)
        detail = {Kind.MODE: value, Kind.MAINTENANCE: MAINTENANCE}.get(kind, "")
        return Word(
            one.at, kind, asset.id if asset else GATEWAY, detail, one.for_, value not in _OFF
        )

    def _asset(self, place: Place, name: str) -> Asset | None:
        if not name:
            self._complain(place, "which asset? name it here, in the case or at the top")
        elif name not in self.assets:
            self._unknown((*place, "asset"), "asset", name, self.assets)
        return self.assets.get(name)

    def _unknown(self, place: Place, what: str, name: str, known: Mapping[str, object]) -> None:
        hint = near(name, known) or f"there are {choices(known)}"
        key = what == "metric"
        self.problems.append(
            self.doc.problem(place, f"unknown {what} {name[:80]!r}", hint, key=key)
        )

    def _complain(self, place: Place, message: str) -> None:
        self.problems.append(self.doc.problem(place, message))


_OFF = ("false", "file")


def _odd(values: Iterable[object]) -> bool:
    return any(not isinstance(value, int | float) or isinstance(value, bool) for value in values)
