"""``edge-gateway config``: the file's schema, its reference, and what a file comes to."""

import json
from pathlib import Path

import click

from gateway.cli import config_migrate
from gateway.cli.user_file import file_argument


@click.group("config")
def command() -> None:
    """About the configuration file."""


command.add_command(config_migrate.command)


@command.command("schema")
def schema() -> None:
    """Print the JSON Schema, for editors."""
    from gateway.config import editors

    click.echo(editors.text(), nl=False)


@command.command("reference")
def reference() -> None:
    """Print the reference of every key, as Markdown (docs/configuration.md)."""
    from gateway.config.reference import reference as page

    click.echo(page(), nl=False)


@command.command("show")
@click.option("--json", "as_json", is_flag=True, help="JSON instead of YAML.")
@click.option("--origin", is_flag=True, help="Each value on a line, with where it comes from.")
@file_argument
def show(file: Path, *, as_json: bool, origin: bool) -> None:
    """Print what FILE comes to, defaults filled in, secrets masked."""
    if origin:
        _origins(file, as_json=as_json)
        return
    import yaml

    from gateway.config import loader
    from gateway.config.show import effective
    from gateway.config.tree import hidden

    local, doc = loader.load_document(file)
    tree = effective(loader.completed(local, doc), hidden(doc.root))
    if as_json:
        click.echo(json.dumps(tree, indent=2, ensure_ascii=False))
    else:
        click.echo(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True), nl=False)


def _origins(file: Path, *, as_json: bool) -> None:
    from gateway.config import origins

    found = origins.values(file)
    if as_json:
        told = [
            {"key": one.key, "value": one.text, "origin": one.origin._asdict()} for one in found
        ]
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
        return
    wide = min(max(len(f"{one.key}: {one.text}") for one in found), 72)
    for one in found:
        click.echo(f"{f'{one.key}: {one.text}':{wide}}  # {one.origin}")
