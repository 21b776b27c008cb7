"""Board: the newest of every document, and what has changed since somebody looked.

Nothing is queued for anybody: a page remembers the number of what it saw last, and is told the
newest of all that came after. So a slow reader costs a number, and misses nothing but what is over.
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from gateway.core.glances import RANKS, status

ASSETS, GATEWAY = "assets", "gateway"
"""Views: all assets at a glance, the gateway; ``asset/<id>``: one asset."""
FIRST: Final = 0
_GLANCE: Final = ("state", "availability", "alert")
_SHOWN: Final = (
    *("label", "score", "interval", "rung", "alert", "mode", "hold", "maintenance"),
    *("acknowledged", "mode_override", "ts"),
)


class Board:
    """Documents by view and key, as JSON texts."""

    def __init__(self, assets: Mapping[str, Any]) -> None:
        """``assets``: what the file says of each."""
        self._assets = assets
        self.seq = FIRST
        self._views: dict[str, dict[str, tuple[int, str]]] = {ASSETS: {}, GATEWAY: {}}
        self._documents: dict[str, dict[str, Any]] = {id_: {} for id_ in assets}
        self._views |= {f"asset/{id_}": {} for id_ in assets}
        self._frames: dict[tuple[str, int], str] = {}
        for id_ in assets:
            self._glance(id_)

    def knows(self, view: str) -> bool:
        """There is such a view."""
        return view in self._views

    def take(self, topic: str, text: str) -> None:
        """A document of a topic below the base; a bare word is one, too."""
        first, _, rest = topic.partition("/")
        if first != "asset":
            self._put(GATEWAY, topic, text)
            if topic in ("state", "problems"):
                self._put(ASSETS, topic, text)
            if topic == "info":
                self._models(text)
            if topic == "health":
                self._fleet(text)
            return
        id_, _, kind = rest.partition("/")
        if id_ not in self._assets:
            return
        self._put(f"asset/{id_}", kind, text)
        if kind == "maintenance":
            self._put(GATEWAY, topic, text)
        if kind in _GLANCE:
            self._documents[id_][kind] = json.loads(text)
            self._glance(id_)

    def _models(self, text: str) -> None:
        """What the models of an asset are, beside its state."""
        info = json.loads(text)
        known = info.get("models", {})
        for one in info.get("assets", ()):
            told = {name: known[name] for name in one["models"] if name in known}
            if one["asset"] in self._assets:
                self._put(f"asset/{one['asset']}", "models", json.dumps(told))

    def _fleet(self, text: str) -> None:
        """Who commands an asset, where there are several gateways."""
        for slot in json.loads(text).get("fleet", {}).get("slots", {}).values():
            told = json.dumps({"holder": slot["holder"], "role": slot["role"]})
            for id_ in self._assets.keys() & set(slot["assets"]):
                self._put(f"asset/{id_}", "fleet", told)

    def _glance(self, id_: str) -> None:
        told = glance(id_, self._assets[id_], self._documents[id_])
        self._put(ASSETS, f"asset/{id_}", json.dumps(told))

    def _put(self, view: str, key: str, text: str) -> None:
        entries = self._views[view]
        if key in entries and entries[key][1] == text:
            return
        self.seq += 1
        entries[key] = self.seq, text
        self._frames.clear()

    def frame(self, view: str, since: int) -> str:
        """What is newer than ``since``, as one JSON object; empty: nothing is."""
        known = self._frames.get((view, since))
        if known is None:
            newer = [
                f"{json.dumps(key)}:{text}"
                for key, (seq, text) in self._views[view].items()
                if seq > since
            ]
            known = "{" + ",".join(newer) + "}" if newer else ""
            if len(self._frames) < _MOST_FRAMES:
                self._frames[view, since] = known
        return known


_MOST_FRAMES: Final = 64
"""Pages that are up to date share one; those that lag are few."""


def glance(id_: str, about: Mapping[str, Any], documents: Mapping[str, Any]) -> dict[str, Any]:
    """One asset in a few words, with its rank: the lowest is the worst."""
    state: Mapping[str, Any] = documents.get("state", {})
    alert: Mapping[str, Any] = documents.get("alert", {})
    heard = documents.get("availability") != "offline"
    shown = {key: state.get(key) for key in _SHOWN}
    raised = alert.get("state") == "raised"
    return {
        "asset": id_,
        "name": about.get("name") or id_,
        **shown,
        "since": alert.get("since") if raised else None,
        "alert_label": alert.get("label") if raised else None,
        "heard": heard,
        "status": status(state, heard=heard),
        "rank": RANKS.index(status(state, heard=heard)),
    }
