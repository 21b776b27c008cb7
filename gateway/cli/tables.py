"""How rows are printed: a table for people, CSV and JSON for programs."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from gateway.core.times import rfc3339

_WIDEST: Final = 60
_YEAR_9999_MS: Final = 253_370_764_800_000

Rows = Sequence[Sequence[object]]
Printer = Callable[[Sequence[str], Rows], None]


def printer(*, as_csv: bool, as_json: bool) -> Printer:
    """The printer that the options ask for."""
    return _print_csv if as_csv else _print_json if as_json else print_table


def print_table(columns: Sequence[str], rows: Rows) -> None:
    """Columns under their names; columns of epoch milliseconds are shown as times."""
    times = [name == "at_ms" or name.endswith("_at_ms") for name in columns]
    shown = [
        [_cell(value, time=time) for value, time in zip(row, times, strict=True)] for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(columns, *shown, strict=True)]
    numbers = [_numeric(column) for column in zip(*rows, strict=True)] or [False] * len(columns)
    for line in ([*columns], ["-" * width for width in widths], *shown):
        cells = zip(line, widths, numbers, strict=True)
        text = (cell.rjust(width) if number else cell.ljust(width) for cell, width, number in cells)
        print("  ".join(text).rstrip())


def _print_csv(columns: Sequence[str], rows: Rows) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_plain(value) for value in row] for row in rows)


def _print_json(columns: Sequence[str], rows: Rows) -> None:
    """One object per line."""
    for row in rows:
        document = {
            name: value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value
            for name, value in zip(columns, row, strict=True)
        }
        print(json.dumps(document, ensure_ascii=False))


def _plain(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else value


def _cell(value: object, *, time: bool) -> str:
    if value is None:
        return "-"
    if time and type(value) is int and 0 <= value < _YEAR_9999_MS:
        return rfc3339(value)
    text = repr(value) if isinstance(value, float) else str(_plain(value))
    text = "".join(letter if letter.isprintable() else "�" for letter in text)
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _numeric(column: Iterable[object]) -> bool:
    return all(type(value) in (int, float) for value in column)
