"""Policy: from verdicts to decisions, with hysteresis, interlocks and limits.

A rule is *clear* or *raised*. It is raised when ``hits`` of the last ``of`` verdicts carry its
label, and cleared when ``clear_hits`` of the last ``clear_of`` do not. An unknown verdict (no rung
answered) votes for neither. When it is raised its action is due once; while a limit forbids it, it
stays due and is tried again with each further hit. People may let a rule do less or more than the
file says for a while: an action that was only advised is due again once its rule may act.

The class is deterministic: the same verdicts at the same times make the same decisions.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from gateway.core.assets import Asset, PolicyRule
from gateway.core.interventions import Standing, higher
from gateway.core.policy_memory import ELSEWHERE, Memory, advisers, last, locked
from gateway.core.rules import View
from gateway.core.verdicts import Decision, Mode, Verdict

Permit = Callable[[str, float | None], str]
"""Action and its value -> the limit that forbids it now; empty when none does."""


def _permitted(_action: str, _value: float | None) -> str:
    return ""


class Alert(NamedTuple):
    """One rule that is raised now."""

    id: str
    """The decision that raised it."""
    label: str
    since_ms: int


@dataclass(slots=True)
class Policy:
    """The policy rules of one asset."""

    asset: Asset
    new_id: Callable[[], str]
    _memory: dict[str, Memory] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    """Flags set on the asset beside those that people set, e.g. ``maintenance``."""
    standing: Standing = field(default_factory=Standing)
    """What people decided that holds now."""
    shift_ms: int = 0
    """From the monotonic clock to running time, which goes on over boots."""
    lost: bool = False
    """An alert is over because the file no longer has its rule."""
    permit: Permit = _permitted
    """What forbids an action outside this asset's own rules."""
    _advisers: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Give every rule an empty memory."""
        for rule in self.asset.policy:
            self._memory.setdefault(rule.name, Memory.of(rule))
        self._advisers = advisers(self.asset)

    def decide(
        self, verdict: Verdict, view: View, permit: Permit = _permitted
    ) -> Iterator[Decision]:
        """Decisions that this verdict makes; none while nothing changes.

        ``permit`` says what forbids an action outside this asset's own rules; empty: nothing.
        """
        self.permit = permit
        for rule in self.asset.policy:
            memory = self._memory[rule.name]
            hit = verdict.label == rule.when
            memory.vote(hit=hit, advises=verdict.rung in self._advisers)
            decision = self._turn(rule, memory, verdict, view, hit=hit)
            if decision is not None:
                yield decision

    def remembered(self) -> Iterator[tuple[PolicyRule, Memory]]:
        """Each rule, and what it remembers."""
        return ((rule, self._memory[rule.name]) for rule in self.asset.policy)

    def raised(self) -> tuple[str, int] | None:
        """(label, since_ms) of the first raised rule; None when all are clear."""
        for rule, memory in self.remembered():
            if memory.raised:
                return rule.when, memory.since_ms or 0
        return None

    def alerts(self) -> list[Alert]:
        """Every rule that is raised now, and that somebody was told of."""
        return [
            Alert(memory.alert, rule.when, memory.since_ms or 0)
            for rule, memory in self.remembered()
            if memory.raised and memory.told != Mode.SHADOW
        ]

    def alert_of(self, rule: str) -> str:
        """The decision that raised a rule; empty while it is clear."""
        memory = self._memory.get(rule)
        return memory.alert if memory is not None and memory.raised else ""

    def mode(self, mono_ms: int) -> Mode | None:
        """The most that any rule may do now; None without rules."""
        most: Mode | None = None
        for rule in self.asset.policy:
            mode = self._mode(rule, mono_ms)
            most = mode if most is None or higher(mode, most) else most
        return most

    def _mode(self, rule: PolicyRule, mono_ms: int) -> Mode:
        return self.standing.mode(self.asset.id, rule.name, rule.mode, mono_ms)

    def _turn(
        self, rule: PolicyRule, memory: Memory, verdict: Verdict, view: View, *, hit: bool
    ) -> Decision | None:
        if not memory.raised:
            hits = sum(last(memory.votes, rule.of))
            if hits < rule.hits:
                if memory.elsewhere_ms is not None and self.asset.id not in self.standing.muted:
                    memory.calm(rule)  # while it is muted, who commands it says what is over
                return None
            memory.raised, memory.since_ms, memory.due = True, verdict.at_ms, bool(rule.action)
            memory.due = memory.due and not memory.elsewhere(verdict.mono_ms + self.shift_ms)
            memory.refused = memory.mode = memory.told = ""
            return self.attempt(rule, memory, verdict, view, "raised")
        recent = last(memory.votes, rule.clear_of)
        if len(recent) == rule.clear_of and recent.count(False) >= rule.clear_hits:
            memory.raised, memory.due, memory.since_ms = False, False, None
            memory.forget()
            # Whoever was told that it was raised is told that it is over.
            mode = Mode(memory.told or rule.mode)
            return self._decision(rule, memory, verdict, "cleared", mode=mode, action="")
        if hit and memory.due:
            return self.attempt(rule, memory, verdict, view, "repeated")
        return None

    def attempt(
        self, rule: PolicyRule, memory: Memory, verdict: Verdict, view: View, event: str
    ) -> Decision | None:
        """The decision to do a rule's action now, refused or not; None where it is no news."""
        mode = self._mode(rule, verdict.mono_ms)
        more = bool(memory.mode) and higher(mode, Mode(memory.mode))
        if event == "repeated" and not more and not memory.refused:
            return None  # advised, and it may not do more
        refused = self._refusal(rule, memory, verdict, view, mode) if rule.action else ""
        if event == "repeated" and not more and refused == memory.refused:
            return None
        if more and memory.told == Mode.SHADOW:
            event = "raised"  # nobody was told yet
        memory.refused, memory.mode = refused, mode.value
        if not memory.told or higher(mode, Mode(memory.told)):
            memory.told = mode.value
        if rule.action and not refused:
            memory.due = mode is not Mode.ACT
            memory.acted_ms = verdict.mono_ms + self.shift_ms
            memory.acted_mode = mode.value
        made = self._decision(
            rule, memory, verdict, event, mode=mode, action=rule.action, refused=refused
        )
        if event == "raised":
            memory.alert = made.id
        return made

    def _refusal(
        self, rule: PolicyRule, memory: Memory, verdict: Verdict, view: View, mode: Mode
    ) -> str:
        """The first limit that forbids the rule's action now; empty when none does."""
        mono_ms = verdict.mono_ms
        forbidden = self.standing.forbids(self.asset.id, mono_ms) if mode is Mode.ACT else ""
        if forbidden:
            return forbidden
        if not memory.due and memory.elsewhere(mono_ms + self.shift_ms):
            return ELSEWHERE
        flags = self.flags | self.standing.flags(self.asset.id, mono_ms)
        for flag in rule.flags:
            if flag in flags:
                return f"flag {flag}"
        advised = memory.advised(rule, self.asset.id) if mode is Mode.ACT else ""
        if lock := locked(rule, view) or advised:
            return lock
        if rule.min_interval_ms and self._since_acted(memory, verdict, mode) < rule.min_interval_ms:
            return "min_interval"
        return self.permit(rule.action, rule.value) if mode is Mode.ACT else ""

    def interlock(self, action: str, view: View) -> str:
        """The interlock of a rule that does this action, and that forbids it now; or empty."""
        rules = (rule for rule in self.asset.policy if rule.action == action)
        return next(filter(None, (locked(rule, view) for rule in rules)), "")

    def _since_acted(self, memory: Memory, verdict: Verdict, mode: Mode) -> float:
        """Milliseconds of running since it last acted; an advice keeps no command waiting."""
        if mode is Mode.ACT and memory.acted_mode not in ("", Mode.ACT):
            return float("inf")
        if memory.acted_ms is None:
            return float("inf")
        now_ms = verdict.mono_ms + self.shift_ms
        memory.acted_ms = min(memory.acted_ms, now_ms)
        return now_ms - memory.acted_ms

    def _decision(
        self,
        rule: PolicyRule,
        memory: Memory,
        verdict: Verdict,
        event: str,
        *,
        mode: Mode,
        action: str,
        refused: str = "",
    ) -> Decision:
        votes = last(memory.votes, rule.of)
        return Decision(
            id=self.new_id(),
            asset=self.asset.id,
            policy=rule.name,
            event=event,
            mode=mode,
            action=action,
            verdict=verdict,
            refused=refused,
            value=rule.value if action else None,
            votes=f"{sum(votes)} of {rule.of}" if event != "cleared" else "",
        )

    def to_json(self) -> str:
        """What must survive a restart."""
        return json.dumps({name: memory.plain() for name, memory in self._memory.items()})

    def restore(self, text: str) -> None:
        """Take up what ``to_json`` wrote; rules the file no longer has are forgotten."""
        gone = [
            saved.get("raised", False)
            for name, saved in json.loads(text).items()
            if name not in self._memory or not self._memory[name].restore(saved)
        ]
        self.lost = any(gone)
