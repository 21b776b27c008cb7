"""What the bridges ``json`` and ``text`` share: the user declares what others know by heart."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from gateway.core import times
from gateway.core.documents import text
from gateway.core.echoes import shows
from gateway.core.messages import Device, Event, Message, Presence, Reject, Tree, Uplink
from gateway.core.paths import Path
from gateway.core.ports import Order, Outgoing, Subscription
from gateway.core.routes import Routes, command, nowhere
from gateway.core.topics import Pattern, matches, overlaps
from gateway.errors import DecodeError, EncodeError

COMMANDS: Final = ("{device+}/set", "{device+}/set/{key+}", "{device+}/get", "cmnd/#")
"""Topics that carry somebody's command, whatever wildcard brought them to us."""
MAX_NAME: Final = 256
"""Characters of a device's name."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@dataclass(frozen=True, slots=True)
class Time:
    """Where a message says when it was measured."""

    path: str
    """Where the time is: a path in the record or the document, or a column."""
    format: times.Format = "auto"
    """How it is written; ``auto`` tells the unit of a number by its size."""
    zone: str = ""
    """IANA name, e.g. Europe/Berlin, for a time without an offset, which is lost otherwise."""

    def __post_init__(self) -> None:
        zone(self.zone)

    def read(self, value: Tree) -> int | None:
        """Give UTC epoch milliseconds; None when it cannot be read."""
        return times.parse(value, self.format, zone(self.zone))


class Declared:
    """The half of a bridge that is the same for both; each adds its states and its orders."""

    def __init__(
        self,
        source: str,
        wanted: Sequence[Subscription],
        routes: Sequence[tuple[str, str]],
        words: Mapping[str, bool],
        deadline_s: float,
    ) -> None:
        """Take what ``filters`` and ``table`` chose, and the words of an announcement."""
        self.source = source
        self._wanted = wanted
        self._routes = Routes(routes)
        self._words = words
        self._deadline_s = deadline_s
        self._readers = {
            "": nowhere,
            "command": command,
            "availability": self._availability,
            "state": self._state,
        }

    def subscriptions(self) -> Sequence[Subscription]:
        """Take what is declared."""
        return self._wanted

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message; see ``core.ports``."""
        route = self._routes[message.topic]
        try:
            return self._readers[route.kind](message, route.names)
        except DecodeError as error:
            return rejected(error, route.names)

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Tell whether the device reports what was ordered."""
        return uplink.device == order.device and shows(order.set, uplink.values)

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """Nothing is declared that could be asked."""
        del order
        return ()

    def device(self, name: str) -> Device | None:
        """There is no registry."""
        del name
        return None

    def deadline_s(self, order: Order) -> float:
        """As declared."""
        del order
        return self._deadline_s

    def _availability(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        return presence(message, names.get("device", ""), self._words)

    def _state(self, message: Message, names: Mapping[str, str]) -> Sequence[Event]:
        raise NotImplementedError


def zone(name: str) -> tzinfo | None:
    """Give a time zone; zoneinfo remembers it.

    Raises:
        ValueError: there is none of this name.
    """
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, OSError) as error:
        raise ValueError(f"unknown time zone {name!r}") from error


def check(paths: Iterable[str], patterns: Mapping[str, frozenset[str]]) -> None:
    """Hold what the user declared against the grammars; ``patterns`` with the names they may have.

    Raises:
        ValueError: what is wrong.
    """
    for path in paths:
        Path.parse(path)
    for pattern, names in patterns.items():
        unknown = set(Pattern.parse(pattern).names if pattern else ()) - names
        if unknown:
            known = ", ".join(f"{{{name}}}" for name in sorted(names))
            raise ValueError(f"{pattern!r} has {{{min(unknown)}}}; known: {known}")


def filters(declared: Sequence[str], patterns: Iterable[str]) -> tuple[Subscription, ...]:
    """Choose what to subscribe to: what is declared, and each pattern that it does not cover.

    Raises:
        ValueError: two filters overlap, so that messages would come twice.
    """
    chosen = list(dict.fromkeys(declared))
    for wanted in (Pattern.parse(pattern).filter for pattern in patterns if pattern):
        if not any(matches(one, wanted) for one in chosen):
            chosen = [one for one in chosen if not matches(wanted, one)]
            chosen.append(wanted)
    for at, one in enumerate(chosen):
        twice = next((other for other in chosen[at + 1 :] if overlaps(one, other)), None)
        if twice is not None:
            raise ValueError(f"filters {one!r} and {twice!r} overlap")
    return tuple(map(Subscription, chosen))


def table(command_topic: str, availability: str, topic: str) -> list[tuple[str, str]]:
    """Write the table of routes: commands first."""
    kinds = [*(("command", pattern) for pattern in (command_topic, *COMMANDS))]
    kinds += [("availability", availability), ("state", topic)]
    return [(kind, pattern) for kind, pattern in kinds if pattern]


def fill(pattern: str, device: str, key: str = "") -> str:
    """Write the topic of an order.

    Raises:
        EncodeError: ``topic``: the property cannot be part of one.
    """
    if re.search(r"[+#\0]", key):
        raise EncodeError("topic", f"{key!r} cannot be part of a topic")
    return Pattern.parse(pattern).fill({"device": device, "property": key})


def presence(message: Message, device: str, words: Mapping[str, bool]) -> Sequence[Event]:
    """Read an announcement; an empty payload clears it.

    Raises:
        DecodeError: ``utf8``, or ``shape`` for another word.
    """
    if not message.payload:
        return (Presence(device, None),)
    word = text(message.payload).strip()
    if word not in words:
        raise DecodeError("shape", f"expected one of {', '.join(words)}")
    return (Presence(device, words[word]),)


def named(device: str) -> str:
    """Let a device's name pass.

    Raises:
        DecodeError: ``device``: it is empty, too long, or has control characters.
    """
    if not device or len(device) > MAX_NAME or _CONTROL.search(device):
        raise DecodeError("device", f"a name that cannot be used: {device[:64]!r}")
    return device


def rejected(error: DecodeError, names: Mapping[str, str]) -> Sequence[Event]:
    """Turn an error into the event that says so."""
    return (Reject(error.reason, error.detail, names.get("device", "")),)
