"""Drafts: the command that a decision asks for, before it is checked, stored or sent."""

from dataclasses import replace

from gateway.core.assets import Action
from gateway.core.commands import Command
from gateway.core.orders import order_of
from gateway.core.ports import Bridge
from gateway.core.verdicts import Decision


def draft(
    decision: Decision,
    action: Action,
    bridge: Bridge,
    *,
    command_id: str,
    boot: str,
    now_ms: int,
    mono_ms: int,
    attempt: int = 1,
) -> Command:
    """Write the command of a decision; its proof, its action or its bridge says the deadline."""
    command = Command(
        id=command_id,
        decision_id=decision.id,
        asset=decision.asset,
        action=action.name,
        source=action.source,
        device=action.device,
        set=action.said(decision.value),
        created_at_ms=now_ms,
        created_mono_ms=mono_ms,
        expires_at_ms=now_ms + action.expires_ms,
        expires_mono_ms=mono_ms + action.expires_ms,
        deadline_ms=0,
        boot=boot,
        options=action.options,
        by=decision.by,
        attempt=attempt,
    )
    deadline_ms = _deadline_ms(command, action, bridge)
    # A LoRaWAN network queues a command until its device listens: there it is void only when we
    # have stopped waiting. Our own expiry, before it is published, stays the action's.
    queued_ms = max(action.expires_ms, deadline_ms)
    return replace(command, deadline_ms=deadline_ms, expires_at_ms=now_ms + queued_ms)


def _deadline_ms(command: Command, action: Action, bridge: Bridge) -> int:
    if action.proof is not None:
        return action.proof.within_ms
    if action.deadline_ms is not None:
        return action.deadline_ms
    return int(bridge.deadline_s(order_of(command)) * 1000)
