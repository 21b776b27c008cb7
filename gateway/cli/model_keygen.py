"""``edge-gateway model keygen``: a pair of keys to sign packages with."""

from pathlib import Path

import click

from gateway.models import signature


@click.command("keygen")
@click.argument("name", type=click.Path(path_type=Path))
def command(name: Path) -> None:
    """Make the secret key NAME.key and the public key NAME.pub.

    The secret one stays where packages are made; gateways get the public one (models.trust).
    """
    secret, public = (name.with_name(name.name + ending) for ending in (".key", ".pub"))
    keys = signature.generate()
    try:
        signature.write(keys, secret, public)
    except OSError as error:
        raise click.ClickException(f"{error.filename or name}: {error.strerror}") from error
    click.echo(f"secret {secret}: signs packages; keep it off the gateways")
    click.echo(f"public {public}: {signature.fingerprint(keys.public.decode())}")
