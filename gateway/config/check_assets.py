"""Assets: metrics, actions, verdicts, policy and fail-safe refer to each other."""

from collections.abc import Iterator

from gateway.config import (
    check_gates,
    check_inference,
    check_models,
    check_signals,
    policies,
    rungs,
)
from gateway.config.assets import (
    AssetSection,
    FailSafeSection,
    MetricSection,
    PolicySection,
)
from gateway.config.check_models import Manifests
from gateway.config.findings import Findings
from gateway.config.problems import Problem, choices, near
from gateway.config.tree import Place
from gateway.config.verdicts import VerdictSection
from gateway.core import units
from gateway.core.ladder import UNKNOWN
from gateway.core.readings import MetricKind
from gateway.core.rules import Expression
from gateway.core.verdicts import IDLE, NORMAL, Mode

LONGEST_DEATH_MS = 30 * 60_000
"""The unit that waits has an hour."""


def problems(found: Findings, id_: str, asset: AssetSection, known: Manifests) -> Iterator[Problem]:
    """Everything that is wrong with an asset."""
    for name, metric in asset.metrics.items():
        yield from _metric(found, ("assets", id_, "metrics", name), metric)
    for at, rung in enumerate(asset.verdicts):
        place: Place = ("assets", id_, "verdicts", at)
        if rung.cloud is not None:
            yield from check_inference.rung(found, place, rung, asset, known)
            continue
        yield from _rung(found, place, rung)
        yield from check_inference.strays(found, place, rung)
        for member in check_models.members(rung, known):
            yield from check_models.problems(found, id_, member, place, known)
        yield from check_models.period(found, rung, (*place, "calibrate"), known)
    labels = _labels(found, id_, asset, known)
    for at, policy in enumerate(asset.policy):
        yield from _policy(found, ("assets", id_, "policy", at), policy, asset, labels)
    yield from check_gates.problems(found, id_, asset)
    if asset.running is not None:
        yield from _running(found, ("assets", id_, "running"), asset)
    if asset.fail_safe is not None:
        yield from _fail_safe(found, ("assets", id_, "fail_safe"), asset.fail_safe)


def _asset_names(found: Findings, place: Place, section: str) -> list[str]:
    return found.names("assets", str(place[1]), section)


def _metric(found: Findings, place: Place, metric: MetricSection) -> Iterator[Problem]:
    sources = found.names("sources")
    yield from found.unknown((*place, "from"), "source", metric.from_.source, sources)
    yield from found.spelling((*place, "from"), metric.from_.source, metric.from_.device)
    for word, value in metric.words.items():
        if not isinstance(value, bool | int | float):
            at = (*place, "words", word)
            said = f"should mean a number, true or false, not {str(value)!r}"
            yield found.at(at, f"word {word!r} {said}")
    yield from check_signals.metric(found, place, metric)
    if metric.source_unit is not None:
        yield from _conversion(found, place, metric.source_unit, metric.unit)


def _conversion(found: Findings, place: Place, raw: str, unit: str) -> Iterator[Problem]:
    if raw != unit and units.convert(raw, unit) is None:
        strange = [name for name in (raw, unit) if units.canonical(name) is None]
        hint = near(strange[0], units.SYMBOLS) if strange else "use scale and offset"
        message = f"{raw!r} cannot be converted to {unit!r}"
        yield found.at((*place, "source_unit"), message, hint or "use scale and offset")


_OURS = (NORMAL, UNKNOWN, IDLE)
_OF_RULES = ("label", "guard")
_OF_ENSEMBLES = {"combine", "least", "on", "off"}
_OF_MODELS = ("deadline", "channels", "calibrate")


def _rung(found: Findings, place: Place, rung: VerdictSection) -> Iterator[Problem]:
    said = set(found.names(*place))
    if rung.models:
        yield from _ensemble(found, place, rung)
        return
    if rung.model is not None and rung.rule is not None:
        yield found.at(place, "a verdict has either a model or a rule, this one both")
        return
    if said <= VerdictSection.model_fields.keys() and not said & {"model", "rule", "cloud"}:
        yield found.at(place, "a verdict has either a model or a rule, this one neither")
    for key in sorted(_OF_ENSEMBLES & rung.model_fields_set):
        yield found.at((*place, key), f"{key!r} goes with models", key=True)
    others = _OF_RULES if rung.model is not None else _OF_MODELS if rung.rule is not None else ()
    for key in others:
        if key in rung.model_fields_set:
            owner = "rule" if key in _OF_RULES else "model"
            yield found.at((*place, key), f"{key!r} goes with a {owner}", key=True)
    if rung.model is not None:
        yield from found.unknown((*place, "model"), "model", rung.model, found.names("models"))
    if rung.rule is not None:
        yield from _condition(found, (*place, "rule"), rung.rule)
    if rung.label in _OURS:
        yield found.at((*place, "label"), f"{rung.label!r} is not a rule's to say")


def _ensemble(found: Findings, place: Place, rung: VerdictSection) -> Iterator[Problem]:
    for key in sorted({"model", "rule", "guard"} & rung.model_fields_set):
        yield found.at((*place, key), f"{key!r} does not go with models", key=True)
    for at, name in enumerate(rung.models):
        yield from found.unknown((*place, "models", at), "model", name, found.names("models"))
        if name in rung.models[:at]:
            yield found.at((*place, "models", at), f"model {name!r} is named twice")
    if rung.least is not None and rung.least > len(rung.models):
        yield found.at((*place, "least"), f"there are only {len(rung.models)} models")
    for key in ("off", "label"):
        if key in rung.model_fields_set and rung.on is None:
            yield found.at((*place, key), f"{key!r} goes with on", key=True)
    if rung.on is not None and rung.combine == "vote":
        yield found.at((*place, "on"), "a vote counts labels: it has no level", key=True)
    if rung.on is not None and rung.off is not None and rung.off > rung.on:
        yield found.at((*place, "off"), "off is above on: it could never clear")
    if rung.label in _OURS:
        yield found.at((*place, "label"), f"{rung.label!r} is not an ensemble's to say")


def _condition(found: Findings, place: Place, rule: Expression) -> Iterator[Problem]:
    metrics = found.root.assets[str(place[1])].metrics
    yield from found.metrics(place, rule, _asset_names(found, place, "metrics"))
    if not rule.is_condition:
        yield found.at(place, "a rule says yes or no: compare it with something")
    for name in sorted(rule.metrics & metrics.keys()):
        if metrics[name].kind is MetricKind.TEXT:
            yield found.at(place, f"metric {name!r} is text: it is stored, never judged")
    yield from check_signals.rule(found, place, rule, metrics)


def _labels(found: Findings, id_: str, asset: AssetSection, known: Manifests) -> list[str] | None:
    """What the rungs can say; None when that cannot be told, because one of them is wrong."""
    if not found.whole(("assets", id_, "verdicts"), len(asset.verdicts)):
        return None
    labels = [rung.label or rungs.DEFAULT_LABEL for rung in asset.verdicts if rung.rule is not None]
    for rung in asset.verdicts:
        if rung.cloud is not None:
            said = check_inference.labels(rung, asset, known)
            if said is None:
                return None
            labels += said
            continue
        if rung.on is not None:
            labels.append(rung.label or rungs.DEFAULT_LABEL)
            continue
        for name in rung.models or (rung.model,):
            if name in known:
                labels += check_models.labels(known[name])
            elif rung.rule is None:
                return None
    return [*labels, UNKNOWN]


def _policy(
    found: Findings,
    place: Place,
    policy: PolicySection,
    asset: AssetSection,
    labels: list[str] | None,
) -> Iterator[Problem]:
    if labels is not None and policy.when not in labels:
        known = f"there are {choices(labels)}" if labels != [UNKNOWN] else "it has no verdicts"
        hint = near(policy.when, labels) or known
        message = f"no verdict of this asset says {policy.when!r}"
        yield found.at((*place, "when"), message, hint)
    if policy.do:
        actions = _asset_names(found, place, "actions")
        yield from found.unknown((*place, "do"), "action", policy.do, actions)
    elif policy.mode is Mode.ACT:
        yield found.at((*place, "mode"), "'act' needs an action to do", "add do: <action>")
    if policy.retry is not None and not policy.do:
        yield found.at((*place, "retry"), "there is no command to give again", "add do: <action>")
    for key, locks in (("unless", policy.unless), ("only_if", policy.only_if)):
        listed = found.doc.node((*place, key, 0)) is not None
        for at, lock in enumerate(locks):
            where = (*place, key, at) if listed else (*place, key)
            if key == "only_if" or not policies.flag(lock.node, asset):
                yield from _lock(found, where, lock, asset, flags=key == "unless")


def _lock(
    found: Findings, place: Place, lock: Expression, asset: AssetSection, *, flags: bool
) -> Iterator[Problem]:
    known = _asset_names(found, place, "metrics")
    bare = len(lock.metrics) == 1 and lock.text.strip("` ") in lock.metrics
    if flags and bare and not lock.metrics & set(known):
        words = [*known, *policies.ALWAYS_FLAGS, *asset.flags]
        yield from found.metrics(place, lock, words, "flag or metric")
    else:
        yield from _condition(found, place, lock)


def _running(found: Findings, place: Place, asset: AssetSection) -> Iterator[Problem]:
    assert asset.running is not None  # noqa: S101  # its caller has seen to it
    yield from _condition(found, place, asset.running)
    if not any(rung.model or rung.models or rung.cloud for rung in asset.verdicts):
        hint = "say it in the rule: power > 50 and ..."
        yield found.at(
            place, "'running' keeps models from being asked: here is none", hint, key=True
        )


def _fail_safe(found: Findings, place: Place, safe: FailSafeSection) -> Iterator[Problem]:
    if safe.do:
        actions = _asset_names(found, place, "actions")
        yield from found.unknown((*place, "do"), "action", safe.do, actions)
    elif safe.mode is Mode.ACT:
        hint = "add do: <action>, or mode: advise for an alert only"
        yield found.at(place, "'fail_safe' names no action", hint, key=True)
    if safe.on_death is not None and safe.on_death > LONGEST_DEATH_MS:
        message = "nobody waits so long beside a dead gateway"
        yield found.at((*place, "on_death"), message, "at most 30m")
    for key, wanted in (("on_stop", safe.on_stop), ("on_death", safe.on_death)):
        if wanted and (not safe.do or safe.mode is not Mode.ACT):
            message = f"{key!r} sends a command, and this fail-safe does not"
            yield found.at((*place, key), message, "mode: act and do: <action>")
