"""``edge-gateway model rollback``: let the previous version judge again."""

from pathlib import Path

import click

from gateway.cli.asking import ask
from gateway.cli.model_versions import show
from gateway.cli.user_file import config_option


@click.command("rollback")
@config_option()
@click.option("--json", "as_json", is_flag=True, help="For programs: everything, as JSON.")
@click.argument("name")
def command(path: Path, name: str, *, as_json: bool) -> None:
    """Let the version of model NAME that judged before the active one judge again."""
    show([ask(path, "model", {"op": "rollback", "model": name})], as_json=as_json)
