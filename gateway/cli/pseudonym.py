"""``edge-gateway pseudonym``: the pseudonym of a name, or the name of a pseudonym."""

import sys
from pathlib import Path

import click

from gateway.cli.user_file import config_option


@click.command("pseudonym")
@click.argument("name")
@config_option()
def command(name: str, path: Path) -> None:
    """Look up NAME: an asset, a device as <source>/<device>, or a pseudonym of one.

    Exits 1 when the file and the database know nothing of that name.
    """
    from gateway import config
    from gateway.adapters.pseudonym_key import NAME, open_pseudonyms
    from gateway.daemon.roll import mapped
    from gateway.store.reader import Reader

    settings = config.load(path)
    own = settings.store.path.with_name(NAME)
    pseudonyms = open_pseudonyms(settings.privacy.key_file, own)
    names = {("asset", asset) for asset in settings.assets}
    names |= {("source", source) for source in settings.sources}
    names |= {
        ("device", f"{source}/{device}")
        for source, devices in mapped(settings).items()
        for device in devices
    }
    if settings.store.path.exists():
        with Reader.open(settings.store.path) as reader:
            rows = reader.query("SELECT DISTINCT source || '/' || device FROM series", ()).rows
        names |= {("device", str(one)) for (one,) in rows}
    found = pseudonyms.find(name, sorted(names))
    for kind, known in found:
        click.echo(f"{kind} {known}  {pseudonyms.of(kind, known)}")
    if not found:
        click.echo(f"nothing here is called {name!r}", err=True)
        sys.exit(1)
