"""What was sent before this start: the commands that limits count, in running time."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from gateway.core.assets import Asset
from gateway.core.commands import TERMINAL, State
from gateway.core.guards import Deed
from gateway.core.ledger import KEPT_MS, Use
from gateway.store.reader import Reader

_SENT: Final = """
SELECT c.id, c.asset, c.action, c.set_json, c.state,
       b.base_ms + c.sent_mono_ms - b.first_mono_ms AS running_ms,
       row_number() OVER (PARTITION BY c.asset, c.action ORDER BY c.rowid DESC) AS newest
FROM command c LEFT JOIN boot b ON b.id = c.boot WHERE c.sent_mono_ms IS NOT NULL"""
_QUERY: Final = f"""SELECT * FROM ({_SENT})
WHERE running_ms IS NULL OR running_ms > ? OR newest = 1
ORDER BY newest = 1 DESC, running_ms DESC"""  # noqa: S608 - our own words only
"""Of every action the newest, and all of the last day, newest first."""
_BOOT: Final = "SELECT base_ms, first_mono_ms FROM boot WHERE name = ?"
ROWS: Final = 100_000
"""More than the gateway sends in a day."""


class History(NamedTuple):
    """What was sent, and how long the gateway has run."""

    running_ms: int
    uses: tuple[Use, ...]


def history(
    reader: Reader, boot: str, mono_ms: int, assets: Mapping[str, Asset], *, lost: bool = False
) -> History:
    """The commands that were, or may have been, sent, oldest first.

    One whose time cannot be told was sent now. When a command ended is not known on this axis: now,
    so that only evidence of this process is newer.

    Args:
        reader: the database.
        boot: this boot's id, which the database knows by now.
        mono_ms: now, on its monotonic clock.
        assets: what the file lists.
        lost: the database begins anew after damage: every action may have been done just now.
    """
    boots: list[tuple[Any, ...]] = reader.query(_BOOT, (boot,)).rows
    running_ms = int(boots[0][0]) + mono_ms - int(boots[0][1])
    known = tuple(_uses(reader, running_ms, assets))
    return History(running_ms, (*known, *(_supposed(running_ms, assets) if lost else ())))


def _supposed(running_ms: int, assets: Mapping[str, Asset]) -> Iterator[Use]:
    for asset in assets.values():
        for action in asset.actions:
            deed = Deed(asset.id, action)
            yield Use("lost", deed, running_ms, sent=True, ended_ms=running_ms)


def _uses(reader: Reader, running_ms: int, assets: Mapping[str, Asset]) -> Iterator[Use]:
    rows: list[tuple[Any, ...]] = reader.query(_QUERY, (running_ms - KEPT_MS,), limit=ROWS).rows
    for id_, asset, action, said, state, at_ms, _ in reversed(rows):
        deed = Deed(asset, action)
        yield Use(
            command=id_,
            deed=deed,
            at_ms=running_ms if at_ms is None else min(at_ms, running_ms),
            value=_value(assets, deed, json.loads(said)),
            sent=True,
            ended_ms=running_ms if State(state) in TERMINAL else None,
        )


def _value(assets: Mapping[str, Asset], deed: Deed, said: Mapping[str, object]) -> float | None:
    asset = assets.get(deed.asset)
    action = None if asset is None else asset.actions.get(deed.action)
    told = said.get(action.value.property) if action is not None and action.value else None
    return float(told) if isinstance(told, int | float) else None
