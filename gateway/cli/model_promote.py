"""``edge-gateway model promote``: let the candidate judge from now on."""

from pathlib import Path

import click

from gateway.cli.asking import ask
from gateway.cli.model_versions import show
from gateway.cli.user_file import config_option


@click.command("promote")
@config_option()
@click.option("--force", is_flag=True, help="Before its trial in shadow is over, too.")
@click.option("--json", "as_json", is_flag=True, help="For programs: everything, as JSON.")
@click.argument("name")
def command(path: Path, name: str, *, force: bool, as_json: bool) -> None:
    """Let the candidate of model NAME judge, on probation; the old version stays at hand."""
    fields: dict[str, object] = {"op": "promote", "model": name, "force": force}
    show([ask(path, "model", fields)], as_json=as_json)
