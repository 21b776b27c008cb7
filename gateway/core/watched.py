"""An open command, and what the news about it comes to."""

from dataclasses import dataclass
from typing import Final

from gateway.core.assets import Proof
from gateway.core.commands import Command, Step, step
from gateway.core.messages import Evidence, Result, Tree
from gateway.core.ports import Order

NACKS: Final = 5
"""A device that refused so often will not obey; before, the network tries again by itself."""


@dataclass(slots=True)
class Watched:
    """A command that has not ended, and what was seen of it."""

    command: Command
    proof: Proof | None
    order: Order
    """The command in the words of a bridge: they never change."""
    echo: Tree = None
    """What the bridge showed when the device was asked; None: it was not."""
    nacks: int = 0
    wrong: str = ""
    """What the device showed instead, after it was asked."""
    published_mono_ms: int | None = None
    """When it left this machine, or may have: nothing received before can be about it."""

    def may_show(self, mono_ms: int) -> bool:
        """Whether what was received at a time can be about the command."""
        return self.published_mono_ms is not None and mono_ms >= self.published_mono_ms


def order_of(command: Command) -> Order:
    """The command in the words of a bridge."""
    return Order(
        command_id=command.id,
        device=command.device,
        set=command.set,
        expires_at_ms=command.expires_at_ms,
        options=command.options,
        deadline_ms=command.deadline_ms,
    )


def about(result: Result, command: Command) -> bool:
    """Whether a bridge's answer is about a command: by id, else by device and property."""
    if result.command_id:
        return result.command_id == command.id
    if result.device != command.device:
        return False
    return not result.key or result.key in command.set


def resulted(watched: Watched, result: Result, now_ms: int) -> Command:
    """The command after a bridge's answer."""
    command, said = watched.command, result.detail
    match result.evidence:
        case Evidence.FAILED:
            return step(command, Step.FAIL, reason=said or "bridge", ended_at_ms=now_ms)
        case Evidence.NACK:
            watched.nacks += 1
            said = f"not acknowledged, {watched.nacks} times"
            if watched.nacks >= NACKS:
                return step(command, Step.FAIL, reason=f"device: {said}", ended_at_ms=now_ms)
        case Evidence.CONFIRMED if watched.proof is None:
            evidence = f"device: {said or 'acknowledged'}"
            return step(command, Step.CONFIRM, evidence=evidence, ended_at_ms=now_ms)
    return step(command, Step.ACCEPT, evidence=f"bridge: {said or result.evidence.value}")


def missing(watched: Watched) -> str:
    """What did not come in time, and what came instead."""
    said = ["no proof" if watched.proof is not None else "no evidence"]
    said += [f"not acknowledged, {watched.nacks} times"] if watched.nacks else []
    said += [f"device shows {watched.wrong}"] if watched.wrong else []
    return "; ".join(said)
