"""Resuming: a command that a start finds open, on the clock of this boot."""

from collections.abc import Mapping
from dataclasses import replace

from gateway.core.commands import Command


def resume(command: Command, boot: str, mono_ms: int, now_ms: int) -> Command:
    """A command found open at start, on this boot's monotonic clock.

    Within one boot its times hold. After another boot the time that passed is taken from the wall
    clock, and where that cannot be (it went back) none is assumed to be left.
    """
    if command.boot == boot:
        return command
    void_at_ms = command.created_at_ms + command.expires_mono_ms - command.created_mono_ms
    changes: Mapping[str, object] = {
        "boot": boot,
        "expires_mono_ms": mono_ms + _left(void_at_ms, command.created_at_ms, now_ms),
        "created_mono_ms": mono_ms,
    }
    if command.sent_at_ms is None:
        return _changed(command, changes)
    left = _left(command.sent_at_ms + command.deadline_ms, command.sent_at_ms, now_ms)
    sent = mono_ms + left - command.deadline_ms
    return _changed(command, {**changes, "sent_mono_ms": sent})


def _left(end_ms: int, start_ms: int, now_ms: int) -> int:
    return max(0, end_ms - now_ms) if now_ms >= start_ms else 0


def _changed(command: Command, changes: Mapping[str, object]) -> Command:
    return replace(command, **changes)  # type: ignore[arg-type]
