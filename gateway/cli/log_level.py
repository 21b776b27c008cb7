"""``edge-gateway log-level``: what the running gateway writes to its log, for a time."""

import json
from pathlib import Path

import click

from gateway.cli.asking import ask
from gateway.cli.deciding import given, of_person

LEVELS = ("debug", "info", "warning", "error", "file")


@click.command("log-level")
@click.argument("level", required=False, type=click.Choice(LEVELS))
@click.option(
    "--for", "span", metavar="DURATION", help="For so long, at most 7d: 30m, 2h; default 1h."
)
@of_person
def command(
    level: str | None, span: str | None, reason: str, author: str, path: Path, *, as_json: bool
) -> None:
    """Write at LEVEL and above, until the time is over; file: as the file says, at once.

    Without LEVEL, say what holds. After a restart it is the file's again. The change is recorded
    in the audit chain.
    """
    if level is None and span:
        raise click.UsageError("--for goes with a LEVEL")
    fields: dict[str, object] = {}
    if level is not None:
        fields = given({"level": level, "for": span, "author": author, "reason": reason})
    answer = ask(path, "log-level", fields)
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    until = answer["until"]
    click.echo(f"{answer['level']}, until {until}" if until else f"{answer['level']}, as the file")
