"""``edge-gateway fail-safe``: what the file says for the gateway's death; started by systemd."""

import sys
from pathlib import Path

import click


@click.command("fail-safe")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/edge-gateway/gateway.yaml"),
    show_default=True,
    help="The configuration file.",
)
@click.option("--now", is_flag=True, help="Do not wait until the gateway was dead for `on_death`.")
def command(path: Path, *, now: bool) -> None:
    """Give the safe commands of a gateway that is dead (`fail_safe: {on_death: ...}`).

    It waits as long as each asset says, and does nothing when the gateway is back meanwhile. Exit
    codes: 0 all is done, or there is nothing to do; 1 a command was refused or could not be sent.
    """
    from gateway import config
    from gateway.cli.fail_safe_watch import Watch

    settings = config.load(path)
    sys.exit(Watch(settings, now=now).run())
