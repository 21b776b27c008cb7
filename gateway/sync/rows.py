"""Rows: what records, alerts and health are sent as."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from gateway.core import audit
from gateway.core.audit import Entry
from gateway.core.batches import Lane, Row
from gateway.core.choices import Choice, Kind, RowKind, row_kinds
from gateway.core.pseudonyms import Pseudonyms
from gateway.store.outgoing import Checkpoint, Queued
from gateway.store.packing import plain
from gateway.sync import rows_hidden


class Rows:
    """What of the events of one database one cloud is sent."""

    def __init__(self, choice: Choice, names: Pseudonyms | None) -> None:
        self._choice = choice
        self._pseudonyms = names
        self._known: frozenset[str] | None = None
        self._names: rows_hidden.Names | None = None
        self.kinds = row_kinds(choice, Lane.EVENTS)
        self._proof = Kind.AUDIT in choice.kinds and not choice.assets and names is None
        """Whoever has every record as it is can verify the chain."""

    def know(self, names: Callable[[], Iterable[str]]) -> None:
        """Take the names of the site, where they are to be hidden."""
        if self._pseudonyms is not None and (known := frozenset(names())) != self._known:
            self._known = known
            self._names = rows_hidden.Names(self._pseudonyms, known)

    def record(self, entry: Entry) -> Row | None:
        """A record of the audit chain; None when it is not sent."""
        if entry.kind not in self.kinds:
            return None
        body = _tree(entry.body)
        asset = str(body.get("asset") or "")
        if entry.kind != audit.Kind.CLOCK and not self._choice.takes_asset(asset):
            return None
        row: dict[str, Any] = {
            "kind": entry.kind,
            "asset": asset,
            "at_ms": entry.at_ms,
            "clock": entry.clock,
            "audit_seq": entry.seq,
            "subject": entry.subject,
            "body": body,
        }
        if self._proof:
            row |= {"boot": entry.boot, "mono_ms": entry.mono_ms, "hash": entry.hash.hex()}
        return self._hidden(row)

    def checkpoint(self, made: Checkpoint) -> Row:
        """A signed word about the end of the chain; it names the gateway and nothing else."""
        return {
            "kind": RowKind.CHECKPOINT.value,
            "at_ms": made.at_ms,
            "audit_seq": made.seq,
            "body": _tree(made.document),
        }

    def queued(self, one: Queued) -> Row | None:
        """An alert, or how the gateway is; None when it is not sent."""
        if one.asset and not self._choice.takes_asset(one.asset):
            return None
        body = _tree(one.body)
        row = {
            "kind": one.kind,
            "asset": one.asset,
            "at_ms": one.at_ms,
            "clock": one.clock,
            "body": body,
        }
        if one.kind == RowKind.HEALTH:
            narrow = self._choice.assets or self._pseudonyms is not None
            return row | {"body": rows_hidden.health(body)} if narrow else row
        if self._choice.assets and not one.asset:  # its text can name any device
            return row | {"body": {"kind": body.get("kind")}}
        return self._hidden(row)

    def gap(self, after: int, last: int, at_ms: int) -> Row:
        """Records that were dropped before they were sent."""
        return gap("audit", after, last, at_ms)

    def _hidden(self, row: dict[str, Any]) -> Row:
        if self._pseudonyms is None:
            return row
        names = self._names or rows_hidden.Names(self._pseudonyms, ())
        kind, asset = str(row["kind"]), str(row["asset"])
        hidden = row | {"asset": names.pseudonyms.asset(asset)}
        if "subject" in row:
            hidden["subject"] = rows_hidden.subject(names, kind, row["subject"])
        hidden["body"] = rows_hidden.body(names, kind, row["body"])
        return hidden


def gap(table: str, after: int, last: int, at_ms: int) -> dict[str, Any]:
    """Rows behind one, up to another, that are gone."""
    return {
        "kind": RowKind.GAP.value,
        "at_ms": at_ms,
        "from_position": f"{table}:{after}",
        "to_position": f"{table}:{last}",
        "rows": last - after,
    }


def _tree(text: str) -> dict[str, Any]:
    """A body as it was stored; of a damaged one nothing."""
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(tree, dict):
        return {}
    return _sound(tree) if "\\ud" in text.lower() else tree


def _sound(tree: Any) -> Any:
    """The same without half surrogates, which most databases refuse: as their escapes."""
    if isinstance(tree, dict):
        return {plain(name): _sound(one) for name, one in tree.items()}
    if isinstance(tree, list):
        return [_sound(one) for one in tree]
    return plain(tree) if isinstance(tree, str) else tree
