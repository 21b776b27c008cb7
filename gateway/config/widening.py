"""Whether other settings let more be done than these do.

Who may act, on what, within which limits, is the local file's: settings that came from elsewhere
may take away, or keep exactly, what it allows. What is measured and judged is not looked at: a rule
or a model that is received can raise the label that an allowed policy waits for.
"""

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from gateway.config.settings import Settings
from gateway.core.assets import Asset, cloud_rungs
from gateway.core.verdicts import Mode


def found(local: Settings, new: Settings) -> Iterator[str]:
    """What is wider, one line each."""
    for id_, asset in new.assets.items():
        yield from _asset(local.assets.get(id_, Asset(id_, id_, {})), asset)
        yield from _routes(local, new, asset)
    if new.limits.commands_per_minute > local.limits.commands_per_minute:
        yield "limits.commands_per_minute is higher"
    for exclusion in local.exclusions:
        if exclusion not in new.exclusions:
            yield f"exclusion {exclusion.name} is gone, or another one"
    if new.homeassistant is not None and local.homeassistant is None:
        yield "homeassistant is new, and with it its switches"


def reaching(local: Settings, new: Settings) -> Iterator[str]:
    """What nobody may bring: less trust in packages, and files from elsewhere on the machine."""
    for name, model in local.models.items():
        other = new.models.get(name)
        if model.trust is not None and other is not None and other.trust != model.trust:
            yield f"model {name}: its trust is gone, or another one"
    here, known = local.file.parent, set(_files(local))
    for file in _files(new):
        if file not in known and not Path(os.path.normpath(file)).is_relative_to(here):
            yield f"{file} is outside the folder of the gateway's file"


def _files(settings: Settings) -> Iterator[Path]:
    """The files that sections which may be received can name."""
    for model in settings.models.values():
        yield model.package
        if model.candidate is not None and not model.delivered:
            yield model.candidate
        if model.trust is not None:
            yield model.trust
    for route in settings.alerts:
        yield Path(route.to_file)


def _asset(known: Asset, asset: Asset) -> Iterator[str]:
    for name, action in asset.actions.items():
        if known.actions.get(name) != action:
            yield f"asset {asset.id}: action {name} is new, or another one"
    for rung in cloud_rungs(asset.ladder):
        if rung.may_act and rung not in known.ladder:
            yield f"asset {asset.id}: {rung.name} may act is new, or another one"
    if asset.actions and asset.rates != known.rates:
        yield f"asset {asset.id}: its limits are others"
    rules = [replace(rule, name="") for rule in known.policy]
    for rule in asset.policy:
        if rule.mode is Mode.ACT and rule.action and replace(rule, name="") not in rules:
            yield f"asset {asset.id}: a policy for {rule.action} in mode act is new, or another one"
    safe = asset.fail_safe
    if safe is not None and safe.mode is Mode.ACT and safe.action and safe != known.fail_safe:
        yield f"asset {asset.id}: its fail-safe is new, or another one"


def _routes(local: Settings, new: Settings, asset: Asset) -> Iterator[str]:
    """An action leads where its source leads."""
    for name, action in asset.actions.items():
        source = action.source
        if local.sources.get(source) != new.sources.get(source):
            yield f"asset {asset.id}: action {name} goes through source {source}, which is another"
