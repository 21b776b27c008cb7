"""``edge-gateway model sign``: sign a package."""

from pathlib import Path

import click

from gateway.models import archive, signature
from gateway.models.files import MANIFEST
from gateway.models.package import unpack


@click.command("sign")
@click.option(
    "--key",
    required=True,
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The secret key, which only its owner may read.",
)
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def command(package: Path, key: Path) -> None:
    """Write PACKAGE's manifest.sig, into its folder or its .tar, after checking the package."""
    _, contents = unpack(package)
    box = archive.opened(package)
    manifest = box.read(MANIFEST)
    signed = signature.sign(manifest, key)
    try:
        if isinstance(box, archive.Archive):
            whole = {**contents, MANIFEST: manifest, signature.SIGNATURE: signed}
            archive.pack(whole, package)
        else:
            (package / signature.SIGNATURE).write_bytes(signed)
    except OSError as error:
        raise click.ClickException(f"{package}: {error.strerror}") from error
    click.echo(f"{package}: signed")
