"""The story of the demo: what the gateway publishes and what the plant does, as events in order.

Pure: it hears messages with their times and says events. An event is a flat JSON object with
``kind`` and ``at_s`` (seconds since the start); the last one, ``summary``, holds the verdict.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from gateway.demo.plant import WEARING, Pump

Event = dict[str, object]

KEPT: Mapping[str, tuple[str, ...]] = {
    "decision": (
        "asset",
        "event",
        "label",
        "votes",
        "rung",
        "score",
        "level",
        "model_version",
        "action",
        "mode",
        "policy",
        "refused",
        "id",
    ),
    "command": (
        "asset",
        "state",
        "action",
        "device",
        "set",
        "reason",
        "evidence",
        "decision",
        "id",
    ),
    "alert": ("asset", "state", "label", "since", "decision"),
}


@dataclass(slots=True)
class Story:
    """What has been seen so far. The times are None until it happened."""

    base: ClassVar[str] = "edge/demo"

    online_at_s: float | None = None
    wear_at_s: float | None = None
    decided_at_s: float | None = None
    sent_at_s: float | None = None
    proved_at_s: float | None = None
    alert_at_s: float | None = None
    cut_at_s: float | None = None
    """When the plant itself, not a message about it, showed a pump without power."""
    stopped_at_s: float | None = None
    """When it stood still."""
    wear_at_decision: float | None = None
    evidence: str = ""
    wrong: list[str] = field(default_factory=list)
    """What must not happen, and did."""
    health: Mapping[str, object] = field(default_factory=dict)
    commands: dict[object, object] = field(default_factory=dict)
    """The newest state of each command."""
    verdicts: dict[str, Mapping[str, object]] = field(default_factory=dict)
    """The newest state document of each asset."""

    @property
    def told_at_s(self) -> float | None:
        """When everything that makes the story had happened; None while something is missing."""
        scenes = [self.proved_at_s, self.alert_at_s, self.stopped_at_s]
        done = [at_s for at_s in scenes if at_s is not None]
        return max(done) if len(done) == len(scenes) else None

    def hear(self, topic: str, payload: bytes, at_s: float) -> Iterator[Event]:
        """Take one message of the gateway."""
        level = topic.removeprefix(f"{self.base}/").split("/")
        match level:
            case ["availability"]:
                yield from self._available(payload.decode(), at_s)
            case ["health"]:
                yield from self._health(json.loads(payload), at_s)
            case ["asset", asset, "state"]:
                yield from self._state(asset, json.loads(payload), at_s)
            case ["asset", asset, ("decision" | "command" | "alert") as kind]:
                yield from self._happened(kind, {"asset": asset, **json.loads(payload)}, at_s)

    def watch(self, pump: Pump, at_s: float) -> Iterator[Event]:
        """Look at the wearing pump itself, not at messages about it."""
        row, seen = pump.row, {"kind": "plant", "at_s": at_s, "asset": pump.id}
        if row.wear > 0 and self.wear_at_s is None:
            self.wear_at_s = at_s
            yield seen | {"event": "wear_began"}
        if self.decided_at_s is not None and self.wear_at_decision is None:
            self.wear_at_decision = round(row.wear, 3)
        if not pump.on and row.power == 0 and self.cut_at_s is None:
            self.cut_at_s = at_s
        if not pump.on and row.flow == 0 and self.stopped_at_s is None:
            self.stopped_at_s = at_s
            truth = {"wear": round(row.wear, 3), "temperature": round(row.temperature, 1)}
            yield seen | {"event": "stopped"} | truth

    def pulse(self, pumps: Iterable[Pump], at_s: float) -> Iterator[Event]:
        """How pumps are, by their sensors and by the gateway."""
        for pump in pumps:
            row, verdict = pump.row, self.verdicts.get(pump.id, {})
            said = {key: verdict.get(key) for key in ("label", "rung")}
            sensors = {
                "power": round(row.power, 1),
                "flow": round(row.flow, 1),
                "temperature": round(row.temperature, 1),
                "vibration": round(row.vibration, 2),
            }
            yield {"kind": "pump", "at_s": at_s, "asset": pump.id, **said, **sensors}

    def summary(self, at_s: float) -> Event:
        """What was shown; ``ok`` if a command was decided, sent and proved, and none wrongly."""
        why = self.shortcomings()
        return {
            "kind": "summary",
            "at_s": at_s,
            "ok": not why,
            "why": "; ".join(why),
            "decided": self.decided_at_s is not None,
            "sent": self.sent_at_s is not None,
            "proved": self.proved_at_s is not None,
            "decided_at_s": self.decided_at_s,
            "sent_at_s": self.sent_at_s,
            "proved_at_s": self.proved_at_s,
            "evidence": self.evidence,
            "wear_at_decision": self.wear_at_decision,
            "rule_would_have_fired_at_s": None,
            "wear_at_rule": None,
        }

    def shortcomings(self) -> list[str]:
        """Why the demo has not shown what it must; empty when it has."""
        missing = {
            "the gateway never came online": self.online_at_s,
            "nothing was decided": self.decided_at_s,
            "no command was sent": self.sent_at_s,
            "no command was proved": self.proved_at_s,
            "the pump still has power": self.cut_at_s,
        }
        return [text for text, at_s in missing.items() if at_s is None] + self.wrong

    def _available(self, state: str, at_s: float) -> Iterator[Event]:
        if state == "online" and self.online_at_s is None:
            self.online_at_s = at_s
        yield {"kind": "gateway", "at_s": at_s, "state": state}

    def _health(self, document: Mapping[str, object], at_s: float) -> Iterator[Event]:
        before, self.health = self.health.get("state"), document
        if document.get("state") != before:
            kept = {key: document.get(key) for key in ("state", "problems")}
            yield {"kind": "health", "at_s": at_s, **kept}

    def _state(self, asset: str, document: Mapping[str, object], at_s: float) -> Iterator[Event]:
        before = self.verdicts.get(asset, {}).get("label")
        self.verdicts[asset] = document
        if document.get("label") != before:
            kept = {key: document.get(key) for key in ("asset", "label", "score", "rung")}
            yield {"kind": "verdict", "at_s": at_s, **kept, "before": before}

    def _happened(self, kind: str, document: Mapping[str, object], at_s: float) -> Iterator[Event]:
        """A decision, a command with a new state, or an alert."""
        self._note(kind, document, at_s)
        said, state = document.get("id"), document.get("state")
        news = state != "clear" and not (kind == "command" and self.commands.get(said) == state)
        if kind == "command":
            self.commands[said] = state
        verdict = document.get("verdict")
        whole = {**document, **verdict} if isinstance(verdict, dict) else document
        if news:
            kept = {key: whole[key] for key in KEPT[kind] if key in whole}
            yield {"kind": kind, "at_s": at_s, **kept}

    def _note(self, kind: str, document: Mapping[str, object], at_s: float) -> None:
        """Remember what the summary needs; an order to a healthy pump is a wrong one."""
        asset, state = document["asset"], document.get("state")
        ours = asset == WEARING and self.wear_at_s is not None
        if kind == "command" and state == "sent" and not ours:
            self.wrong.append(f"a healthy pump was stopped: {asset} at {at_s:.1f} s")
        if not ours:
            return
        if kind == "alert" and state == "raised":
            self.alert_at_s = self.alert_at_s or at_s
        if kind == "decision" and document.get("event") == "raised":
            self.decided_at_s = self.decided_at_s or at_s
        if kind == "command" and state == "sent":
            self.sent_at_s = self.sent_at_s or at_s
        if kind == "command" and state == "confirmed":
            self._confirmed(str(document.get("evidence")), at_s)
        if kind == "command" and state in {"failed", "timeout", "expired", "refused"}:
            self.wrong.append(f"a command {state}: {document.get('reason')}")

    def _confirmed(self, evidence: str, at_s: float) -> None:
        """Only an independent metric is proof; the bridge's own word is not."""
        self.evidence = evidence
        if evidence.startswith("proof"):
            self.proved_at_s = self.proved_at_s or at_s
        else:
            self.wrong.append(f"a command was confirmed without proof: {evidence}")
