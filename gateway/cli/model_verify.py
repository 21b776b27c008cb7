"""``edge-gateway model verify``: is a package good, and whose is it?"""

from pathlib import Path

import click

from gateway.models import signature
from gateway.models.package import verify


@click.command("verify")
@click.option(
    "--trust",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Public key that must have signed it.",
)
@click.option("--run", is_flag=True, help="Load it in a worker, too: its golden vectors must hold.")
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def command(package: Path, trust: Path | None, *, run: bool) -> None:
    """Check PACKAGE, a folder or a .tar; exits 1 with every problem when it is refused."""
    pem = signature.public_key(trust) if trust else ""
    found = verify(package, pem)
    manifest = found.manifest
    click.echo(f"{package}: good: {manifest.id} {manifest.version} {found.sha256[:12]}")
    said = (
        f"signed by {signature.fingerprint(pem)}" if pem else "signature not looked at: no --trust"
    )
    click.echo(said)
    if run:
        from gateway.adapters.worker import Worker

        worker = Worker()
        runtime = worker.start()
        try:
            worker.load("verify", package, pem)
        finally:
            worker.stop()
        click.echo(f"golden vectors reproduced by onnxruntime {runtime}")
