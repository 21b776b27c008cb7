"""Log lines: warnings and errors of the log on the topic ``log``, a few per second.

Lines wait in a short queue that the beat empties, so a line about publishing cannot cause the next.
"""

from collections import deque
from collections.abc import Mapping, MutableMapping
from typing import Any, Final

from gateway.adapters import logs
from gateway.core.topic_tree_gateway import log_line
from gateway.core.topic_tree_sizes import payload
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock

TOLD: Final = frozenset({"warning", "error", "critical"})
WAITING: Final = 50
"""Lines that wait; the oldest give way and are counted in the next line."""
AT_ONCE: Final = 5
"""Lines per second."""
LONGEST: Final = 500
"""Characters of a value."""


class LogLines:
    """What waits to be published; ``note`` may be called from any thread."""

    def __init__(self, base: str, announce: Announce, clock: Clock) -> None:
        """Nothing waits before ``listen``."""
        self._base = base
        self._announce = announce
        self._clock = clock
        self._waiting: deque[dict[str, object]] = deque(maxlen=WAITING)
        self._dropped = 0

    def listen(self) -> None:
        """Hear the log from now on."""
        logs.listen(self.note)

    def note(self, event: MutableMapping[str, Any]) -> None:
        """One event of the log, before it is formatted."""
        if event.get("level") in TOLD:
            self._dropped += len(self._waiting) == WAITING
            self._waiting.append({str(key): _plain(value) for key, value in event.items()})

    def look(self) -> None:
        """Once a second: publish some of what waits."""
        for _ in range(min(AT_ONCE, len(self._waiting))):
            document = log_line(self._waiting.popleft(), self._dropped, self._clock.now_ms())
            self._dropped = 0
            line = payload("log", document)
            self._announce.publish(f"{self._base}/log", line, qos=0, retain=False)


def _plain(value: object) -> object:
    """What JSON can say of a value, not longer than a line should be."""
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in list(value.items())[:20]}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value[:20]]
    return str(value)[:LONGEST]
