"""Routes: an ordered table of topic patterns, read once per topic.

Every bridge has one. Commands come first, so that somebody's command never becomes a reading.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from gateway.core.messages import Event, Message, Reject
from gateway.core.topics import Pattern
from gateway.errors import ConfigError

TOPICS = 10_000
"""Topics remembered; then the memory starts anew, since only a flood of names fills it."""


class Route(NamedTuple):
    """Where a topic leads."""

    kind: str
    """The kind of message; empty when no pattern takes the topic."""
    names: Mapping[str, str]
    """The named levels."""


NOWHERE = Route("", {})


class Routes(dict[str, Route]):
    """topic -> route; the first pattern of the table that takes the topic wins."""

    def __init__(self, table: Iterable[tuple[str, str]]) -> None:
        """Read a table of (kind, pattern).

        Raises:
            ConfigError: a pattern made of the user's settings is none.
        """
        super().__init__()
        self._table = [(kind, _pattern(text)) for kind, text in table]

    def __missing__(self, topic: str) -> Route:
        """Find the route of a topic that was not seen before."""
        if len(self) >= TOPICS:
            self.clear()
        self[topic] = found = self._find(topic)
        return found

    def _find(self, topic: str) -> Route:
        for kind, pattern in self._table:
            names = pattern.match(topic)
            if names is not None:
                return Route(kind, names)
        return NOWHERE


def command(message: Message, names: Mapping[str, str]) -> Sequence[Event]:
    """Drop somebody's command; a retained one is shown, for it fires at every reconnect."""
    if message.retain and message.payload:
        advice = "clear it with an empty retained message: it fires at every reconnect"
        return (Reject("retained_command", advice, names.get("device", "")),)
    return ()


def ignored(message: Message, names: Mapping[str, str]) -> Sequence[Event]:
    """Drop a message that has no news for us."""
    del message, names
    return ()


def nowhere(message: Message, names: Mapping[str, str]) -> Sequence[Event]:
    """Reject a message whose topic says nothing to this bridge."""
    del names
    return (Reject("topic", message.topic[:256]),)


def _pattern(text: str) -> Pattern:
    try:
        return Pattern.parse(text)
    except ValueError as error:
        raise ConfigError(f"topic {text!r}: {error}") from None
