"""``edge-gateway fail-safe``: what the file says for the gateway's death; started by systemd."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.user_file import config_option

if TYPE_CHECKING:
    from gateway.config.settings import Settings


@click.command("fail-safe")
@config_option()
@click.option("--now", is_flag=True, help="Do not wait until the gateway was dead for `on_death`.")
def command(path: Path, *, now: bool) -> None:
    """Give the safe commands of a gateway that is dead (`fail_safe: {on_death: ...}`).

    It waits as long as each asset says, and does nothing when the gateway is back meanwhile. Exit
    codes: 0 all is done, or there is nothing to do; 1 a command was refused or could not be sent.
    """
    from gateway.cli.fail_safe_watch import Watch

    settings = _settings(path)
    sys.exit(Watch(settings, now=now).run())


def _settings(path: Path) -> "Settings":
    """The file; where it is broken the one that the gateway ran with before it was."""
    from gateway import config
    from gateway.config import lastgood
    from gateway.errors import ConfigError

    try:
        return config.load(path)
    except ConfigError as error:
        kept = lastgood.fallback(path, str(error))
        if kept is None:
            raise
        click.echo(f"{error}\nso it is done as the last good file says", err=True)
        return kept
