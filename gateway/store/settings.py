"""What the user may say about the store, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Literal

DAY_MS: Final = 86_400_000

KEEP_MS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "readings": 90 * DAY_MS,
        "signals": 7 * DAY_MS,
        "hours": 730 * DAY_MS,
        "verdicts": 90 * DAY_MS,
        "decisions": 730 * DAY_MS,
        "rejects": 7 * DAY_MS,
        "audit": 3_650 * DAY_MS,
    }
)
"""How long each kind is kept where the file does not say; ``hours`` are thinned readings and
``decisions`` holds for commands too."""


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Where the database is, how much it may take, and how long it keeps what."""

    path: Path = Path("/var/lib/edge-gateway/gateway.db")
    max_bytes: int = 2 * 1024**3
    """Quota of the database file; the oldest readings are thinned before it is reached."""
    min_free_bytes: int = 256 * 1024**2
    """What must stay free on the disk; below it the store gives space back."""
    keep_ms: Mapping[str, int] = field(default_factory=dict)
    """By kind; what is not named has the value of ``KEEP_MS``."""
    durability: Literal["full", "normal"] = "full"
    """``normal`` may lose the last commits at a power cut, so messages acknowledged by then too."""
    ballast_bytes: int = 4 * 1024**2
    """A file held in reserve: given up when the disk is full, so that deleting works."""

    def keep(self, kind: str) -> int:
        """How long ``kind`` is kept, in ms of running time.

        Raises:
            KeyError: there is no such kind.
        """
        return self.keep_ms.get(kind, KEEP_MS[kind])
