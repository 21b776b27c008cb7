"""Learnt: the versions of models and how each stands, as the database keeps them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from gateway.core.versions import JUDGING, Lineage, Version
from gateway.store.reader import Reader

_LINEAGES = "SELECT key, text FROM kept WHERE room = 'versions' ORDER BY key"


def versions(database: Path) -> list[dict[str, Any]]:
    """Every known version of every model, of each model the newest change first."""
    with Reader.open(database) as reader:
        rows = reader.query(_LINEAGES).rows
    return [row for key, text in rows for row in _lineage(str(key), str(text))]


def _lineage(model: str, text: str) -> Iterator[dict[str, Any]]:
    lineage = Lineage.from_json(text, model)
    newest = sorted(lineage.versions, key=lambda one: one.since_ms, reverse=True)
    return (_version(lineage, one) for one in newest)


def _version(lineage: Lineage, one: Version) -> dict[str, Any]:
    seen = one.tally
    return {
        "model": lineage.model,
        "version": one.version,
        "hash": one.hash,
        "state": one.state.value,
        "judges": one.state in JUDGING,
        "previous": lineage.previous is one,
        "since_ms": one.since_ms,
        "why": one.why,
        "windows": seen.windows,
        "disagreement": round(seen.disagreement, 4),
        "alarm_rate": round(seen.alarm_rate, 4),
        "mean_ms": round(seen.mean_ms, 2),
    }
