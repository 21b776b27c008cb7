"""The tale of a recipe: what the gateway publishes, as events in order, and the promises in it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gateway.demo.promises import Book
from gateway.demo.story import KEPT, Event


@dataclass(slots=True)
class Tale:
    """What was heard so far."""

    base: str
    book: Book
    online: bool = False
    sent: int = 0
    """Commands."""
    _labels: dict[str, object] = field(default_factory=dict)
    _states: dict[object, object] = field(default_factory=dict)
    """The newest state of each command."""

    def hear(self, topic: str, payload: bytes, site_s: float) -> Iterator[Event]:
        """Take one message of the gateway, at that time of the site."""
        match topic.removeprefix(f"{self.base}/").split("/"):
            case ["availability"]:
                self.online = self.online or payload == b"online"
                yield {"kind": "gateway", "state": payload.decode()}
            case ["asset", asset, "state"]:
                yield from self._state(asset, json.loads(payload))
            case ["asset", asset, ("decision" | "command") as kind]:
                document = {"asset": asset, **json.loads(payload)}
                yield from self._happened(kind, document, site_s)
            case ["response", name]:
                document = {"name": name, **json.loads(payload)}
                yield {"kind": "response", **_flat(document)}
                yield from self._kept("response", document, site_s)

    def _state(self, asset: str, document: Mapping[str, object]) -> Iterator[Event]:
        before = self._labels.get(asset)
        self._labels[asset] = document.get("label")
        if document.get("label") != before:
            kept = {key: document.get(key) for key in ("asset", "label", "score", "rung")}
            yield {"kind": "verdict", **kept, "before": before}

    def _happened(
        self, kind: str, document: Mapping[str, object], site_s: float
    ) -> Iterator[Event]:
        said, state = document.get("id"), document.get("state")
        if kind == "command":
            if self._states.get(said) == state:
                return
            self._states[said] = state
            self.sent += state == "sent"
        verdict = document.get("verdict")
        whole = {**document, **verdict} if isinstance(verdict, dict) else document
        # what a decision is about, not what was said of the asset at that moment
        whole = {**whole, "label": document.get("label", whole.get("label"))}
        yield {"kind": kind, **{key: whole[key] for key in KEPT[kind] if key in whole}}
        yield from self._kept(kind, document, site_s)

    def _kept(self, kind: str, document: Mapping[str, object], site_s: float) -> Iterator[Event]:
        for one in self.book.hear(kind, document, site_s):
            yield {"kind": "promise", "that": one.promise.that, "site_s": round(site_s)}


def _flat(document: Mapping[str, object]) -> Event:
    return {key: document.get(key) for key in ("name", "status", "error")}
