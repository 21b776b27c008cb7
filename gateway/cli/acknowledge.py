"""``edge-gateway acknowledge``: say that an alert was seen."""

from pathlib import Path

import click

from gateway.cli.deciding import decide, of_asset, of_person, tell, timed
from gateway.core.counts import counted


@click.command("acknowledge")
@click.argument("asset")
@click.option("--alert", default="", help="Only this one, by its decision; default all of ASSET.")
@timed
@of_person
def command(
    asset: str,
    alert: str,
    span: str | None,
    until: str | None,
    reason: str,
    author: str,
    path: Path,
    *,
    as_json: bool,
) -> None:
    """Acknowledge what is raised on ASSET; a new alert needs a new acknowledgement."""
    fields = {"alert": alert, "for": span, "until": until, "author": author, "reason": reason}
    answer = decide(path, of_asset(asset, "acknowledge"), fields)
    words = f"{asset}: {counted(len(answer['alerts']), 'alert')} acknowledged"
    tell(answer, words, as_json=as_json)
