"""``edge-gateway readings``: what was measured at an asset."""

import sys
import time
from pathlib import Path
from typing import Final

import click

from gateway.cli.moments import moment
from gateway.cli.tables import database, printer
from gateway.core.times import rfc3339
from gateway.store.reader import LIMIT, Reader

_PATH = click.Path(path_type=Path, dir_okay=False)
_COLUMNS: Final = ("at", "metric", "value", "unit", "reason")


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
    since_ms = moment(since, time.time_ns() // 1_000_000, "--since")
    with Reader.open(database(config, db)) as reader:
        found = reader.readings(asset, since_ms, metric, limit)
        bad_rows = reader.bad_rows
    rows = [(rfc3339(one.at_ms), one.metric, one.value, one.unit, one.reason) for one in found]
    printer(as_csv=as_csv, as_json=as_json)(_COLUMNS, rows)
    if bad_rows:
        print(f"{bad_rows} damaged rows were skipped", file=sys.stderr)
