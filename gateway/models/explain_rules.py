"""Whether what a manifest says of explanations and learnt levels can be carried out."""

from collections.abc import Iterator

from gateway.models.contract import Manifest
from gateway.models.files import MANIFEST
from gateway.models.schema import Problem


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield what is wrong with ``explain`` and ``calibration.level``."""
    wanted, channels = manifest.explain, manifest.input.channels
    parts = [feature.name for feature in manifest.input.described] or channels
    meanings = {output.meaning for output in manifest.outputs}
    if wanted.method == "residuals" and "residuals" not in meanings:
        advice = "name the output of that meaning, or use occlusion"
        yield _problem("explain.method", "an output of residuals", "none", advice)
    for field, named in (("baseline", wanted.baseline), ("usual", wanted.usual)):
        for name in sorted(set(named) - set(parts)):
            expected = f"one of {', '.join(parts[:20])}"
            what = "feature" if manifest.input.described else "channel"
            yield _problem(f"explain.{field}", expected, repr(name), f"name a {what} of input")
    if wanted.method == "residuals" and manifest.input.described:
        advice = "use occlusion: signals are explained by their features"
        yield _problem("explain.method", "occlusion with vibration", "residuals", advice)
    for name, (low, high) in wanted.usual.items():
        if low > high:
            found = f"[{low:g}, {high:g}]"
            yield _problem(f"explain.usual.{name}", "the lower bound first", found, "swap the two")
    yield from _level(manifest)


def _level(manifest: Manifest) -> Iterator[Problem]:
    level = manifest.calibration.level
    if level is not None and manifest.decision.levels[0].on <= 0:
        found = f"{manifest.decision.levels[0].on:g}"
        advice = "let the graph give scores above 0, or leave calibration.level out"
        yield _problem("decision.levels[0].on", "above 0, to be scaled", found, advice)
    if level is not None and manifest.calibration.per_asset == "none":
        advice = "write mean_sd, or leave calibration.level out"
        yield _problem("calibration.level", "with per_asset mean_sd only", "none", advice)
    if level is not None and level.rows < 2:  # noqa: PLR2004  # one score has no quantile
        yield _problem("calibration.level.rows", "at least 2", str(level.rows), "raise it")
    if level is not None and manifest.decision.raises != "above":
        advice = "leave calibration.level out"
        yield _problem("calibration.level", "scores that are bad when high", "below", advice)


def _problem(field: str, expected: str, found: str, advice: str) -> Problem:
    return Problem(MANIFEST, field, expected, found, advice)
