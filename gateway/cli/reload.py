"""``edge-gateway reload``: have the gateway take its file again, and say what came of it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import of_gateway


@click.command("reload")
@of_gateway
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of text.")
def command(path: Path, *, dry_run: bool, as_json: bool) -> None:
    """Have the running gateway read its file again, as `systemctl reload` does.

    Prints by key what holds at once, and what waits for a restart. Exits 2 when the gateway takes
    nothing of the file, with its problems; 1 when it cannot be asked.
    """
    from gateway.cli.asking import RefusedError, ask
    from gateway.errors import ConfigError

    try:
        told = ask(path, "reload", {"dry_run": True} if dry_run else {})
    except RefusedError as error:
        raise ConfigError(str(error)) from None
    if as_json:
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(told, dry_run=dry_run)))


def _lines(told: Mapping[str, Any], *, dry_run: bool) -> Iterator[str]:
    holds = "would hold at once" if dry_run else "holds now"
    changed, waiting = told.get("changed", ()), told.get("restart_required", ())
    yield from (f"{holds}: {key}" for key in changed)
    yield from (f"after a restart: {key}" for key in waiting)
    if not changed and not waiting:
        yield "nothing has changed"
