"""``edge-gateway readings``: what was measured at an asset."""

import sys
import time
from pathlib import Path
from typing import Final

import click

from gateway.cli.moments import moment
from gateway.cli.options import of_database
from gateway.cli.tables import database, printer
from gateway.core.sparklines import sparkline
from gateway.core.times import rfc3339
from gateway.store.batch import StoredSignal
from gateway.store.reader import LIMIT, Reader

_COLUMNS: Final = ("at", "metric", "value", "unit", "reason")
_OF_BLOCKS: Final = ("at", "metric", "n", "rate_hz", "rms", "peak", "unit", "reason", "samples")
PLOTTED: Final = 512
"""Samples at the beginning of a block that its plot shows."""


@click.command("readings")
@click.argument("asset")
@click.option("--metric", help="Only this one.")
@click.option("--since", default="1h", show_default=True, help="30s, 15m, 2h, 7d, or RFC 3339.")
@click.option("--samples", is_flag=True, help="Blocks of signals; with --json every sample.")
@of_database
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--limit", default=LIMIT, show_default=True, type=click.IntRange(1), help="Rows.")
def command(
    asset: str,
    metric: str | None,
    since: str,
    samples: bool,
    config: Path | None,
    db: Path | None,
    as_csv: bool,
    as_json: bool,
    limit: int,
) -> None:
    """Print the readings of ASSET, oldest first; of a signal its rms, or with --samples blocks."""
    since_ms = moment(since, time.time_ns() // 1_000_000, "--since")
    with Reader.open(database(config, db)) as reader:
        if samples:
            blocks = reader.signals(asset, since_ms, metric, limit)
            rows = [_block(one, whole=as_json) for one in blocks]
        else:
            found = reader.readings(asset, since_ms, metric, limit)
            rows = [(rfc3339(o.at_ms), o.metric, o.value, o.unit, o.reason) for o in found]
        bad_rows = reader.bad_rows
    printer(as_csv=as_csv, as_json=as_json)(_OF_BLOCKS if samples else _COLUMNS, rows)
    if bad_rows:
        print(f"{bad_rows} damaged rows were skipped", file=sys.stderr)


def _block(one: StoredSignal, *, whole: bool) -> tuple[object, ...]:
    """One row: what a block is, with every sample or as a small plot of its beginning."""
    signal, reading = one.signal, one.reading
    rms, peak = (float(f"{value:.6g}") for value in (signal.rms, signal.peak))
    shown = signal.samples.tolist() if whole else sparkline(signal.samples[:PLOTTED])
    head = (rfc3339(reading.at_ms), one.metric, len(signal.samples), signal.rate_hz)
    return (*head, rms, peak, one.unit, reading.reason, shown)
