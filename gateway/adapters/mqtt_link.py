"""What a client tells about its connection, and what became of a publish."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class LinkState:
    """How the connection to one broker stands; a new one replaces it at each change."""

    connected: bool = False
    """The broker accepted us: publishing is possible."""
    subscribed: bool = False
    """Every SUBACK of this connection came; ``refused`` says what was not granted."""
    protocol: str = ""
    """``5`` or ``3.1.1``, of the present or the last connection."""
    since_mono_ms: int = 0
    """Our monotonic clock when ``connected`` last changed."""
    session_present: bool = False
    """The broker remembered our session; False means that what it had queued is gone."""
    last_error: str = ""
    """Why the last connection ended or could not be made."""
    refused: Mapping[str, str] = field(default_factory=dict)
    """Topic filter -> the broker's reason, for each refused subscription."""
    taken: bool = False
    """Another client uses our client id: we do not reconnect."""


class Outcome(NamedTuple):
    """What became of one publish."""

    ticket: int
    ok: bool
    """The broker took it and, on version 5, somebody was there to get it."""
    reason: str = ""
    """Empty when ok; else ``lost``, ``expired``, ``too_large``, or the PUBACK's reason:
    ``no_matching_subscribers`` (it is stored if retained), ``not_authorized`` ..."""
