"""How the results of cases are told: to people, as JSON, as JUnit XML."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from gateway.core import durations
from gateway.core.comparison import Made
from gateway.core.explanations import number

if TYPE_CHECKING:
    from gateway.config.cases import Cases
    from gateway.core.cases import Expected, Failure
    from gateway.daemon.casework import Outcome, Results

_SHOWN = ("event", "label", "rung", "policy", "mode", "action", "refused")


def lines(cases: "Cases", found: "Results", *, verbose: bool = False) -> Iterator[str]:
    """One line per case; below a failed one, what was expected, and what came instead."""
    yield f"{cases.file}"
    for model, why in found.refused.items():
        yield f"  model {model} is out: {why}"
    for one in found.outcomes:
        yield f"  {'FAILED' if one.failures else 'ok    '}  {one.case.name}"
        for failure in one.failures:
            yield from _failed(cases, failure)
        if one.failures or verbose:
            yield from _decided(cases, one)


def _failed(cases: "Cases", failure: "Failure") -> Iterator[str]:
    yield f"          {cases.file}:{failure.place}: {failure.what}"
    if failure.expected is not None:
        yield f"            expected  {expected(failure.expected)}"
    if failure.got is not None:
        yield f"            got       {said(failure.got, cases.start_ms)}"
        if failure.expected is not None and failure.what == "not decided":
            yield f"            differs   {', '.join(_odd(cases, failure.expected, failure.got))}"


def _odd(cases: "Cases", wanted: "Expected", got: Made) -> Iterator[str]:
    """In what the nearest decision is another one."""
    late_ms = got.at_ms - cases.start_ms - (wanted.at_ms or 0)
    if wanted.at_ms is not None and abs(late_ms) > wanted.within_ms:
        yield f"at: {offset(abs(late_ms))} too {'late' if late_ms > 0 else 'early'}"
    for name, word in wanted.words.items():
        if str(getattr(got, name)) != word:
            yield f"{name}: {getattr(got, name) or 'none'} instead of {word or 'none'}"
    if not wanted.scored(got.score):
        yield f"score: {'none' if got.score is None else number(got.score)}"


def _decided(cases: "Cases", one: "Outcome") -> Iterator[str]:
    """Everything that was decided, written as expectations are: to be pasted where it is right."""
    yield "            decided:" if one.decisions else "            decided: nothing"
    for made in one.decisions:
        score = "" if made.score is None else f"  # score {number(made.score)}"
        yield f"              - {{{said(made, cases.start_ms)}}}{score}"


def expected(one: "Expected") -> str:
    """An expectation as it is written."""
    at = [] if one.at_ms is None else [f"at: {offset(one.at_ms)}"]
    words = [f"{name}: {_quoted(word)}" for name, word in one.words.items()]
    words += [f"verdict: {one.verdict}"] if one.verdict else []
    limits = {"above": one.above, "below": one.below}
    score = ", ".join(f"{name}: {value:g}" for name, value in limits.items() if value is not None)
    return ", ".join(
        [*at, f"asset: {one.asset}", *words, *([f"score: {{{score}}}"] if score else [])]
    )


def said(made: Made, start_ms: int) -> str:
    """A decision as an expectation would be written."""
    words = [f"{name}: {_quoted(getattr(made, name))}" for name in _SHOWN if getattr(made, name)]
    at = f"at: {offset(made.at_ms - start_ms)}"
    return ", ".join([at, f"asset: {made.asset}", *words])


def offset(at_ms: int) -> str:
    """A time of a case, in whole seconds where that is near enough."""
    near = round(at_ms, -3)
    return durations.render(near if abs(at_ms - near) < _NEAR_MS else at_ms) if near else "0s"


_NEAR_MS = 10


def _quoted(text: str) -> str:
    plain = text.replace("_", "").replace("-", "").isalnum()
    return text if plain else '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def document(cases: "Cases", found: "Results") -> dict[str, object]:
    """One file's results, for programs."""
    return {
        "file": str(cases.file),
        "refused": found.refused,
        "cases": [
            {
                "name": one.case.name,
                "line": one.case.place,
                "ok": not one.failures,
                "failures": [
                    {
                        "line": failure.place,
                        "what": failure.what,
                        "expected": failure.expected and expected(failure.expected),
                        "got": failure.got and _plain(failure.got, cases.start_ms),
                    }
                    for failure in one.failures
                ],
                "decisions": [_plain(made, cases.start_ms) for made in one.decisions],
            }
            for one in found.outcomes
        ],
    }


def _plain(made: Made, start_ms: int) -> dict[str, object]:
    return {"at_s": (made.at_ms - start_ms) / 1000, **made._asdict()}


def junit(results: "Iterable[tuple[Cases, Results]]") -> bytes:
    """The same as JUnit XML, which every CI reads."""
    root = Element("testsuites")
    for cases, found in results:
        failed = sum(bool(one.failures) for one in found.outcomes)
        suite = SubElement(
            root,
            "testsuite",
            name=str(cases.file),
            tests=str(len(found.outcomes)),
            failures=str(failed),
        )
        for one in found.outcomes:
            case = SubElement(suite, "testcase", classname=cases.file.stem, name=one.case.name)
            if one.failures:
                told = [line for each in one.failures for line in _failed(cases, each)]
                what = one.failures[0].what
                SubElement(case, "failure", message=what).text = "\n".join(told)
    indent(root)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))
