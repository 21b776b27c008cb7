"""``edge-gateway model versions``: which version of each model judges, and how the others stand."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from gateway.cli.asking import ask
from gateway.cli.tables import print_table
from gateway.cli.user_file import config_option

COLUMNS = ("model", "version", "state", "windows", "disagree", "alarms", "mean_ms", "hash", "why")


@click.command("versions")
@config_option()
@click.option("--json", "as_json", is_flag=True, help="For programs: everything, as JSON.")
def command(path: Path, *, as_json: bool) -> None:
    """Ask the running gateway how the versions of its models stand."""
    show(ask(path, "model", {"op": "versions"})["models"], as_json=as_json)


def show(models: Iterable[Mapping[str, Any]], *, as_json: bool) -> None:
    """Print the tables of some models."""
    if as_json:
        click.echo(json.dumps(list(models), indent=2))
        return
    rows = [_row(str(each["model"]), one) for each in models for one in each["versions"]]
    print_table(COLUMNS, rows)


def _row(model: str, one: Mapping[str, Any]) -> tuple[object, ...]:
    windows = f"{one['windows']} of {one['of']}" if one["of"] else one["windows"]
    state = f"{one['state']} (previous)" if one["previous"] else one["state"]
    shares = (f"{one['disagreement']:.1%}", f"{one['alarm_rate']:.1%}")
    figures = (*shares, one["mean_ms"]) if one["windows"] else ("", "", "")
    return (model, one["version"], state, windows, *figures, one["hash"][:12], one["why"] or "")
