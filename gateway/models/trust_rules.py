"""Whether what a manifest says of uncertainty and of its training range can be carried out."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway.core.uncertainty import Conformal, TrainingRange, Trust
from gateway.core.windows import Shape
from gateway.models.contract import Manifest
from gateway.models.files import MANIFEST
from gateway.models.schema import Problem

USUAL_COVERAGE = 0.9


def trust(tree: Mapping[str, Any], shape: Shape) -> Trust:
    """Read ``uncertainty`` and ``ood`` of a manifest that the schema has passed."""
    return Trust(_range(tree.get("ood"), shape), _conformal(tree.get("uncertainty")))


def _conformal(entry: Mapping[str, Any] | None) -> Conformal | None:
    if entry is None:
        return None
    quantiles = {float(key): float(q) for key, q in entry["residual_quantiles"].items()}
    best = USUAL_COVERAGE if USUAL_COVERAGE in quantiles else max(quantiles)
    coverage = float(entry.get("coverage", best))
    bands = tuple(
        (float(band["below"]), float(band["residual_quantiles"].get(f"{coverage:g}", -1.0)))
        for band in entry.get("bands", ())
    )
    q = quantiles.get(coverage, -1.0)  # which the rules below refuse
    return Conformal(q, coverage, entry["calibrated_on"], bands)


def _range(entry: Mapping[str, Any] | None, shape: Shape) -> TrainingRange | None:
    if entry is None:
        return None
    limits = {name: (float(low), float(high)) for name, (low, high) in entry["limits"].items()}
    names = tuple(channel.name for channel in shape.channels)
    known = (*names, *sorted(limits.keys() - set(names)))  # which the rules below refuse
    held = tuple(limits.get(name) for name in known)
    return TrainingRange(known, held, float(entry.get("max_share", 0.0)))


def problems(manifest: Manifest) -> Iterator[Problem]:
    """Yield what is wrong with ``uncertainty`` and ``ood``."""
    conformal, ood = manifest.trust.conformal, manifest.trust.ood
    if conformal is not None and min((conformal.q, *(q for _, q in conformal.bands))) < 0:
        found = f"{conformal.coverage:g}"
        advice = "add it to residual_quantiles, or choose one of them"
        yield Problem(MANIFEST, "uncertainty.coverage", "a known quantile", found, advice)
    ends = [below for below, _ in conformal.bands] if conformal is not None else []
    if ends != sorted(set(ends)):
        found = ", ".join(f"{end:g}" for end in ends)
        yield Problem(MANIFEST, "uncertainty.bands", "rising ends", found, "reorder them")
    if ood is None:
        return
    channels = {channel.name for channel in manifest.shape.channels}
    for name, limit in zip(ood.names, ood.limits, strict=True):
        field = f"ood.limits.{name}"
        if name not in channels:
            expected = f"one of {', '.join(sorted(channels)[:20])}"
            yield Problem(MANIFEST, field, expected, repr(name), "name a channel of input")
        elif limit is not None and limit[0] >= limit[1]:
            found = f"[{limit[0]:g}, {limit[1]:g}]"
            yield Problem(MANIFEST, field, "the lower bound first", found, "swap the two")
