"""How verdicts, decisions, commands, rejects and outgoing messages become rows, and back."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gateway.core.commands import Command, State
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.store.batch import OutboxRow, RejectRow
from gateway.store.packing import plain

PAYLOAD_BYTES: Final = 4_096
"""How much of a rejected payload is kept: enough to see what it was."""

VERDICT: Final = "INSERT INTO verdict VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
DECISION: Final = (
    "INSERT INTO decision VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, ?)"
    " ON CONFLICT DO NOTHING"
)
EXPLANATION: Final = "UPDATE decision SET explanation = ? WHERE id = ?"
REJECT: Final = "INSERT INTO reject VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
OUTBOX: Final = "INSERT INTO outbox VALUES (?, ?, ?, ?, ?, ?)"
COMMAND: Final = """
INSERT INTO command
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (id) DO UPDATE SET
    state = excluded.state, reason = excluded.reason, evidence = excluded.evidence,
    sent_at_ms = excluded.sent_at_ms,
    sent_mono_ms = coalesce(command.sent_mono_ms, excluded.sent_mono_ms),
    ended_at_ms = excluded.ended_at_ms, audit = excluded.audit"""
"""What a command is never changes, so times that were repaired stay repaired."""
COMMAND_COLUMNS: Final = """
    c.id, c.decision_id, c.asset, c.action, c.source, c.device, c.set_json, c.options, c.mode,
    c.state, c.reason, c.evidence, c.created_at_ms, c.expires_at_ms, c.sent_at_ms, c.ended_at_ms,
    c.created_mono_ms, c.expires_mono_ms, c.sent_mono_ms, c.deadline_ms, b.name,
    c.attempt"""

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Stamp:
    """What every record carries beside its own times: when the gateway took it."""

    boot: int
    mono_ms: int
    clock: int
    """1 when the clock was synchronised."""


def verdict_row(verdict: Verdict, stamp: Stamp) -> Row:
    """One row of ``verdict``."""
    one = verdict
    return (
        *(plain(one.asset), one.at_ms, plain(one.rung), plain(one.label), one.score, one.level),
        *(plain(one.model_version), plain(one.model_hash), _json(one.inputs), _json(one.abstained)),
        *(one.coverage, stamp.boot, one.mono_ms, stamp.clock),
        None if one.interval is None else json.dumps(one.interval),
        json.dumps([dict(member) for member in one.members]) if one.members else None,
    )


def decision_row(decision: Decision, stamp: Stamp, audit: int) -> Row:
    """One row of ``decision``; the verdict it rests on is kept whole, as JSON.

    ``audit``: number of its record.
    """
    one, verdict = decision, decision.verdict
    texts = (one.policy, one.event, one.mode.value, one.action, one.refused, one.votes)
    document = {name: getattr(verdict, name) for name in Verdict.__slots__}
    return (
        *(plain(one.id), plain(one.asset), verdict.at_ms, *map(plain, texts), _json(document)),
        *(stamp.boot, verdict.mono_ms, stamp.clock, audit, one.value),
    )


def command_row(command: Command, stamp: Stamp, audit: int) -> Row:
    """One row of ``command``; ``audit``: number of the record of this state."""
    one = command
    texts = (one.id, one.decision_id, one.asset, one.action, one.source, one.device)
    ends = (one.mode.value, one.state.value, plain(one.reason), plain(one.evidence))
    return (
        *(*map(plain, texts), _json(one.set), _json(one.options), *ends),
        *(one.created_at_ms, one.expires_at_ms, one.sent_at_ms, one.ended_at_ms),
        *(one.created_mono_ms, one.expires_mono_ms, one.sent_mono_ms, one.deadline_ms),
        *(stamp.boot, one.created_mono_ms, stamp.clock, audit, one.attempt),
    )


def command_of(row: tuple[Any, ...]) -> Command:
    """The command of a row of ``COMMAND_COLUMNS``."""
    (id_, decision_id, asset, action, source, device, set_json, options, mode, state) = row[:10]
    (reason, evidence, created_at, expires_at, sent_at, ended_at) = row[10:16]
    (created_mono, expires_mono, sent_mono, deadline, boot, attempt) = row[16:]
    return Command(
        id=id_,
        decision_id=decision_id,
        asset=asset,
        action=action,
        source=source,
        device=device,
        set=json.loads(set_json),
        created_at_ms=created_at,
        expires_at_ms=expires_at,
        created_mono_ms=created_mono,
        expires_mono_ms=expires_mono,
        deadline_ms=deadline,
        boot=boot or "",
        mode=Mode(mode),
        state=State(state),
        sent_at_ms=sent_at,
        sent_mono_ms=sent_mono,
        ended_at_ms=ended_at,
        reason=reason,
        evidence=evidence,
        options=json.loads(options),
        attempt=attempt,
    )


def reject_row(reject: RejectRow, stamp: Stamp) -> Row:
    """One row of ``reject``."""
    names = map(plain, (reject.source, reject.broker, reject.topic))
    why = map(plain, (reject.reason, reject.detail))
    payload = reject.payload[:PAYLOAD_BYTES]
    return (reject.received_at_ms, *names, payload, *why, stamp.boot, stamp.mono_ms)


def outbox_row(number: int, row: OutboxRow) -> Row:
    """One row of ``outbox``."""
    return (number, plain(row.topic), row.payload, int(row.retain), row.qos, row.expires_at_ms)


def _json(tree: Mapping[str, object]) -> str:
    return _encode(dict(tree))


def _plain_tree(tree: object) -> object:
    return dict(tree) if isinstance(tree, Mapping) else str(tree)


_encode: Final = json.JSONEncoder(separators=(",", ":"), default=_plain_tree).encode
