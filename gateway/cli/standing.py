"""``edge-gateway standing``: what people decided that holds now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from gateway.cli.options import of_database
from gateway.cli.tables import database, printer
from gateway.core import interventions_told
from gateway.core.interventions import Intervention, resume
from gateway.daemon.clock import Clock, SystemClock
from gateway.daemon.pulse import alive
from gateway.store.reader import Reader

_COLUMNS: Final = ("asset", "kind", "value", "policy", "author", "reason", "since", "until")


@click.command("standing")
@of_database
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
def command(config: Path | None, db: Path | None, *, as_json: bool) -> None:
    """List what people decided that holds now, and until when.

    It reads the database, so it tells it while the gateway or its broker is down, too.
    """
    clock = SystemClock()
    with Reader.open(database(config, db)) as reader:
        end = None if as_json else "edge-gateway resume"
        rows = [_row(one, clock, end) for one in _held(reader, clock)]
    if rows or as_json:
        printer(as_csv=False, as_json=as_json)(_COLUMNS, rows)
    else:
        click.echo("nothing: it is as the file says")


def _held(reader: Reader, clock: Clock) -> list[Intervention]:
    """What is kept, on the clock of now; without what is over."""
    was = alive(next(_kept(reader, "daemon", "alive"), None))
    found = []
    for one in map(interventions_told.from_json, _kept(reader, "interventions")):
        passed_ms = clock.now_ms() - one.at_ms
        known = clock.ok() and one.clock_ok and passed_ms >= 0
        found.append(resume(one, clock.boot, clock.mono_ms(), was, passed_ms if known else None))
    return sorted((one for one in found if one is not None), key=lambda one: (one.asset, one.id))


def _kept(reader: Reader, room: str, key: str = "%") -> Iterator[str]:
    sql = "SELECT text FROM kept WHERE room = ? AND key LIKE ?"
    return (str(text) for (text,) in reader.query(sql, (room, key)).rows)


def _row(one: Intervention, clock: Clock, end: str | None) -> tuple[object, ...]:
    told = interventions_told.shown(one, clock.now_ms(), clock.mono_ms()) or {}
    return (
        *(one.asset or "gateway", one.kind.value, one.value, one.policy),
        *(one.author, one.reason, told["since"], told["until"] or end),
    )
