"""From the user's words to models and to the rungs of the ladder."""

from pathlib import Path
from typing import Any

from gateway.config import delivery, inference
from gateway.config.assets import AssetSection
from gateway.config.root import Root
from gateway.config.schema import ModelSection, TrialSection
from gateway.config.settings import ModelSettings
from gateway.config.verdicts import VerdictSection
from gateway.core.assets import EnsembleRung, ModelRung, Period, RuleRung, Rung
from gateway.core.ensembles import Bound
from gateway.core.trials import Rules

DEFAULT_LABEL = "alarm"


def model(name: str, entry: ModelSection, here: Path, received: Path) -> ModelSettings:
    """One model; relative paths are relative to ``here``, what was delivered is in ``received``."""
    package, trust = here / entry.package, here / entry.trust if entry.trust else None
    if entry.candidate is not None:
        new = here / entry.candidate.package
        return ModelSettings(name, package, trust, new, _rules(entry.candidate), entry.keep)
    if entry.updates is not None:
        newest, rules = delivery.package(received, name), _rules(entry.updates)
        return ModelSettings(name, package, trust, newest, rules, entry.keep, delivered=True)
    return ModelSettings(name, package, trust, keep=entry.keep)


def _rules(new: TrialSection) -> Rules:
    """What a new version must show."""
    return Rules(
        windows=new.shadow,
        probation=new.probation,
        auto=new.promote == "auto",
        max_disagreement=new.max_disagreement,
        alarm_low=new.alarm_rate[0],
        alarm_high=new.alarm_rate[1],
        max_latency_ms=new.max_latency,
        failures=new.max_failures,
    )


def ladder(asset: AssetSection, root: Root) -> tuple[Rung, ...]:
    """The rungs of an asset."""
    clouds = root.cloud.inference
    return tuple(
        rung(entry) if entry.cloud is None else inference.rung(entry, asset, clouds)
        for entry in asset.verdicts
    )


def rung(entry: VerdictSection) -> Rung:
    """One rung of the ladder that asks no cloud."""
    if entry.rule is not None:
        return RuleRung(entry.rule, entry.label or DEFAULT_LABEL, entry.guard)
    given: dict[str, Any] = {} if entry.deadline is None else {"deadline_ms": entry.deadline}
    names = entry.models or (entry.model or "",)
    if entry.calibrate is not None:
        given["calibrate"] = Period(entry.calibrate.from_, entry.calibrate.to)
    members = tuple(ModelRung(name, channels=dict(entry.channels), **given) for name in names)
    if not entry.models:
        return members[0]
    declared: tuple[Bound, ...] = ()
    if entry.on is not None:
        off = entry.on if entry.off is None else entry.off
        declared = (Bound(entry.label or DEFAULT_LABEL, entry.on, off),)
    least = entry.least or len(members) // 2 + 1
    return EnsembleRung(members, entry.combine, min(least, len(members)), declared)
