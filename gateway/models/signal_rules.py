"""Whether what a manifest says of its signals can be carried out."""

from collections.abc import Iterator

from gateway.models.contract import Manifest
from gateway.models.files import MANIFEST
from gateway.models.schema import Problem


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield what is wrong with channels that take signals; a package without any is fine."""
    channels = [one for one in manifest.shape.channels if one.rate_hz]
    if not channels:
        return
    rates = sorted({one.rate_hz or 0.0 for one in channels})
    vibration = manifest.input.vibration
    if vibration is not None and rates != [vibration.rate_hz]:
        found = ", ".join(f"{rate:g} Hz" for rate in rates)
        expected = f"the rate of input.vibration, {vibration.rate_hz:g} Hz, for each signal"
        yield _problem("input.channels", expected, found, "correct signal.rate_hz")
    elif len(rates) > 1:
        found = ", ".join(f"{rate:g} Hz" for rate in rates)
        yield _problem("input.channels", "signals of one rate", found, "use one rate")
    if vibration is not None and vibration.speed in {one.name for one in channels}:
        advice = "a speed is one number a block: remove its signal"
        yield _problem("input.vibration.speed", "a channel of scalars", "a signal", advice)
    if not any(one.required for one in channels):
        advice = "a block is what makes a verdict due: make one of them required"
        yield _problem("input.channels", "a required signal", "optional ones only", advice)
    if manifest.calibration.per_asset != "none":
        advice = "leave calibration out: rms of one machine says nothing of single samples"
        yield _problem("calibration.per_asset", "none with signals", "mean_sd", advice)
    if manifest.memories:
        advice = "blocks do not follow each other without a gap: leave state out"
        yield _problem("state", "none with signals", "carried", advice)


def _problem(field: str, expected: str, found: str, advice: str) -> Problem:
    return Problem(MANIFEST, field, expected, found, advice)
