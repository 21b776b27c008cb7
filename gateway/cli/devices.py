"""``edge-gateway devices``: which devices there are, and whose readings an asset uses."""

import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import click

from gateway.cli import init_proposal, init_sight, init_yaml
from gateway.cli.devices_known import Known, known
from gateway.cli.init_listen import listen
from gateway.cli.init_proposal import Place, Proposal
from gateway.cli.init_sources import Source
from gateway.cli.spans import SPAN
from gateway.cli.tables import printer
from gateway.cli.user_file import config_option
from gateway.config.settings import Settings
from gateway.core.times import rfc3339

_COLUMNS = ("source", "device", "assets", "last_heard", "metrics")


@click.command("devices")
@click.option("--unmapped", is_flag=True, help="Only those that no asset uses.")
@click.option("--yaml", "as_yaml", is_flag=True, help="Assets to paste, of what is unmapped.")
@click.option("--listen-for", "for_ms", type=SPAN, default="10s", help="With --yaml; default 10s.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line.")
@click.option("--wait", "wait_s", type=float, default=5.0, help="For the broker [s].")
@config_option()
def command(
    for_ms: int, wait_s: float, path: Path, *, unmapped: bool, as_yaml: bool, as_json: bool
) -> None:
    """List devices: when each was last heard, what is measured on it, and for which asset.

    By the file, the gateway's own registry and the newest reports of the database. With --yaml it
    listens at the brokers of the file, and proposes assets for the devices that none uses.
    """
    from gateway import config

    settings = config.load(path)
    if as_yaml and as_json:
        raise click.UsageError("--yaml and --json both want the standard output")
    if as_yaml:
        click.echo(_proposed(settings, for_ms / 1000), nl=False)
        return
    found, remarks = known(path, settings, wait_s)
    shown = [one for one in found if not (unmapped and one.assets)]
    rows = [_record(one) if as_json else _row(one) for one in shown]
    if rows or as_json:
        printer(as_csv=False, as_json=as_json)(_COLUMNS, rows)
    for remark in remarks:
        click.echo(remark, err=True)
    if not rows and not as_json:
        click.echo("no device" + (" that is not used" if unmapped else ""), err=True)
    sys.exit(1 if len(remarks) > 1 else 0)


def _row(one: Known) -> tuple[object, ...]:
    heard = "never" if one.last_at_ms is None else rfc3339(one.last_at_ms)
    metrics = [f"{name} [{unit}]" if unit else name for name, unit in one.metrics.items()]
    return (
        one.source,
        one.device,
        ", ".join(sorted(one.assets)) or "-",
        f"{heard}{', offline' if one.offline else ''}",
        ", ".join(metrics) or "-",
    )


def _record(one: Known) -> tuple[object, ...]:
    heard = None if one.last_at_ms is None else rfc3339(one.last_at_ms)
    return one.source, one.device, sorted(one.assets), heard, one.metrics


def _proposed(settings: Settings, for_s: float) -> str:
    """The section of the assets for what is heard and not used; ids that are free."""
    metrics = [one for asset in settings.assets.values() for one in asset.metrics.values()]
    used = {(one.source, one.device) for one in metrics}
    proposal = Proposal(settings.gateway_id, [])
    proposal.assets |= dict.fromkeys(settings.assets)  # type: ignore[arg-type]  # only their ids
    for name, broker in settings.brokers.items():
        heard = listen(broker, for_s, lambda *_: None)
        sources = [_source(settings, one) for one in _of_broker(settings, name)]
        place = Place(broker, heard, [init_sight.look(source, heard) for source in sources])
        for part in init_proposal.parts(place):
            if (part.source, part.seen.device) not in used:
                init_proposal.add(proposal, part)
    new = {id_: one for id_, one in proposal.assets.items() if id_ not in settings.assets}
    return init_yaml.section(new) + "".join(f"# {one}\n" for one in proposal.left_out)


def _of_broker(settings: Settings, name: str) -> list[str]:
    return [source for source, one in settings.sources.items() if one.broker == name]


def _source(settings: Settings, name: str) -> Source:
    source = settings.sources[name]
    noun: Any = source.settings
    own = {one.name: getattr(noun, one.name) for one in fields(noun)}
    return Source(name, source.kind, source.broker, own)
