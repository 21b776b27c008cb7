"""``edge-gateway check``: everything ``run`` does at start, except connecting."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway import registry
from gateway.cli.user_file import file_argument
from gateway.config import BadFileError, Problem, Settings, check_sync
from gateway.config.tree import Document
from gateway.core import durations
from gateway.core.assets import Asset, CloudRung, EnsembleRung, FailSafe, RuleRung, Rung
from gateway.core.mapping import Mapper
from gateway.core.ports import Bridge
from gateway.models.package import Package

Report = dict[str, Any]


@click.command("check")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
@file_argument
def command(file: Path, *, as_json: bool) -> None:
    """Check the configuration FILE and say what it makes; exits 2 when it is wrong."""
    try:
        report, warnings = examine(file)
    except BadFileError as error:
        if not as_json:
            raise
        click.echo(json.dumps({"ok": False, "problems": _records(error.problems)}, indent=2))
        sys.exit(2)
    if as_json:
        whole = {"ok": True, **report, "warnings": _records(warnings)}
        click.echo(json.dumps(whole, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join([*_lines(file, report), *(f"warning: {one}" for one in warnings)]))


def examine(file: Path) -> tuple[Report, list[Problem]]:
    """What the file makes, and the warnings.

    Raises:
        BadFileError: with every problem.
    """
    from gateway.config import advice, machine
    from gateway.config.loader import load_document

    settings, doc = load_document(file)
    packages, problems = machine.packages(settings, doc)
    problems += machine.problems(settings, doc)
    if problems:
        raise BadFileError(problems)
    warnings = [*advice.warnings(settings, doc), *machine.warnings(settings, doc)]
    warnings += advice.paces(settings, packages, doc)
    if settings.store.path.is_file():
        from gateway.cli import check_paces

        warnings += check_paces.warnings(settings, packages, doc)
    return _report(settings, packages, doc), sorted(warnings)


def _records(problems: tuple[Problem, ...] | list[Problem]) -> list[Mapping[str, object]]:
    keys = ("file", "line", "column", "message", "hint")
    return [{key: getattr(problem, key) for key in keys} for problem in problems]


def _report(settings: Settings, packages: Mapping[str, Package], doc: Document) -> Report:
    return {
        "file": str(doc.file),
        "gateway": settings.gateway_id,
        "base": settings.base,
        "announces_on": settings.announce_broker,
        "brokers": {name: f"{one.host}:{one.port}" for name, one in settings.brokers.items()},
        "sources": {name: _source(name, settings) for name in settings.sources},
        "models": {name: _model(package) for name, package in packages.items()},
        "assets": {id_: _asset(asset) for id_, asset in settings.assets.items()},
        "exclusions": {
            one.name: {"of": [str(deed) for deed in one.of], "at_most": one.at_most}
            for one in settings.exclusions
        },
        "store": {
            "path": str(settings.store.path),
            "max_bytes": settings.store.max_bytes,
            "durability": settings.store.durability,
        },
        "sync": {name: check_sync.described(sink) for name, sink in settings.sync.items()},
        "updates": _updates(settings),
    }


def _updates(settings: Settings) -> Report | None:
    """What comes from where; None when nothing does."""
    if settings.updates is None:
        return None
    models = [name for name, model in settings.models.items() if model.delivered]
    return {"url": settings.updates.url, "models": models, "may": list(settings.updates.may)}


def _source(name: str, settings: Settings) -> Report:
    """Make the bridge and the mapper as the daemon does."""
    source = settings.sources[name]
    bridge: Bridge = registry.find("bridges", source.kind)(name, source.settings)
    every = [metric for asset in settings.assets.values() for metric in asset.metrics.values()]
    metrics = [metric for metric in every if metric.source == name]
    Mapper(name, metrics, discover=source.keep == "all")
    return {
        "bridge": source.kind,
        "broker": source.broker,
        "filters": [one.filter for one in bridge.subscriptions()],
        "metrics": len(metrics),
    }


def _model(package: Package) -> Report:
    manifest = package.manifest
    return {"id": manifest.id, "version": manifest.version, "sha256": package.sha256}


def _asset(asset: Asset) -> Report:
    policies = [
        {
            "when": rule.when,
            "for": f"{rule.hits} of {rule.of}",
            "do": rule.action,
            "mode": rule.mode.value,
        }
        for rule in asset.policy
    ]
    safe = asset.fail_safe
    return {
        "name": asset.name,
        "metrics": list(asset.metrics),
        "actions": list(asset.actions),
        "verdicts": [_rung(rung) for rung in asset.ladder],
        "policy": policies,
        "fail_safe": safe and _fail_safe(safe),
    }


def _fail_safe(safe: FailSafe) -> Report:
    also = {"worker": safe.worker_ms, "on_death": safe.death_ms}
    times = {key: durations.render(ms) for key, ms in also.items() if ms is not None}
    named = {"do": safe.action, "mode": safe.mode.value, "on_stop": safe.on_stop}
    return {"after": durations.render(safe.after_ms), **named, **times}


def _rung(rung: Rung) -> str:
    if isinstance(rung, RuleRung):
        return f"rule: {rung.expression.text} -> {rung.label}"
    if isinstance(rung, CloudRung):
        acts = "may act" if rung.may_act else "only advises"
        declared = rung.shape.channels if rung.shape else ()
        asked = rung.like or ", ".join(one.name for one in declared)
        return f"cloud: {rung.cloud}, asked with {asked}, {acts}"
    if isinstance(rung, EnsembleRung):
        models = ", ".join(member.model for member in rung.members)
        return f"models: {models} ({rung.combine}, at least {rung.least})"
    return f"model: {rung.model}"


def _lines(file: Path, report: Report) -> Iterator[str]:
    yield f"{file}: good"
    yield f"gateway {report['gateway']} publishes {report['base']}/... on {report['announces_on']}"
    for name, broker in report["brokers"].items():
        yield f"broker  {name}: {broker}"
    for name, source in report["sources"].items():
        filters = ", ".join(source["filters"])
        yield f"source  {name}: {source['bridge']} on {source['broker']}: {filters}"
    for name, model in report["models"].items():
        yield f"model   {name}: {model['id']} {model['version']} {model['sha256'][:12]}"
    for id_, asset in report["assets"].items():
        yield from _asset_lines(id_, asset)
    for name, one in report["exclusions"].items():
        yield f"exclude {name}: at most {one['at_most']} of {', '.join(one['of'])}"
    store = report["store"]
    yield f"store   {store['path']}: {store['max_bytes'] >> 20} MiB, {store['durability']}"
    for name, sink in report["sync"].items():
        lanes, kinds = ", ".join(sink["lanes"]), ", ".join(sink["kinds"])
        yield f"cloud   {name}: {sink['sink']}: {kinds}, in lanes {lanes}"
    if updates := report["updates"]:
        models = f"models {', '.join(updates['models']) or 'none'}"
        yield f"updates {updates['url']}: {models}; may bring {', '.join(updates['may']) or 'none'}"


def _asset_lines(id_: str, asset: Report) -> Iterator[str]:
    yield f"asset   {id_}: {', '.join(asset['metrics'])}"
    for verdict in asset["verdicts"]:
        yield f"          {verdict}"
    if asset["actions"]:
        yield f"          actions: {', '.join(asset['actions'])}"
    for rule in asset["policy"]:
        does = rule["do"] or "alert"
        yield f"          policy: {rule['when']} {rule['for']} -> {does} ({rule['mode']})"
    safe = asset["fail_safe"]
    if safe:
        does = safe["do"] or "alert"
        also = "".join(f", {key} {safe[key]}" for key in ("worker", "on_death") if key in safe)
        also += ", on_stop" if safe["on_stop"] else ""
        yield f"          fail-safe: after {safe['after']}{also} -> {does} ({safe['mode']})"
