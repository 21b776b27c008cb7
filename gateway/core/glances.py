"""Glances: one word for an asset, and how the words rank, the worst first."""

from collections.abc import Mapping
from typing import Any, Final

RANKS: Final = ("alert", "seen", "watch", "silent", "unknown", "normal")
"""From the worst: raised; raised and acknowledged; a label that is not calm; nothing heard."""
_CALM: Final = frozenset({"normal", "idle", "ok", "healthy"})


def status(state: Mapping[str, Any], *, heard: bool) -> str:
    """One word for an asset, of its ``state`` document."""
    if state.get("alert"):
        return "seen" if state.get("acknowledged") else "alert"
    label = state.get("label", "unknown")
    if not heard:
        return "silent"
    if label == "unknown":
        return "unknown"
    return "normal" if label in _CALM else "watch"


def worst_first(states: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The assets of ``state`` documents that were heard, the worst first, then by name."""
    return sorted(states, key=lambda id_: (RANKS.index(status(states[id_], heard=True)), id_))
