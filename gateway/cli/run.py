"""``edge-gateway run``: the daemon."""

from pathlib import Path

import click


@click.command("run")
@click.option(
    "--config",
    "path",
    type=click.Path(path_type=Path),
    default=Path("/etc/edge-gateway/gateway.yaml"),
    show_default=True,
    help="The configuration file.",
)
def command(path: Path) -> None:
    """Run the gateway until it is told to stop; SIGHUP loads the file again."""
    from gateway.config import apart

    reading = apart.Reading(path)
    from gateway.adapters import logs
    from gateway.daemon import process
    from gateway.updates import starting

    settings = starting.settings(reading)
    logs.configure(settings.log.format, settings.log.level)
    with starting.watched(settings):
        process.run(settings)
