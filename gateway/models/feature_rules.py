"""What a schema cannot say of ``input.features`` and its settings."""

from collections.abc import Iterator

from gateway.models.contract import Manifest
from gateway.models.features.presets import Vibration
from gateway.models.files import MANIFEST
from gateway.models.schema import Problem


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield everything that does not agree."""
    wanted = manifest.input
    if wanted.features != "raw" and wanted.layout != "n,f":
        advice = "features have no rows: write 'n,f'"
        yield _problem("input.layout", f"'n,f' for {wanted.features}", wanted.layout, advice)
    if (wanted.features == "vibration") != (wanted.vibration is not None):
        expected = "settings with the preset vibration, and only with it"
        yield _problem("input.vibration", expected, wanted.features, "add or remove them")
    if wanted.vibration is not None:
        yield from _settings(wanted.vibration, wanted.channels)


def _settings(settings: Vibration, channels: tuple[str, ...]) -> Iterator[Problem]:
    named = {f"bands_hz[{i}]": band for i, band in enumerate(settings.bands_hz)}
    if settings.envelope_hz is not None:
        named["envelope_hz"] = settings.envelope_hz
    for field, (low, high) in named.items():
        if not low < high <= settings.rate_hz / 2:
            expected = f"a band below half the rate, {settings.rate_hz / 2:g} Hz"
            found = f"[{low:g}, {high:g}]"
            yield _problem(f"input.vibration.{field}", expected, found, "correct the band")
    given = [name for name in ("rpm", "speed") if getattr(settings, name)]
    if len(given) > 1 or (settings.orders and not given):
        found, advice = " and ".join(given) or "none", "orders are multiples of the shaft's speed"
        yield _problem("input.vibration", "one of rpm and speed", found, advice)
    if settings.speed and settings.speed not in channels:
        found = repr(settings.speed)
        yield _problem("input.vibration.speed", "one of the channels", found, "correct the name")
    if set(channels) == {settings.speed}:
        advice = "add the channel of the sensor"
        yield _problem("input.channels", "a signal beside the speed", settings.speed, advice)


def _problem(field: str, expected: str, found: str, advice: str) -> Problem:
    return Problem(MANIFEST, field, expected, found, advice)
