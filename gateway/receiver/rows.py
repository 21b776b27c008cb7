"""What a row must be before it is stored: one that is not is refused with a reason, alone.

Kinds that nobody knows yet are taken: a gateway may be newer than its receiver. What is checked is
what the tables need (types, lengths, times), so that no row can keep its neighbours out.
"""

import json
import re
from collections.abc import Callable, Mapping
from math import isfinite
from typing import Any, Final

from gateway.core.batches import Row

MOST_TEXT: Final = 512
"""Letters of a name; an index entry of PostgreSQL holds no more than some 2,700 bytes."""
MOST_LINE: Final = 1024 * 1024
"""Bytes of one row."""
_LAST_MS: Final = 253_370_764_800_000
"""The year 9999: later times are none in most databases."""
_LARGEST: Final = 2**63
_KIND: Final = re.compile(r"[a-z][a-z0-9_]{0,63}")

_TEXTS: Final = ("asset", "source", "device", "metric", "unit", "reason")
_BUCKET: Final = ("low", "mean", "high")


def fault(row: object, seq: int, line: str) -> str:
    """Why the row at this place of its batch is not taken; empty when it is."""
    if not isinstance(row, dict):
        return "shape: a row is one JSON object in one line"
    wrong = _identity(row, seq) or _texts(row)
    if not wrong and "\\u" in line and not _is_text(row):
        wrong = "text: it has a zero byte or half a character"
    check = _KINDS.get(row["kind"]) if not wrong else None
    return wrong if check is None else check(row)


def _identity(row: Row, seq: int) -> str:
    kind = row.get("kind")
    if not isinstance(kind, str) or not _KIND.fullmatch(kind):
        return "kind: a word of small letters, digits and _"
    if type(row.get("seq")) is not int or row["seq"] != seq:
        return f"seq: at this place of the batch it is {seq}"
    return "" if _is_time(row.get("at_ms")) else "at_ms: milliseconds since 1970, as an integer"


def _texts(row: Row) -> str:
    for name in _TEXTS:
        text = row.get(name)
        if text is not None and (type(text) is not str or len(text) > MOST_TEXT):
            return f"{name}: a text of at most {MOST_TEXT} letters"
    return ""


def value_of(row: Row) -> float | None:
    """The number of a reading, if it is one: of a bucket its mean."""
    name = _VALUES.get(row["kind"])
    value = row.get(name) if name else None
    return float(value) if isinstance(value, int | float) else None


def _reading(row: Mapping[str, Any]) -> str:
    value = row.get("value", row)
    if not (value is None or type(value) in (str, bool) or _is_number(value)):
        return "value: a number, a text, true, false or null"
    if not row.get("metric"):
        return "metric: missing"
    received = row.get("received_at_ms")
    if received is not None and not _is_time(received):
        return "received_at_ms: milliseconds since 1970, as an integer"
    return "" if row.get("clock", 0) in _CLOCKS else "clock: 0, 1 or 2"


_CLOCKS: Final = (0, 1, 2, None)


def _bucket(row: Mapping[str, Any]) -> str:
    if not row.get("metric"):
        return "metric: missing"
    n = row.get("n")
    if type(n) is not int or not 0 < n < _LARGEST:
        return "n: how many readings, at least 1"
    wrong = [name for name in _BUCKET if not _is_number(row.get(name))]
    if row.get("last") is not None and not _is_number(row["last"]):
        wrong.append("last")
    return f"{wrong[0]}: a number" if wrong else ""


_BUCKETS: Final = ("reading_1m", "reading_1h")
_VALUES: Final = {"reading": "value", **dict.fromkeys(_BUCKETS, "mean")}
_KINDS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "reading": _reading,
    **dict.fromkeys(_BUCKETS, _bucket),
}


def _is_time(value: object) -> bool:
    return type(value) is int and 0 <= value < _LAST_MS


def _is_number(value: object) -> bool:
    """A number that a database has: JSON's have no bounds."""
    if type(value) is float:
        return isfinite(value)
    return type(value) is int and -_LARGEST <= value < _LARGEST


def _is_text(row: object) -> bool:
    """Neither a zero byte nor a lone surrogate anywhere: only an escape can bring one in."""
    text = json.dumps(row, ensure_ascii=False)
    return "\\u0000" not in text and not any("\ud800" <= letter <= "\udfff" for letter in text)
