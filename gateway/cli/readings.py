"""``edge-gateway readings``: what was measured at an asset."""

import re
import sys
import time
from pathlib import Path
from typing import Final

import click

from gateway.cli.tables import database, printer
from gateway.core.times import parse, rfc3339
from gateway.store.reader import LIMIT, Reader

_PATH = click.Path(path_type=Path, dir_okay=False)
_COLUMNS: Final = ("at", "metric", "value", "unit", "reason")
_UNITS_MS: Final = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


@click.command("readings")
@click.argument("asset")
@click.option("--metric", help="Only this one.")
@click.option("--since", default="1h", show_default=True, help="30s, 15m, 2h, 7d, or RFC 3339.")
@click.option("--config", type=_PATH, help="The user's file, for the database's place.")
@click.option("--db", type=_PATH, help="The database itself.")
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--limit", default=LIMIT, show_default=True, type=click.IntRange(1), help="Rows.")
def command(
    asset: str,
    metric: str | None,
    since: str,
    config: Path | None,
    db: Path | None,
    as_csv: bool,
    as_json: bool,
    limit: int,
) -> None:
    """Print the readings of ASSET, oldest first."""
    since_ms = _since(since, time.time_ns() // 1_000_000)
    with Reader.open(database(config, db)) as reader:
        found = reader.readings(asset, since_ms, metric, limit)
        bad_rows = reader.bad_rows
    rows = [(rfc3339(one.at_ms), one.metric, one.value, one.unit, one.reason) for one in found]
    printer(as_csv=as_csv, as_json=as_json)(_COLUMNS, rows)
    if bad_rows:
        print(f"{bad_rows} damaged rows were skipped", file=sys.stderr)


def _since(text: str, now_ms: int) -> int:
    span = re.fullmatch(r"(\d{1,9})([smhd])", text)
    if span is not None:
        return now_ms - int(span[1]) * _UNITS_MS[span[2]]
    at_ms = parse(text, "iso8601")
    if at_ms is None:
        raise click.BadParameter(
            f"{text!r} is neither a span like 15m, 2h, 7d nor a time like 2026-11-21T12:00:00Z",
            param_hint="--since",
        )
    return at_ms
