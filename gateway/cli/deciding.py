"""What the commands of people have in common: who, why, for how long; the asking and the answer."""

import getpass
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.asking import ask
from gateway.cli.options import Command
from gateway.cli.tables import CONFIG


def login() -> str:
    """Who is logged in."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name
        return ""


def of_person(command: Command) -> Command:
    """Options of every command of people."""
    path = click.Path(path_type=Path)
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
        click.option("--config", "path", type=path, default=CONFIG, help="The gateway's file."),
        click.option("--author", default=login, help="Who decides it; default the login name."),
        click.option("--reason", default="", help="Why; it is recorded and shown."),
    ):
        command = option(command)
    return command


def timed(command: Command) -> Command:
    """Options of what ends by itself."""
    command = click.option("--until", metavar="TIME", help="Until then: 2026-01-31T18:00:00Z.")(
        command
    )
    return click.option("--for", "span", metavar="DURATION", help="For so long: 30m, 2h.")(command)


def of_asset(asset: str, name: str) -> str:
    """Where something of an asset is set.

    Raises:
        UsageError: no asset can be called so.
    """
    if not asset or set(asset) & set("/+#\0"):
        raise click.UsageError(f"no asset is called {asset!r}")
    return f"asset/{asset}/{name}"


def decide(path: Path, topic: str, fields: Mapping[str, object]) -> dict[str, Any]:
    """Ask on ``<topic>/set`` below the gateway's base; what is not given is left out.

    Raises:
        ConfigError: the user's file is wrong.
        BrokerError: no connection, no answer, or the gateway said no.
    """
    answer = ask(path, topic.rpartition("/")[2], given(fields), topic=f"{topic}/set")
    return dict(answer)


def given(fields: Mapping[str, object]) -> dict[str, object]:
    """Without what was not given."""
    return {name: value for name, value in fields.items() if value not in (None, "")}


def tell(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    """Print what was done."""
    if as_json:
        click.echo(json.dumps(answer, ensure_ascii=False))
        return
    if answer.get("changed") is False:
        words += ": it was so already"
    if answer.get("until"):
        words += f", until {answer['until']}"
    click.echo(words)
    if answer.get("recorded") is False:
        click.echo("it holds, but could not be recorded: the gateway's store refuses", err=True)
