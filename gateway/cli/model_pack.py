"""``edge-gateway model pack``: a package's folder as one file."""

from pathlib import Path

import click

from gateway.models import archive
from gateway.models.files import MANIFEST
from gateway.models.package import unpack
from gateway.models.signature import SIGNATURE


@click.command("pack")
@click.argument("folder", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(dir_okay=False, path_type=Path))
def command(folder: Path, out: Path) -> None:
    """Check the package in FOLDER and write it to OUT, a .tar.

    The same package gives the same bytes, wherever and whenever it is packed.
    """
    package, contents = unpack(folder)
    box = archive.opened(folder)
    beside: dict[str, bytes] = {
        name: box.read(name) for name in (MANIFEST, SIGNATURE) if name in box.names()
    }
    try:
        archive.pack({**contents, **beside}, out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from error
    manifest = package.manifest
    click.echo(f"{out}: {manifest.id} {manifest.version}, {out.stat().st_size} bytes")
