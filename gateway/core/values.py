"""From what a device sent to a value of a metric: one gate for every number.

The order: the user's words, null words, number or number in a string (unit stripped, decimal
comma), finite, scale and offset, range. What fails is one bad reading with its reason.
"""

import re
from typing import Final

from gateway.core import units
from gateway.core.messages import Reason, Tree
from gateway.core.readings import Metric, MetricKind, Reading, Value

__all__ = ["MAX_TEXT", "NULL_WORDS", "coerce", "number", "units"]

MAX_TEXT: Final = 256
"""Characters of a text value; the rest is cut off."""
NULL_WORDS: Final = frozenset(
    ("", "-", "--", "null", "none", "nan", "-nan", "n/a", "unavailable", "unknown", "undefined")
)
"""What devices say, in any case, when they have no value."""

_MAX = 1.7976931348623157e308
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", re.ASCII)
_MAX_DIGITS = 400
_new = tuple.__new__  # a third of the time of NamedTuple's own, seven times per message
_OK = Reason.OK
_TYPE = Reason.TYPE
_STATE = MetricKind.STATE
_TEXT = MetricKind.TEXT
_WORDY = frozenset({MetricKind.STATE, MetricKind.TEXT, MetricKind.EVENT})


def coerce(metric: Metric, raw: Tree) -> Reading | None:
    """Make a reading of a raw value; None when the device says that it has no value.

    A value that is wrong keeps a form that can be stored: a number, or text of at most 256
    characters. A number is always finite.
    """
    if metric.words:
        known = metric.words.get(_word(raw))
        if known is not None:
            return _new(Reading, (metric, known, _OK))
    kind = type(raw)
    if kind is float or kind is int:
        return _gauge(metric, raw)  # type: ignore[arg-type]  # type() does not narrow
    if raw is None:
        return None
    if kind is str:
        return _text(metric, raw)  # type: ignore[arg-type]
    if kind is bool:
        return _bool(metric, raw)  # type: ignore[arg-type]
    return Reading(metric, _shape(raw), _TYPE)


def number(text: str, *, strip: str = "", decimal_comma: bool = False) -> float | None:
    """Read a number in a string; None when it is none.

    Python's float() alone would take ``1_000``, ``nan`` and digits of every script.
    """
    text = text.strip()
    if strip:
        text = text.removesuffix(strip).rstrip()
    if decimal_comma and "." not in text:
        text = text.replace(",", ".", 1)
    if len(text) > _MAX_DIGITS or not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if -_MAX <= value <= _MAX else None


def _gauge(metric: Metric, raw: float) -> Reading | None:
    if metric.missing_if and raw in metric.missing_if:
        return None
    if metric.kind is _TEXT:
        return Reading(metric, _digits(raw))
    if not -_MAX <= raw <= _MAX:  # an int may be longer than any float
        return Reading(metric, "not finite", _TYPE)
    value = raw * metric.scale + metric.offset
    low, high = metric.low, metric.high
    if (low is None or low <= value) and (high is None or value <= high) and -_MAX <= value <= _MAX:
        return _new(Reading, (metric, value, _OK))
    if not -_MAX <= value <= _MAX:
        return Reading(metric, "not finite", _TYPE)
    return Reading(metric, value, Reason.RANGE)


def _text(metric: Metric, raw: str) -> Reading | None:
    short = raw[: MAX_TEXT + 1]
    if short.strip().lower() in NULL_WORDS:
        return None
    if metric.kind not in _WORDY:
        value = number(raw, strip=metric.strip, decimal_comma=metric.decimal_comma)
        return Reading(metric, _cut(raw), _TYPE) if value is None else _gauge(metric, value)
    # A state whose words are declared knows no others.
    wrong = metric.words and metric.kind is _STATE
    return Reading(metric, _cut(raw), _TYPE if wrong else _OK)


def _bool(metric: Metric, raw: bool) -> Reading:  # noqa: FBT001 - it is the value
    if metric.kind is _TEXT:
        return Reading(metric, _word(raw))
    return Reading(metric, raw, _OK if metric.kind in _WORDY else _TYPE)


def _word(raw: Tree) -> str:
    """Write a raw scalar as a user writes it among the words of a metric."""
    if isinstance(raw, str):
        return raw.strip()
    if isinstance(raw, bool):
        return "true" if raw else "false"
    return _digits(raw) if isinstance(raw, int | float) else ""


def _digits(raw: Tree) -> str:
    if isinstance(raw, float):
        return f"{raw:.0f}" if raw.is_integer() and abs(raw) < 1e15 else repr(raw)  # noqa: PLR2004
    return str(raw) if isinstance(raw, int) and abs(raw) < 2**64 else "not finite"


def _shape(raw: Tree) -> Value:
    if isinstance(raw, dict | list):
        return f"{'object' if isinstance(raw, dict) else 'array'} of {len(raw)}"
    return repr(raw)[:MAX_TEXT]


def _cut(raw: str) -> str:
    return raw if len(raw) <= MAX_TEXT else raw[:MAX_TEXT]
