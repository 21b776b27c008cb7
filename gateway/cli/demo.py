"""``edge-gateway demo``: a pump wears out, the gateway sees it, stops it and proves it."""

import json
import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Literal

import click

from gateway.demo import recipe, rehearsal, screen, tempo
from gateway.demo.plant_only import stand
from gateway.demo.run import Options, play
from gateway.demo.story import Event

INTERRUPTED = 130


@click.command("demo")
@click.option(
    "--duration",
    type=click.FloatRange(min=0, min_open=True),
    show_default="60",
    help="End after so many seconds at the latest; with --plant-only: never by itself; a recipe has"
    " its own length.",
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
@click.option("--web", is_flag=True, help="With the page; it lasts all of --duration.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per event, summary last.")
@click.option("--plant-only", is_flag=True, help="The broker and the devices alone, until Ctrl-C.")
@click.option("--recipe", "name", metavar="NAME", help="Play a recipe instead: see --list.")
@click.option(
    "--list",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=lambda context, _, given: _list(context) if given else None,
    help="Name the recipes.",
)
@click.option("--print-config", is_flag=True, help="Print the recipe's configuration, to keep.")
@click.option(
    "--write",
    type=click.Path(file_okay=False, path_type=Path),
    help="Write the recipe's gateway.yaml and cases.yaml into this folder, to start from.",
)
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
    name: str | None,
    write: Path | None,
    *,
    web: bool,
    plant_only: bool,
    print_config: bool,
) -> None:
    """Run the whole job on a simulated plant, in about a minute.

    A broker, a plant behind the topics of three bridges, and the real gateway as a real process.
    Exits with 0 only if a command was decided, sent and proved. With --plant-only there is no
    gateway: yours may listen there (edge-gateway init --broker 127.0.0.1:PORT).

    With --recipe it is another site, with the configuration that the recipe is about, and the exit
    code is 0 only if all came as the recipe promises (docs/recipes.md).
    """
    chosen = _chosen(name, lonely=plant_only, printed=print_config, folder=write)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.default_int_handler)
    options = Options(duration or 60.0, speed, keep, seed, broker, web=web)
    say = _say_json if as_json else _say
    try:
        if plant_only:
            stand(options, say, until_s=duration)
            return
        if chosen is not None:
            summary = rehearsal.play(chosen, _of_recipe(options, duration), say)
        else:
            summary = play(options, say)
    except KeyboardInterrupt:
        click.echo("interrupted: everything is stopped", err=True)
        sys.exit(INTERRUPTED)
    if not summary["ok"]:
        _say_log(summary.pop("log"))
    say(summary)
    sys.exit(0 if summary["ok"] else 1)


def _list(context: click.Context) -> None:
    """Print every recipe and what it is, and end."""
    for name in recipe.names():
        click.echo(f"{name:<16} {recipe.read(name).title}")
    context.exit()


def _chosen(
    name: str | None, *, lonely: bool, printed: bool, folder: Path | None
) -> recipe.Recipe | None:
    """The recipe that was asked for; where its files are what is wanted, they are all.

    Raises:
        UsageError: there is none of that name, or the options do not go together.
        ConfigError: the folder has such files already.
    """
    if name is None:
        if printed or folder:
            raise click.UsageError("--print-config and --write need --recipe NAME")
        return None
    if lonely:
        raise click.UsageError("--plant-only is for the plant of the demo itself")
    if name not in recipe.names():
        raise click.UsageError(f"no recipe {name!r}; there are {', '.join(recipe.names())}")
    found = recipe.read(name)
    if printed:
        click.echo(tempo.placed(found.config.read_text("utf-8"), recipe.PACKAGES), nl=False)
    if folder:
        for file in tempo.give(found.folder, folder, recipe.PACKAGES):
            click.echo(f"written: {file}", err=printed)
    if printed or folder:
        click.get_current_context().exit()
    return found


def _of_recipe(options: Options, duration_s: float | None) -> Options:
    """A recipe ends by itself."""
    return replace(options, duration_s=duration_s or float("inf"))


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
