"""``edge-gateway demo``: a pump wears out, the gateway sees it, stops it and proves it."""

import json
import signal
import sys
from pathlib import Path
from typing import Literal

import click

from gateway.demo import screen
from gateway.demo.plant_only import stand
from gateway.demo.run import Options, play
from gateway.demo.story import Event

INTERRUPTED = 130


@click.command("demo")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    show_default="60",
    help="End after so many seconds at the latest; with --plant-only: never by itself.",
)
@click.option(
    "--speed",
    type=click.FloatRange(min=0.1, max=10),
    default=1.0,
    show_default=True,
    help="Plant seconds per second: wear and reports go faster, the gateway does not.",
)
@click.option("--seed", default=7, show_default=True, help="Another plant.")
@click.option(
    "--broker",
    type=click.Choice(["auto", "mosquitto", "amqtt"]),
    default="auto",
    show_default=True,
    help="auto: mosquitto where it is installed, else amqtt.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event, summary last.")
@click.option("--plant-only", is_flag=True, help="The broker and the devices alone, until Ctrl-C.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    help="Keep configuration, database and log in this folder.",
)
def command(
    duration: float | None,
    speed: float,
    seed: int,
    broker: Literal["auto", "mosquitto", "amqtt"],
    as_json: bool,
    keep: Path | None,
    *,
    plant_only: bool,
) -> None:
    """Run the whole job on a simulated plant, in about a minute.

    A broker, a plant behind the topics of three bridges, and the real gateway as a real process.
    Exits with 0 only if a command was decided, sent and proved. With --plant-only there is no
    gateway: yours may listen there (edge-gateway init --broker 127.0.0.1:PORT).
    """
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    options = Options(duration or 60.0, speed, keep, seed, broker)
    say = _say_json if as_json else _say
    try:
        if plant_only:
            stand(options, say, until_s=duration)
            return
        summary = play(options, say)
    except KeyboardInterrupt:
        click.echo("interrupted: everything is stopped", err=True)
        sys.exit(INTERRUPTED)
    if not summary["ok"]:
        _say_log(summary.pop("log"))
    say(summary)
    sys.exit(0 if summary["ok"] else 1)


def _say_json(event: Event) -> None:
    click.echo(json.dumps(_rounded(event)))


def _say(event: Event) -> None:
    line = screen.line(event, colours=sys.stdout.isatty())
    if line:
        click.echo(line)


def _say_log(lines: object) -> None:
    assert isinstance(lines, list)  # noqa: S101
    click.echo("the end of the gateway's log:", err=True)
    for line in lines:
        click.echo(f"  {line}", err=True)


def _rounded(event: Event) -> Event:
    """Times to the millisecond; the rest as it is."""
    return {
        key: round(value, 3) if isinstance(value, float) else value for key, value in event.items()
    }
