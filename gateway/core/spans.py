"""Spans: how much history the rules of an asset look back on."""

from collections.abc import Mapping

from gateway.core.assets import Asset, RuleRung


def spans(asset: Asset) -> Mapping[str, int]:
    """How much history each metric of an asset needs for its rules and interlocks."""
    longest: dict[str, int] = {}
    expressions = [rung.expression for rung in asset.ladder if isinstance(rung, RuleRung)]
    expressions += [asset.running] if asset.running else []
    for rule in asset.policy:
        expressions += [*rule.unless, *rule.only_if]
    for action in asset.actions.values():
        expressions += action.guard.rules
    for expression in expressions:
        for metric, span_ms in expression.span_ms.items():
            if span_ms:
                longest[metric] = max(span_ms, longest.get(metric, 0))
    return longest
