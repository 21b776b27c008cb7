"""The flight recorder: the last lines of the log in memory, at every level, and what was heard.

Lines are kept as the values they were logged with and are formatted only when somebody wants them.
Of messages it keeps topic and size, never the payload. Bounded by lines and by bytes.
"""

import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from typing import Any, Final, NamedTuple

from gateway.core.messages import Message

LINES: Final = 4_000
HEARD: Final = 500
"""Messages of which the topic is kept."""
AT_ONCE: Final = 64
"""Of messages that come together the newest so many."""
LONGEST: Final = 500
"""Characters of a value."""
TRACE: Final = 4_000
"""Characters of a traceback."""
MANY: Final = 50
"""Of a collection with more than so many entries only its size is kept."""
_LINE_BYTES: Final = 330
_VALUE_BYTES: Final = 50
"""What a line, and a value of it, take beside their texts: a little more than was measured."""
_PLAIN: Final = frozenset({str, int, float, bool, type(None)})

Event = MutableMapping[str, Any]


class Line(NamedTuple):
    """One event."""

    at_ms: int
    level: str
    event: str
    keys: dict[str, Any]
    weight: int
    """About how many bytes it takes."""


class Recorder:
    """A bounded memory of the log; ``note`` may be called from any thread."""

    def __init__(self, most_bytes: int) -> None:
        """``most_bytes`` of lines, about."""
        self._most = most_bytes
        self._bytes = 0
        self._lines: deque[Line] = deque()
        self._heard: deque[tuple[int, str, int]] = deque(maxlen=HEARD)
        # A signal that ends the process is handled in whatever the main thread was doing.
        self._lock = threading.RLock()

    def note(self, method: str, event: Event) -> None:
        """Keep one event, whether or not it is written."""
        keys, weight = {}, _LINE_BYTES
        for key, value in event.items():
            kept = _kept(key, value)
            keys[key] = kept
            weight += _VALUE_BYTES + (len(kept) if kept.__class__ is str else 0)
        name = str(keys.pop("event", ""))
        line = Line(time.time_ns() // 1_000_000, method, name, keys, weight)
        with self._lock:
            self._lines.append(line)
            self._bytes += weight
            while self._bytes > self._most or len(self._lines) > LINES:
                self._bytes -= self._lines.popleft().weight

    def heard(self, messages: Sequence[Message]) -> None:
        """Keep topic and size of the newest of these."""
        self._heard.extend(
            [(one.received_at_ms, one.topic, len(one.payload)) for one in messages[-AT_ONCE:]]
        )

    def forget(self, wanted: Callable[[str], bool]) -> None:
        """Forget lines and topics with a text that is wanted."""
        with self._lock:
            kept = [line for line in self._lines if not any(map(wanted, _texts(line)))]
            self._lines = deque(kept)
            self._bytes = sum(line.weight for line in kept)
            self._heard = deque((one for one in self._heard if not wanted(one[1])), HEARD)

    def lines(self) -> list[Line]:
        """From the oldest to the newest."""
        return list(self._lines)

    def messages(self) -> list[tuple[int, str, int]]:
        """(received at, UTC epoch ms; topic; bytes), from the oldest to the newest."""
        return list(self._heard)

    @property
    def weight(self) -> int:
        """About how many bytes the lines take."""
        return self._bytes


def _kept(key: str, value: Any) -> Any:
    """A value as it was then, not longer than it may be; collections may change later."""
    if key == "exc_info" and value:
        return _trace(value)
    if value.__class__ in _PLAIN:
        return value if value.__class__ is not str or len(value) <= LONGEST else value[:LONGEST]
    if hasattr(value, "__len__") and len(value) > MANY:
        return f"{value.__class__.__name__} of {len(value)}"
    return str(value)[:LONGEST]


def _trace(value: object) -> str:
    error = value[1] if isinstance(value, tuple) else value
    if not isinstance(error, BaseException):
        return traceback.format_exc()[-TRACE:]
    return "".join(traceback.format_exception(error))[-TRACE:]


def _texts(line: Line) -> Iterator[str]:
    yield from (value for value in line.keys.values() if isinstance(value, str))
