"""``edge-gateway alert``: does what the file's ``alerts`` name reach somebody?"""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.user_file import config_option
from gateway.errors import ConfigError


@click.command("alert")
@config_option()
@click.option("--test", is_flag=True, help="Send a test message to every address.")
def command(path: Path, *, test: bool) -> None:
    """Show who is told of alerts; with --test, tell them that this is a test.

    Exits 1 when an address was not reached. The running gateway is not needed.
    """
    lines = list(_told(path, test=test))
    for _, line in lines:
        click.echo(line)
    if not all(ok for ok, _ in lines):
        sys.exit(1)


def _told(path: Path, *, test: bool) -> Iterator[tuple[bool, str]]:
    """Whether each address is well, and what to say of it.

    Raises:
        ConfigError: the file is wrong, or names nobody.
    """
    from gateway import config
    from gateway.adapters.alert_child import addresses
    from gateway.adapters.alerts import Parcel, deliver

    settings = config.load(path)
    if not settings.alerts:
        raise ConfigError(f"{path} has no alerts: nobody is told")
    for route in settings.alerts:
        about = f"{route.name} ({', '.join(sorted(route.when))})"
        try:
            count = len(addresses(Path(route.to_file)))
        except OSError as error:
            yield False, f"{about}: {route.to_file}: {error.strerror}"
            continue
        if not count:
            yield False, f"{about}: {route.to_file} holds no address"
        for line in range(count):
            title = f"{settings.gateway_name}: a test"
            body = f"A test of edge-gateway: {about} reaches you."
            why = deliver(Parcel("", route.to_file, line, title, body)) if test else ""
            said = why or ("sent" if test else "not tried: --test sends a message")
            yield not why, f"{about}: address {line + 1} of {route.to_file}: {said}"
