"""What the chain says of decisions and commands, and whether their rows still say the same.

A record holds the whole, so that it stands alone when the row is gone. Rows are re-stamped when the
clock of their boot was wrong (``clock`` 2); records never are: then a time of the row may differ
from its record by just that boot's offset.
"""

from collections.abc import Mapping
from typing import Final

from gateway.core.audit import Kind, Record
from gateway.core.commands import Command
from gateway.core.verdicts import Decision, Verdict

REPAIRED: Final = 2
"""``clock`` of a row that was re-stamped."""


def of_decision(decision: Decision) -> Record:
    """A decision, with the verdict it rests on."""
    verdict = decision.verdict
    body = {name: getattr(decision, name) for name in Decision.__slots__ if name != "id"}
    body["verdict"] = {name: getattr(verdict, name) for name in Verdict.__slots__}
    return Record(Kind.DECISION, decision.id, body)


def of_command(command: Command) -> Record:
    """A state of a command; its monotonic times mean nothing outside its boot."""
    names = (name for name in Command.__slots__ if name != "id" and "mono" not in name)
    return Record(Kind.COMMAND, command.id, {name: getattr(command, name) for name in names})


MOVING: Final = frozenset({"state", "reason", "evidence", "sent_at_ms", "ended_at_ms"})
"""What of a command changes from state to state."""


def differing(
    told: Mapping[str, object], row: Mapping[str, object], offset_ms: int | None
) -> list[str]:
    """Names of what a row says otherwise than its record.

    Args:
        told: the body of the record; what rows have no column for is not looked at.
        row: by the same names, from the row.
        offset_ms: by how much times of the row may have been moved; None when they were not.
    """
    return [
        name for name in sorted(row) if not _same(name, told.get(name), row.get(name), offset_ms)
    ]


def _same(name: str, told: object, found: object, offset_ms: int | None) -> bool:
    if isinstance(told, Mapping) and isinstance(found, Mapping):
        return told.keys() == found.keys() and not differing(told, found, offset_ms)
    if told == found and isinstance(told, bool) == isinstance(found, bool):
        return True
    moved = offset_ms is not None and name.endswith("at_ms") and isinstance(told, int)
    return moved and found == told + (offset_ms or 0)  # type: ignore[operator]
