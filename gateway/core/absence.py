"""Absence: what others did for a gateway that was dead, as lines of a file beside its store.

Each line is a JSON object; a later line of the same command says what became of it. The next start
takes them up as commands that may have been sent.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace

from gateway.core import causes
from gateway.core.assets import Action, Asset
from gateway.core.commands import Command, Step, step
from gateway.core.drafts import draft
from gateway.core.ladder import UNKNOWN
from gateway.core.ports import Bridge
from gateway.core.verdicts import Decision, Verdict


@dataclass(frozen=True, slots=True)
class Done:
    """One safe command that was given, or could not be, while the gateway was dead."""

    command: str
    """Its id."""
    decision: str
    asset: str
    action: str
    value: float | None
    set: dict[str, object] = field(default_factory=dict)
    at_ms: int = 0
    dead_ms: int = 0
    """How long the gateway had been dead."""
    refused: str = ""
    """Why nothing was sent."""
    said: str = ""
    """What the broker answered; ``will``: it did it by itself."""


def line(done: Done) -> str:
    """One line of the file."""
    return json.dumps(asdict(done), separators=(",", ":")) + "\n"


def read(text: str) -> list[Done]:
    """What is in the file, in order; of one command the last word. Lines cut short are left out."""
    found: dict[str, Done] = {}
    for words in text.splitlines():
        try:
            one = Done(**json.loads(words))
        except (ValueError, TypeError):
            continue
        found[one.command] = one
    return list(found.values())


def decision(done: Done, asset: Asset, mono_ms: int) -> Decision:
    """The decision that the file had made long before."""
    verdict = Verdict(
        asset=asset.id,
        at_ms=done.at_ms,
        mono_ms=mono_ms,
        rung="fail_safe",
        label=UNKNOWN,
        cause=causes.death(done.dead_ms),
    )
    made = causes.fail_safe_decision(asset, verdict, done.decision, done.refused)
    return replace(made, action=done.action, value=done.value)


def command(
    done: Done, made: Decision, action: Action, bridge: Bridge, boot: str, mono_ms: int
) -> Command:
    """The command, as one that may have been sent; evidence has its whole time from now."""
    drafted = draft(
        made,
        action,
        bridge,
        command_id=done.command,
        boot=boot,
        now_ms=done.at_ms,
        mono_ms=mono_ms,
    )
    stored = step(step(replace(drafted, set=done.set), Step.CHECK), Step.STORE)
    return step(stored, Step.SEND, sent_at_ms=done.at_ms, sent_mono_ms=mono_ms)


def given(dones: Iterable[Done]) -> set[str]:
    """The assets that were made safe."""
    return {one.asset for one in dones if not one.refused}
