"""The life of a command, as a table. Everything that affects a command's state lives here.

A command is stored before it is sent: the transaction that makes it ``sent`` is committed before
the publish, so ``sent`` in the store means "may have been published". After a crash a ``stored``
command was certainly never published; a ``sent`` one is asked about, never repeated.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gateway.core.verdicts import Mode
from gateway.errors import IllegalTransitionError


class State(StrEnum):
    """Where a command stands."""

    PROPOSED = "proposed"
    CHECKED = "checked"
    """It passed the allow-list, the limits and the bridge's registry."""
    STORED = "stored"
    SENT = "sent"
    ACCEPTED = "accepted"
    """The bridge says so; that is not proof."""
    CONFIRMED = "confirmed"
    FAILED = "failed"
    TIMEOUT = "timeout"
    EXPIRED = "expired"
    REFUSED = "refused"


class Step(StrEnum):
    """What can happen to a command."""

    CHECK = "check"
    REFUSE = "refuse"
    STORE = "store"
    SEND = "send"
    EXPIRE = "expire"
    ACCEPT = "accept"
    CONFIRM = "confirm"
    FAIL = "fail"
    DEADLINE = "deadline"


TRANSITIONS: Mapping[State, Mapping[Step, State]] = {
    State.PROPOSED: {Step.CHECK: State.CHECKED, Step.REFUSE: State.REFUSED},
    State.CHECKED: {Step.STORE: State.STORED, Step.REFUSE: State.REFUSED},
    State.STORED: {
        Step.SEND: State.SENT,
        Step.EXPIRE: State.EXPIRED,
        Step.REFUSE: State.REFUSED,
    },
    State.SENT: {
        Step.ACCEPT: State.ACCEPTED,
        Step.CONFIRM: State.CONFIRMED,
        Step.FAIL: State.FAILED,
        Step.DEADLINE: State.TIMEOUT,
    },
    State.ACCEPTED: {
        Step.ACCEPT: State.ACCEPTED,
        Step.CONFIRM: State.CONFIRMED,
        Step.FAIL: State.FAILED,
        Step.DEADLINE: State.TIMEOUT,
    },
    State.CONFIRMED: {},
    State.FAILED: {},
    State.TIMEOUT: {},
    State.EXPIRED: {},
    State.REFUSED: {},
}

TERMINAL = frozenset(state for state, steps in TRANSITIONS.items() if not steps)


@dataclass(frozen=True, slots=True)
class Command:
    """One order to an actuator and what became of it."""

    id: str
    """Sortable, unique across restarts; a UUID, since ChirpStack asks for one."""
    decision_id: str
    asset: str
    action: str
    source: str
    device: str
    set: Mapping[str, object]
    created_at_ms: int
    expires_at_ms: int
    """Wall clock, for the bridge: where the network queues it, it is void after this."""
    created_mono_ms: int
    expires_mono_ms: int
    """Not published by then, it is not published any more."""
    deadline_ms: int
    """How long evidence may take after it was sent."""
    boot: str
    """The boot its monotonic times belong to."""
    mode: Mode = Mode.ACT
    state: State = State.PROPOSED
    sent_at_ms: int | None = None
    sent_mono_ms: int | None = None
    ended_at_ms: int | None = None
    reason: str = ""
    """Why it ended as it did, or which limit refused it."""
    evidence: str = ""
    """What confirmed it: ``proof power 0.3 W < 5 W``, ``device``, ``bridge``."""
    options: Mapping[str, object] = field(default_factory=dict)
    by: str = ""
    """Who decided it: ``policy``, ``fail_safe`` or ``person:<author>``; empty: not known."""
    attempt: int = 1
    """The so-manieth command of its decision: more than 1 where a policy's ``retry`` says so."""

    @property
    def ended(self) -> bool:
        """It will never move again."""
        return self.state in TERMINAL


def step(command: Command, what: Step, **changes: object) -> Command:
    """Move a command; ``changes`` are other fields that change with it.

    Raises:
        IllegalTransitionError: the table has no such move.
    """
    try:
        state = TRANSITIONS[command.state][what]
    except KeyError:
        message = f"command {command.id}: no {what} from {command.state}"
        raise IllegalTransitionError(message) from None
    return replace(command, state=state, **changes)  # type: ignore[arg-type]
