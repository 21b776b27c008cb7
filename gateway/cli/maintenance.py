"""``edge-gateway maintenance``: say that somebody works at an asset."""

from pathlib import Path

import click

from gateway.cli.deciding import decide, of_asset, of_person, tell, timed


@click.command("maintenance")
@click.argument("asset")
@click.option("--on/--off", "on", required=True, help="Begins, or is over.")
@click.option("--flag", default="", help="Another flag that a policy names in unless.")
@timed
@of_person
def command(
    asset: str,
    flag: str,
    span: str | None,
    until: str | None,
    reason: str,
    author: str,
    path: Path,
    *,
    on: bool,
    as_json: bool,
) -> None:
    """Mark ASSET as worked at: nothing acts on it by itself, its fail-safe neither."""
    fields = {"on": on, "flag": flag, "for": span, "until": until}
    answer = decide(
        path, of_asset(asset, "maintenance"), fields | {"author": author, "reason": reason}
    )
    tell(answer, f"{asset}: {flag or 'maintenance'} {'on' if on else 'off'}", as_json=as_json)
