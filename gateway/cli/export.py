"""``edge-gateway export``: stored readings of every device, for somebody outside of the site."""

import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.moments import moment
from gateway.cli.tables import printer
from gateway.cli.user_file import config_option
from gateway.core.counts import counted
from gateway.core.pseudonyms import Pseudonyms
from gateway.errors import ConfigError
from gateway.store.reader import Reader

COLUMNS: Final = ("at_ms", "source", "device", "asset", "metric", "value", "unit", "reason")
MOST: Final = 1_000_000
_QUERY: Final = f"SELECT {', '.join(COLUMNS)} FROM reading WHERE at_ms >= ? ORDER BY report"  # noqa: S608 - our own words


@click.command("export")
@click.option("--since", default="1d", show_default=True, help="2h, 7d, or RFC 3339.")
@click.option("--pseudonyms", is_flag=True, help="Even where the file does not ask for them.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object per line; default CSV.")
@click.option("--parquet", type=click.Path(path_type=Path), help="Write this file; [parquet].")
@click.option("--limit", default=MOST, show_default=True, type=click.IntRange(1), help="Rows.")
@config_option()
def command(
    since: str, limit: int, path: Path, parquet: Path | None, *, pseudonyms: bool, as_json: bool
) -> None:
    """Print readings with their sources, devices and assets, oldest first.

    As CSV, as lines of JSON, or into a Parquet file, where numbers and words have columns of their
    own.

    With `privacy.pseudonyms` these are keyed pseudonyms, and values that are text are left out: a
    device can say its name in them. Names of metrics stay.
    """
    from gateway import config
    from gateway.adapters.pseudonym_key import NAME, open_pseudonyms

    settings = config.load(path)
    names = None
    if pseudonyms or settings.privacy.pseudonyms:
        own = settings.store.path.with_name(NAME)
        names = open_pseudonyms(settings.privacy.key_file, own)
    since_ms = moment(since, time.time_ns() // 1_000_000, "--since")
    with Reader.open(settings.store.path) as reader:
        found = reader.query(_QUERY, (since_ms,), limit)
    told = found.rows if names is None else list(_hidden(found.rows, names))
    if parquet is None:
        printer(as_csv=not as_json, as_json=as_json)(COLUMNS, told)
    else:
        _write(parquet, told)
    if found.truncated:
        click.echo(
            f"there are more than {counted(limit, 'row')}: see --since and --limit", err=True
        )


def _hidden(rows: Sequence[tuple[Any, ...]], names: Pseudonyms) -> Iterator[tuple[object, ...]]:
    for row in rows:
        told = names.row(dict(zip(COLUMNS, row, strict=True)))
        if not isinstance(told["value"], str):
            yield tuple(told[name] for name in COLUMNS)


def _write(file: Path, rows: Sequence[Sequence[Any]]) -> None:
    """Write a Parquet file, whole or not at all.

    Raises:
        ConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise ConfigError("Parquet needs: pip install 'edge-gateway[parquet]'") from None
    value = COLUMNS.index("value")
    columns = dict(
        zip(COLUMNS, zip(*rows, strict=True) if rows else [()] * len(COLUMNS), strict=True)
    )
    values = [row[value] for row in rows]
    made = {
        name: pa.array(column, pa.timestamp("ms", "UTC") if name == "at_ms" else pa.string())
        for name, column in columns.items()
        if name != "value"
    }
    made["value"] = pa.array(
        [None if isinstance(one, str) else one for one in values], pa.float64()
    )
    made["text"] = pa.array([one if isinstance(one, str) else None for one in values], pa.string())
    draft = file.with_name(f".{file.name}.draft")
    pq.write_table(pa.table(made), draft, compression="zstd")
    draft.replace(file)
