"""History: what the page reads from the database, in short reads, each with a bound.

A long open read would keep the writer's WAL from starting over; so readings are fetched in pieces
of time from the newest back, and after ``SPENT_S`` what was found is shown, and said to be cut.
"""

import json
import time
from pathlib import Path
from typing import Any, Final

from gateway.core.readings import Value
from gateway.errors import StoreError
from gateway.store.reader import Reader

SPENT_S: Final = 2.0
PIECE_MS: Final = 300_000
MOST: Final = 20_000
"""Readings of one answer."""
POINTS: Final = 400
"""Of a curve; where there are more, each stands for the lowest and the highest of a time."""
ENOUGH: Final = 100
"""Readings that tell between what most of them lie."""
PAYLOAD: Final = 2_000
"""Bytes of a reject's payload."""

Row = dict[str, Any]
Curve = list[tuple[int, float]]

_DECISIONS: Final = (
    "SELECT id, at_ms, policy, event, mode, action, refused, votes,"
    " json_extract(verdict, '$.label') AS label, json_extract(verdict, '$.score') AS score,"
    " json_extract(verdict, '$.rung') AS rung, explanation"
    " FROM decision WHERE asset = ? ORDER BY rowid DESC LIMIT ?"
)
_COMMANDS: Final = (
    "SELECT id, decision_id, action, source, device, set_json, state, reason, evidence, attempt,"
    " created_at_ms, sent_at_ms, ended_at_ms FROM command WHERE asset = ?"
    " ORDER BY rowid DESC LIMIT ?"
)
_VERDICTS: Final = (
    "SELECT at_ms, rung, label, score, level, interval, model_version FROM"
    " (SELECT * FROM verdict ORDER BY id DESC LIMIT 50000)"
    " WHERE asset = ? AND at_ms >= ? ORDER BY id DESC LIMIT ?"
)
_CHANGES: Final = (
    "SELECT at_ms, rung, label, score FROM (SELECT id, at_ms, rung, label, score,"
    " lag(label) OVER (ORDER BY id) AS before FROM (SELECT id, at_ms, rung, label, score"
    " FROM (SELECT * FROM verdict ORDER BY id DESC LIMIT 50000) WHERE asset = ?"
    " ORDER BY id DESC LIMIT 5000)) WHERE label IS NOT before ORDER BY id DESC LIMIT ?"
)
_REJECTS: Final = (
    "SELECT received_at_ms AS at_ms, source, topic, reason, detail, payload FROM reject"
    " ORDER BY id DESC LIMIT ?"
)


def trends(database: Path, asset: str, since_ms: int, until_ms: int) -> Row:
    """The curves of an asset's metrics and of its score."""
    end_s = time.monotonic() + SPENT_S
    with Reader.open(database) as reader:
        found: dict[str, Curve] = {}
        count, from_ms = 0, until_ms
        while from_ms > since_ms and count < MOST and time.monotonic() < end_s:
            upto_ms, from_ms = from_ms, max(since_ms, from_ms - PIECE_MS)
            count += _piece(reader, asset, (from_ms, upto_ms - 1), found)
        verdicts = _rows(reader, _VERDICTS, (asset, since_ms, MOST))[::-1]
    scores = [(one["at_ms"], one["score"]) for one in verdicts if one["score"] is not None]
    return {
        "from_ms": from_ms,
        "until_ms": until_ms,
        "cut": from_ms > since_ms,
        "metrics": {name: thinned(curve[::-1]) for name, curve in sorted(found.items())},
        "mostly": {name: band for name, curve in found.items() if (band := mostly(curve))},
        "score": thinned(scores),
        "level": next((one["level"] for one in verdicts[::-1] if one["level"] is not None), None),
        "verdicts": verdicts[-100:][::-1],
    }


def _piece(reader: Reader, asset: str, span: tuple[int, int], found: dict[str, Curve]) -> int:
    """Readings of a piece of time, the newest first."""
    try:
        readings = reader.readings(asset, span[0], limit=MOST, until_ms=span[1])
    except StoreError:  # nothing was ever stored of it
        return MOST
    for one in reversed(readings):
        if one.reason in ("", "ok") and (number := _number(one.value)) is not None:
            found.setdefault(one.metric, []).append((one.at_ms, number))
    return len(readings)


def _number(value: Value | None) -> float | None:
    return float(value) if isinstance(value, bool | int | float) else None


def thinned(curve: Curve) -> Curve:
    """At most about ``POINTS`` of a curve, its peaks among them."""
    if len(curve) <= POINTS:
        return curve
    size = -(-2 * len(curve) // POINTS)
    groups = (curve[at : at + size] for at in range(0, len(curve), size))
    ends = [{min(one, key=_value), max(one, key=_value)} for one in groups]
    return [point for both in ends for point in sorted(both)]


def mostly(curve: Curve) -> tuple[float, float] | None:
    """Between what nine in ten readings lie; None of few."""
    if len(curve) < ENOUGH:
        return None
    values, least = sorted(map(_value, curve)), len(curve) // 20
    return values[least], values[-1 - least]


def _value(point: tuple[int, float]) -> float:
    return point[1]


def timeline(database: Path, asset: str, limit: int = 40) -> Row:
    """What was judged otherwise than before, decided and commanded, the newest first."""
    with Reader.open(database) as reader:
        decisions = _rows(reader, _DECISIONS, (asset, limit))
        commands = _rows(reader, _COMMANDS, (asset, 2 * limit))
        verdicts = _rows(reader, _CHANGES, (asset, limit))
    for one in decisions:
        one["explanation"] = json.loads(one["explanation"] or "null")
        one["commands"] = [each for each in commands if each["decision_id"] == one["id"]]
    return {"decisions": decisions, "verdicts": verdicts}


def rejects(database: Path, limit: int = 30) -> list[Row]:
    """The newest messages that could not be taken, with the beginning of their payload."""
    with Reader.open(database) as reader:
        rows = _rows(reader, _REJECTS, (limit,))
    for one in rows:
        payload = bytes(one["payload"])
        one["bytes"] = len(payload)
        one["payload"] = payload[:PAYLOAD].decode("utf-8", "backslashreplace")
    return rows


def _rows(reader: Reader, sql: str, params: tuple[object, ...]) -> list[Row]:
    table = reader.query(sql, params)
    return [dict(zip(table.columns, row, strict=True)) for row in table.rows]
