"""Policy: from verdicts to decisions, with hysteresis, interlocks and limits.

A rule is *clear* or *raised*. It is raised when ``hits`` of the last ``of`` verdicts carry its
label, and cleared when ``clear_hits`` of the last ``clear_of`` do not. An unknown verdict (no rung
answered) votes for neither. When it is raised its action is due once; while a limit forbids it, it
stays due and is tried again with each further hit.

The class is deterministic: the same verdicts at the same times make the same decisions.
"""

import json
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from gateway.core.assets import Asset, PolicyRule
from gateway.core.rules import View, evaluate
from gateway.core.verdicts import Decision, Mode, Verdict

Permit = Callable[[str], str]
"""Action -> the limit that forbids it now; empty when none does."""


@dataclass(slots=True)
class _Memory:
    """What a rule remembers between verdicts."""

    votes: deque[bool]
    raised: bool = False
    due: bool = False
    """Its action has not been permitted yet since it was raised."""
    refused: str = ""
    """The last limit that refused it, so that a refusal is decided once, not with each hit."""
    acted_at_ms: int | None = None
    acted_mono_ms: int | None = None
    boot: str = ""
    since_ms: int | None = None


@dataclass(slots=True)
class Policy:
    """The policy rules of one asset."""

    asset: Asset
    boot: str
    new_id: Callable[[], str]
    _memory: dict[str, _Memory] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    """Flags set on the asset now, e.g. ``maintenance``."""
    _permit: Permit = lambda _action: ""

    def __post_init__(self) -> None:
        """Give every rule an empty memory."""
        for rule in self.asset.policy:
            depth = max(rule.of, rule.clear_of)
            self._memory.setdefault(rule.name, _Memory(deque(maxlen=depth)))

    def decide(
        self, verdict: Verdict, view: View, permit: Permit = lambda _action: ""
    ) -> Iterator[Decision]:
        """Decisions that this verdict makes; none while nothing changes.

        ``permit`` says what forbids an action outside this asset's own rules; empty: nothing.
        """
        self._permit = permit
        for rule in self.asset.policy:
            memory = self._memory[rule.name]
            hit = verdict.label == rule.when
            memory.votes.append(hit)
            decision = self._turn(rule, memory, verdict, view, hit=hit)
            if decision is not None:
                yield decision

    def raised(self) -> tuple[str, int] | None:
        """(label, since_ms) of the first raised rule; None when all are clear."""
        for rule in self.asset.policy:
            memory = self._memory[rule.name]
            if memory.raised:
                return rule.when, memory.since_ms or 0
        return None

    def _turn(
        self, rule: PolicyRule, memory: _Memory, verdict: Verdict, view: View, *, hit: bool
    ) -> Decision | None:
        if not memory.raised:
            hits = sum(_last(memory.votes, rule.of))
            if hits < rule.hits:
                return None
            memory.raised, memory.since_ms = True, verdict.at_ms
            memory.due, memory.refused = bool(rule.action), ""
            return self._attempt(rule, memory, verdict, view, "raised")
        recent = _last(memory.votes, rule.clear_of)
        if len(recent) == rule.clear_of and recent.count(False) >= rule.clear_hits:
            memory.raised, memory.due, memory.since_ms = False, False, None
            memory.votes.clear()
            return self._decision(rule, memory, verdict, "cleared", action="")
        if hit and memory.due:
            return self._attempt(rule, memory, verdict, view, "repeated")
        return None

    def _attempt(
        self, rule: PolicyRule, memory: _Memory, verdict: Verdict, view: View, event: str
    ) -> Decision | None:
        refused = self._refusal(rule, memory, verdict, view) if rule.action else ""
        if refused and event == "repeated" and refused == memory.refused:
            return None
        memory.refused = refused
        if rule.action and not refused:
            memory.due = False
            memory.acted_at_ms, memory.acted_mono_ms = verdict.at_ms, verdict.mono_ms
            memory.boot = self.boot
        return self._decision(rule, memory, verdict, event, action=rule.action, refused=refused)

    def _refusal(self, rule: PolicyRule, memory: _Memory, verdict: Verdict, view: View) -> str:
        """The first limit that forbids the rule's action now; empty when none does."""
        for flag in rule.flags:
            if flag in self.flags:
                return f"flag {flag}"
        for lock in rule.unless:
            if evaluate(lock, view) is not False:
                return f"unless {lock.text}"
        for lock in rule.only_if:
            if evaluate(lock, view) is not True:
                return f"only_if {lock.text}"
        if rule.min_interval_ms and self._since_acted(memory, verdict) < rule.min_interval_ms:
            return "min_interval"
        return self._permit(rule.action) if rule.mode is Mode.ACT else ""

    def _since_acted(self, memory: _Memory, verdict: Verdict) -> float:
        """Milliseconds since the rule last acted: by the monotonic clock within one boot."""
        if memory.acted_mono_ms is None or memory.acted_at_ms is None:
            return float("inf")
        if memory.boot == self.boot:
            return verdict.mono_ms - memory.acted_mono_ms
        # Another boot: a wall clock that went back must not open the limit early.
        return max(0, verdict.at_ms - memory.acted_at_ms)

    def _decision(
        self,
        rule: PolicyRule,
        memory: _Memory,
        verdict: Verdict,
        event: str,
        *,
        action: str,
        refused: str = "",
    ) -> Decision:
        votes = _last(memory.votes, rule.of)
        return Decision(
            id=self.new_id(),
            asset=self.asset.id,
            policy=rule.name,
            event=event,
            mode=rule.mode,
            action=action,
            verdict=verdict,
            refused=refused,
            votes=f"{sum(votes)} of {rule.of}" if event != "cleared" else "",
        )

    def to_json(self) -> str:
        """What must survive a restart."""
        return json.dumps(
            {
                name: {
                    "votes": [int(vote) for vote in memory.votes],
                    "raised": memory.raised,
                    "due": memory.due,
                    "refused": memory.refused,
                    "acted_at_ms": memory.acted_at_ms,
                    "acted_mono_ms": memory.acted_mono_ms,
                    "boot": memory.boot,
                    "since_ms": memory.since_ms,
                }
                for name, memory in self._memory.items()
            }
        )

    def restore(self, text: str) -> None:
        """Take up what ``to_json`` wrote; rules the file no longer has are forgotten."""
        for name, saved in json.loads(text).items():
            memory = self._memory.get(name)
            if memory is None:
                continue
            memory.votes.extend(bool(vote) for vote in saved.pop("votes"))
            for key, value in saved.items():
                setattr(memory, key, value)


def fail_safe_decision(asset: Asset, verdict: Verdict, new_id: str) -> Decision:
    """What is done when no rung has answered for longer than the file allows."""
    mode, action = (
        (asset.fail_safe.mode, asset.fail_safe.action) if asset.fail_safe else (Mode.SHADOW, "")
    )
    return Decision(
        id=new_id,
        asset=asset.id,
        policy=f"{asset.id}/fail_safe",
        event="fail_safe",
        mode=mode,
        action=action,
        verdict=verdict,
    )


def _last(votes: Sequence[bool], count: int) -> list[bool]:
    return list(votes)[-count:]
