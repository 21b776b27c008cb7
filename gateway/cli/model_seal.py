"""``edge-gateway model seal``: makes a package whole whose files were changed."""

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.trials import tried
from gateway.errors import PackageError
from gateway.models.files import MANIFEST
from gateway.models.seal import seal
from gateway.models.signature import SIGNATURE


@click.command("seal")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def command(folder: Path) -> None:
    """Write the hashes of the files in FOLDER into its manifest, after some were changed.

    The package is checked and loaded once, where its golden vectors must hold; what is refused is
    left as it was. A signature was over the manifest before, and goes: sign it again.
    """
    manifest, signature = folder / MANIFEST, folder / SIGNATURE
    before = manifest.read_bytes() if manifest.exists() else None
    signed = signature.read_bytes() if signature.exists() else None
    document = _document(before)
    try:
        package = seal(folder, document)
        with tried(folder):
            click.echo(f"{folder}: {package.manifest.id} {package.manifest.version}, sealed")
    except BaseException:
        manifest.write_bytes(before or b"")
        if signed is not None:
            signature.write_bytes(signed)
        raise
    if signed is not None:
        click.echo(f"its signature is gone: edge-gateway model sign {folder} --key NAME.key")


def _document(text: bytes | None) -> dict[str, Any]:
    """The manifest without its files."""
    if text is None:
        raise PackageError(f"there is no {MANIFEST}: edge-gateway model new makes one")
    try:
        tree = json.loads(text)
    except ValueError as error:
        raise PackageError(f"{MANIFEST}: not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise PackageError(f"{MANIFEST}: not an object")
    return {key: value for key, value in tree.items() if key != "files"}
