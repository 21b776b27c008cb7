"""What a schema cannot say of a manifest: names that must agree, numbers that must be ordered."""

from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Final

from gateway.core.verdicts import IDLE, NORMAL
from gateway.models import explain_rules, feature_rules, signal_rules, trust_rules
from gateway.models.contract import SCORED, Manifest
from gateway.models.files import MANIFEST, MODEL
from gateway.models.schema import Problem

MAX_CELLS: Final = 1_000_000
"""Numbers in one window: 8 MB on the wire to the worker."""


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield everything that does not agree."""
    return chain.from_iterable(rule(manifest) for rule in _RULES)


def _problem(field: str, expected: str, found: object, advice: str) -> Problem:
    return Problem(MANIFEST, field, expected, str(found), advice)


def _twice(names: Sequence[str]) -> list[str]:
    return sorted({name for name in names if names.count(name) > 1})


def _names(manifest: Manifest) -> Iterator[Problem]:
    for field, names in (
        ("input.channels", [channel.name for channel in manifest.shape.channels]),
        ("outputs", [output.tensor for output in manifest.answers]),
        ("state", [manifest.input.tensor, *(memory.input for memory in manifest.memories)]),
        ("decision.levels", [level.label for level in manifest.decision.levels]),
    ):
        for name in _twice(names):
            yield _problem(field, "each name once", f"{name!r} twice", "rename or remove one")


def _files(manifest: Manifest) -> Iterator[Problem]:
    if MANIFEST in manifest.files:
        yield _problem("files", "the other files", MANIFEST, "a file cannot hold its own hash")
    if manifest.golden.file not in manifest.files or manifest.golden.file == MODEL:
        found = repr(manifest.golden.file)
        yield _problem(
            "golden.file", "a file listed in files", found, "list it, or correct the name"
        )


def _window(manifest: Manifest) -> Iterator[Problem]:
    shape = manifest.shape
    if shape.period_ms < 1:
        yield _problem("input.period_s", "at least 0.001", "less", "windows are in milliseconds")
    if (cells := shape.length * len(shape.channels)) > MAX_CELLS:
        advice = "shorten the window or send features"
        yield _problem("input", f"at most {MAX_CELLS} cells in a window", cells, advice)


def _channels(manifest: Manifest) -> Iterator[Problem]:
    for index, channel in enumerate(manifest.shape.channels):
        field = f"input.channels[{index}]"
        low, high = channel.low, channel.high
        if low is not None and high is not None and low >= high:
            found = f"[{low:g}, {high:g}]"
            yield _problem(f"{field}.range", "the lower bound first", found, "swap the two")
        if channel.fill is not None and channel.required:
            advice = "make the channel optional, or remove fill"
            yield _problem(f"{field}.fill", "none for a required channel", channel.fill, advice)


def _outputs(manifest: Manifest) -> Iterator[Problem]:
    scored = [output.tensor for output in manifest.outputs if output.meaning in SCORED]
    if len(scored) != 1:
        expected = f"exactly one output that carries the score ({', '.join(sorted(SCORED))})"
        yield _problem("outputs", expected, scored or "none", "list one; leave the others out")
    for index, output in enumerate(manifest.outputs):
        field = f"outputs[{index}]"
        if output.meaning != "probabilities":
            if output.score_of or output.labels:
                advice = "remove labels and score_of"
                yield _problem(field, "labels for probabilities only", output.meaning, advice)
        elif output.score_of not in output.labels:
            advice = "name the class whose probability is the score"
            expected = f"one of {', '.join(output.labels) or 'labels'}"
            yield _problem(f"{field}.score_of", expected, repr(output.score_of), advice)
        for name in _twice(output.labels):
            yield _problem(f"{field}.labels", "each class once", f"{name!r} twice", "rename one")


def _levels(manifest: Manifest) -> Iterator[Problem]:
    sign = 1.0 if manifest.decision.raises == "above" else -1.0
    side = {1.0: "below", -1.0: "above"}[sign]
    previous: float | None = None
    for index, level in enumerate(manifest.decision.levels):
        field = f"decision.levels[{index}]"
        if level.label in (NORMAL, IDLE):
            yield _problem(
                f"{field}.label", "a label that asks for something", level.label, "rename it"
            )
        if sign * level.off > sign * level.on:
            found = f"on {level.on:g}, off {level.off:g}"
            yield _problem(
                f"{field}.off", f"off at on or {side} it", found, "correct one of the two"
            )
        if previous is not None and sign * level.on <= sign * previous:
            yield _problem(
                f"{field}.on", "the mildest level first", f"{level.on:g}", "reorder them"
            )
        previous = level.on


def _calibration(manifest: Manifest) -> Iterator[Problem]:
    learns = manifest.calibration.per_asset != "none"
    if learns and manifest.calibration.rows < 2:  # noqa: PLR2004  # a standard deviation needs two
        found = manifest.calibration.rows
        yield _problem("calibration.rows", "at least 2", found, "say how many rows are healthy")


_RULES: Final[tuple[Callable[[Manifest], Iterator[Problem]], ...]] = (
    _names,
    _files,
    _window,
    _channels,
    feature_rules.problems,
    signal_rules.problems,
    _outputs,
    _levels,
    _calibration,
    explain_rules.problems,
    trust_rules.problems,
)
