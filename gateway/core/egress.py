"""Egress: how much left the site for a cloud's model, and the digest of it; not what it was."""

from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash


@dataclass(slots=True)
class Egress:
    """Since it was put on record last."""

    calls: int = 0
    size: int = 0
    """Bytes."""
    _digest: "_Hash" = field(default_factory=sha256)

    def note(self, body: bytes) -> None:
        """A question left, or may have."""
        self.calls += 1
        self.size += len(body)
        self._digest.update(body)

    def take(self) -> dict[str, object]:
        """For the record, and begin anew; empty: nothing left.

        ``sha256`` is over all bodies, one after the other.
        """
        if not self.calls:
            return {}
        told = {"calls": self.calls, "bytes": self.size, "sha256": self._digest.hexdigest()}
        self.calls, self.size, self._digest = 0, 0, sha256()
        return told
