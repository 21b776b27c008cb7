"""Limits of actions: what they name is there, and evidence can ever answer them."""

from collections.abc import Iterable, Iterator

from gateway.config import guards
from gateway.config.assets import ActionSection, AssetSection
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.tree import Place
from gateway.core.durations import UNITS_MS
from gateway.core.guards import Deed
from gateway.core.limits_bounds import NEAR
from gateway.core.readings import MetricKind
from gateway.core.rules import Expression
from gateway.core.sights import owner

_LONGEST_SLEW_MS = UNITS_MS["d"]
_NO_EVIDENCE = "nothing shows that it is not in force"
_GIVE_EVIDENCE = "give it a proof, or undone_if"


def problems(found: Findings, id_: str, asset: AssetSection) -> Iterator[Problem]:
    """What is wrong with the limits of an asset."""
    for name, action in asset.actions.items():
        place: Place = ("assets", id_, "actions", name)
        yield from _value(found, place, action, asset)
        for key, rules in (("only_if", action.only_if), ("unless", action.unless)):
            listed = found.doc.node((*place, key, 0)) is not None
            for at, rule in enumerate(rules):
                yield from _rule(found, (*place, key, at) if listed else (*place, key), rule, id_)
        if action.undone_if is not None:
            yield from _rule(found, (*place, "undone_if"), action.undone_if, id_)
            if not action.undone_if.metrics:
                yield found.at((*place, "undone_if"), "it names no metric, so it shows nothing")
        yield from _named(found, (*place, "never_with"), action.never_with, id_, evident=True)
        for other in action.after:
            yield from _deed(found, (*place, "after", other), other, id_, key=True)
    for at, policy in enumerate(asset.policy):
        yield from _with(found, ("assets", id_, "policy", at), policy.do, policy.with_, asset)
    safe = asset.fail_safe
    if safe is not None:
        yield from _with(found, ("assets", id_, "fail_safe"), safe.do, safe.with_, asset)


def exclusions(found: Findings) -> Iterator[Problem]:
    """What is wrong with the exclusions."""
    for name, entry in found.root.exclusions.items():
        place: Place = ("exclusions", name)
        yield from _named(found, (*place, "of"), entry.of, "", evident=True)
        for at, text in enumerate(entry.of):
            if text in entry.of[:at]:
                yield found.at((*place, "of", at), f"{text!r} is named twice")
        if entry.at_most >= len(entry.of):
            message = f"{entry.at_most} of {len(entry.of)} excludes nothing"
            yield found.at((*place, "at_most"), message, f"at most {len(entry.of) - 1}")


def _value(
    found: Findings, place: Place, action: ActionSection, asset: AssetSection
) -> Iterator[Problem]:
    value, keys = action.value, guards.told(action.set)
    if value is None:
        return
    if len(keys) != 1:
        message = f"{len(keys)} properties of 'set' take the value, and one must"
        yield found.at((*place, "set"), message, "write {level: value}", key=True)
    low, high = value.range
    if value.step is not None and value.step > high - low:
        yield found.at((*place, "value", "step"), "the step is longer than the range")
    if value.slew is None:
        if value.metric is not None:
            yield found.at((*place, "value", "metric"), "'metric' goes with slew", key=True)
        return
    if value.slew.within_ms > _LONGEST_SLEW_MS:
        yield found.at((*place, "value", "slew"), "a slew limit looks back for a day at most")
    if value.metric is None:
        message = "'slew' needs 'metric': what shows the value now?"
        yield found.at((*place, "value", "slew"), message, key=True)
        return
    at = (*place, "value", "metric")
    metrics = found.names("assets", place[1], "metrics")
    yield from found.unknown(at, "metric", value.metric, metrics)
    known = asset.metrics.get(value.metric)
    if known is not None and (known.words or known.kind in (MetricKind.TEXT, MetricKind.EVENT)):
        yield found.at(at, f"metric {value.metric!r} is no number that is held")


def _with(
    found: Findings, place: Place, do: str, told: float | None, asset: AssetSection
) -> Iterator[Problem]:
    action = asset.actions.get(do)
    if action is None or (action.value is None and "value" in found.names(*_at(place, do))):
        return
    value = action.value
    if value is None:
        if told is not None:
            yield found.at((*place, "with"), f"{do!r} takes no value", key=True)
        return
    low, high = value.range
    span = f"[{low:g}, {high:g}]"
    if told is None:
        yield found.at((*place, "do"), f"{do!r} needs a value", f"add with: <one of {span}>")
    elif not low <= told <= high:
        yield found.at((*place, "with"), f"{told:g} is outside of the action's range {span}")
    elif value.step is not None:
        steps = (told - low) / value.step
        if abs(steps - round(steps)) > NEAR:
            near = low + round(steps) * value.step
            message = f"{told:g} is on no step of {value.step:g} from {low:g}"
            yield found.at((*place, "with"), message, f"did you mean {near:g}?")


def _at(place: Place, do: str) -> Place:
    return ("assets", place[1], "actions", do)


def _rule(found: Findings, place: Place, rule: Expression, id_: str) -> Iterator[Problem]:
    own = found.names("assets", id_, "metrics")
    others = [
        f"{other}/{name}"
        for other in found.names("assets")
        for name in found.names("assets", other, "metrics")
    ]
    known = [*own, *others]
    yield from found.metrics(place, rule, known)
    if not rule.is_condition:
        yield found.at(place, "a rule says yes or no: compare it with something")
    for name in sorted(rule.metrics & set(known)):
        asset, metric = owner(id_, name)
        if rule.span_ms[name] and name != metric:
            message = f"{name!r}: a function over time takes a metric of the asset itself"
            yield found.at(place, message, "" if asset != id_ else f"write {metric}")
        section = found.root.assets.get(asset)
        declared = section.metrics.get(metric) if section is not None else None
        if declared is not None and declared.kind is MetricKind.TEXT:
            yield found.at(place, f"metric {name!r} is text: it is stored, never judged")


def _named(
    found: Findings, place: Place, texts: Iterable[str], id_: str, *, evident: bool
) -> Iterator[Problem]:
    listed = found.doc.node((*place, 0)) is not None
    for at, text in enumerate(texts):
        where = (*place, at) if listed else place
        yield from _deed(found, where, text, id_)
        if evident and not _evident(found, guards.deed(id_, text)):
            yield found.at(where, f"{text!r}: {_NO_EVIDENCE}", _GIVE_EVIDENCE)


def _deed(
    found: Findings, place: Place, text: str, id_: str, *, key: bool = False
) -> Iterator[Problem]:
    own = found.names("assets", id_, "actions") if id_ else []
    known = own + [
        f"{asset}/{action}"
        for asset in found.names("assets")
        for action in found.names("assets", asset, "actions")
    ]
    for problem in found.unknown(place, "action", text, known):
        yield found.at(place, problem.message, problem.hint, key=key)


def _evident(found: Findings, deed: Deed) -> bool:
    """Evidence can show that an action is not in force; what is unknown was said before."""
    asset = found.root.assets.get(deed.asset)
    action = asset.actions.get(deed.action) if asset is not None else None
    return action is None or action.proof is not None or action.undone_if is not None
