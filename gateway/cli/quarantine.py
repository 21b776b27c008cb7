"""``edge-gateway quarantine``: which devices do not count now, and let one go."""

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.asking import ask
from gateway.cli.deciding import of_person


@click.command("quarantine")
@click.argument("action", type=click.Choice(["list", "release"]), default="list")
@click.argument("device", required=False)
@of_person
def command(
    action: str, device: str | None, reason: str, author: str, path: Path, *, as_json: bool
) -> None:
    """Show the devices in quarantine, or release DEVICE, as <source>/<device>."""
    if (action == "release") != bool(device):
        raise click.UsageError("release takes a device, as <source>/<device>; list takes none")
    fields: dict[str, object] = {"action": action, "author": author, "reason": reason}
    told: dict[str, Any] = ask(path, "quarantine", fields | {"device": device or ""})
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False))
    elif action == "release":
        click.echo(f"{device}: released")
    else:
        for one in told["quarantined"]:
            name = f"{one['source']}/{one['device']}"
            click.echo(f"{name}  {one['why']}: {one['detail']}; until {one['until']}")
        if not told["quarantined"]:
            click.echo("no device is in quarantine")
