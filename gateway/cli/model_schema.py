"""``edge-gateway model schema``: the JSON Schema of a package's manifest."""

import json

import click

from gateway.models.manifest import SCHEMA_FILE


@click.command("schema")
@click.option("--markdown", is_flag=True, help="As a page for people (docs/manifest.md).")
def command(*, markdown: bool) -> None:
    """Print the JSON Schema of manifest.json, for editors and for programs that make packages."""
    text = SCHEMA_FILE.read_text("utf-8")
    if markdown:
        from gateway.cli.manifest_reference import reference

        text = reference(json.loads(text))
    click.echo(text, nl=False)
