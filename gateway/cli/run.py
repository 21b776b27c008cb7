"""``edge-gateway run``: the daemon."""

from pathlib import Path

import click

from gateway.cli.user_file import config_option


@click.command("run")
@config_option()
@click.option(
    "--safe-mode/--no-safe-mode",
    default=True,
    show_default=True,
    help="With a broken file, run with the last good one and command nothing.",
)
def command(path: Path, *, safe_mode: bool) -> None:
    """Run the gateway until it is told to stop; SIGHUP loads the file again."""
    from gateway.config import apart

    reading = apart.Reading(path, fall_back=safe_mode)
    from gateway.adapters import logs
    from gateway.daemon import process
    from gateway.updates import starting

    settings = starting.settings(reading)
    resource = process.resource(settings)
    logs.configure(settings.log.format, settings.log.level, resource, lasting=True)
    with starting.watched(settings):
        process.run(settings)
