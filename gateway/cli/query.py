"""``edge-gateway query``: ask the database in SQL; it can only be read."""

import sys
from pathlib import Path

import click

from gateway.cli.options import of_database
from gateway.cli.tables import database, printer
from gateway.store.reader import LIMIT, Reader


@click.command("query")
@click.argument("sql")
@of_database
@click.option("--csv", "as_csv", is_flag=True, help="Print CSV.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line.")
@click.option("--limit", default=LIMIT, show_default=True, type=click.IntRange(1), help="Rows.")
def command(
    sql: str, config: Path | None, db: Path | None, as_csv: bool, as_json: bool, limit: int
) -> None:
    """Run one SQL statement that reads.

    The view "reading" shows readings one by one; "decision", "command" and "verdict" hold what the
    gateway thought and did. Times in columns named ..._at_ms are UTC epoch milliseconds.

    Example: edge-gateway query "SELECT key, value FROM reading ORDER BY at_ms DESC LIMIT 10"
    """
    with Reader.open(database(config, db)) as reader:
        table = reader.query(sql, limit=limit)
    printer(as_csv=as_csv, as_json=as_json)(table.columns, table.rows)
    if table.truncated:
        print(f"stopped after {limit} rows; --limit gives more", file=sys.stderr)
