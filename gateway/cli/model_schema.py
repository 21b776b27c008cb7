"""``edge-gateway model schema``: the JSON Schema of a package's manifest."""

import click

from gateway.models.manifest import SCHEMA_FILE


@click.command("schema")
def command() -> None:
    """Print the JSON Schema of manifest.json, for editors and for programs that make packages."""
    click.echo(SCHEMA_FILE.read_text("utf-8"), nl=False)
