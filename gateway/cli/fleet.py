"""``edge-gateway fleet``: who of several gateways is there, and who commands what."""

import json
import sys
from pathlib import Path
from typing import Final

import click

from gateway import config
from gateway.cli.fleet_ear import Ear
from gateway.cli.options import FILE
from gateway.cli.tables import CONFIG, print_table
from gateway.config.settings import Settings
from gateway.core.fleet import Fleet, owners, ties

_COLUMNS: Final = ("slot", "there", "held by", "epoch", "then", "assets")
SHOWN: Final = 4
"""Assets named in a line."""


@click.command("fleet")
@click.option("--config", "path", type=FILE, default=CONFIG, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(path: Path, *, as_json: bool) -> None:
    """Show the members of the fleet, who is there, and who commands which assets.

    It listens at the broker, so it tells it while this gateway is down, too. Exit code 1: there are
    assets that nobody commands.
    """
    settings = config.load(path)
    fleet = settings.fleet
    if fleet is None:
        raise click.UsageError(f"{path} has no fleet: this gateway is alone")
    with Ear(settings, fleet) as ear:
        slots = {member.id for member in fleet.members}
        ear.listen((fleet.silent_ms + fleet.beat_ms) / 1000, lambda: ear.beating >= slots)
        document = _document(settings, fleet, ear)
    if as_json:
        click.echo(json.dumps(document, ensure_ascii=False))
    else:
        print_table(_COLUMNS, [_row(name, slot) for name, slot in document.items()])
    sys.exit(0 if all(one["holder"] or not one["assets"] for one in document.values()) else 1)


def _document(settings: Settings, fleet: Fleet, ear: Ear) -> dict[str, dict[str, object]]:
    tied = list(ties(settings.assets, settings.exclusions))
    owned = owners(settings.assets, tied, fleet.members)
    return {
        member.id: {
            "there": member.id in ear.there,
            "holder": ear.holder(member.id) or None,
            "epoch": ear.told[member.id].epoch if member.id in ear.told else None,
            "line": list(fleet.line(member.id)),
            "assets": [asset for asset, owner in owned.items() if owner == member.id],
        }
        for member in fleet.members
    }


def _row(name: str, slot: dict[str, object]) -> tuple[object, ...]:
    assets, line = slot["assets"], slot["line"]
    assert isinstance(assets, list)  # noqa: S101  # as they were made
    assert isinstance(line, list)  # noqa: S101
    more = f" and {len(assets) - SHOWN} more" if len(assets) > SHOWN else ""
    shown = f"{len(assets)}: {', '.join(assets[:SHOWN])}{more}" if assets else "0"
    there = "yes" if slot["there"] else "no"
    return name, there, slot["holder"] or "nobody", slot["epoch"], ", ".join(line[1:]), shown
