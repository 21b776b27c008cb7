"""What the members of a fleet tell each other, below ``fleet/<site>/``.

``slot/<slot>/state``, ``notes`` and ``standing`` are retained and written on the connection of the
slot's commander only; so is ``slot/<slot>/fence``, which is not retained. ``hello/<member>`` shows
a member that it hears what is published. A note comes before its command: both travel on one
connection.
"""

import json
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from gateway.core import documents, interventions_told
from gateway.core.interventions import Intervention
from gateway.core.ports import Outgoing
from gateway.core.slots import Told
from gateway.core.topic_tree import Document, encode, head
from gateway.errors import DecodeError

NOTES: Final = 32
"""Commands that a slot's notes remember."""


class Mark(NamedTuple):
    """One message of a command, to be known again on its topic."""

    topic: str
    digest: str


class Note(NamedTuple):
    """One command, told before it leaves: from then on it may have been sent."""

    id: str
    who: str
    epoch: int
    asset: str
    action: str
    by: str
    """policy, fail_safe or person:<author>"""
    value: float | None
    at_ms: int
    """UTC epoch ms, by the clock of who sent it."""
    marks: tuple[Mark, ...]


def root(site: str) -> str:
    """Where all of it is."""
    return f"fleet/{site}"


def slot_topic(site: str, slot: str, name: str) -> str:
    """``state``, ``fence``, ``notes`` or ``standing`` of a slot."""
    return f"{root(site)}/slot/{slot}/{name}"


def hello_topic(site: str, member: str) -> str:
    """Where a member hears itself."""
    return f"{root(site)}/hello/{member}"


def mark(outgoing: Outgoing) -> Mark:
    """Of a message as it is published."""
    return Mark(outgoing.topic, digest(outgoing.payload))


def digest(payload: bytes) -> str:
    """Enough of a hash to know a payload again."""
    return blake2b(payload, digest_size=8).hexdigest()


# -- documents -----------------------------------------------------------------------------------


def state(told: Told, now_ms: int) -> bytes:
    """Who holds a slot."""
    return encode(head(now_ms) | told._asdict())


class Book(NamedTuple):
    """What a slot's successor must know."""

    notes: tuple[Note, ...] = ()
    """The newest commands, the oldest first."""
    done: frozenset[tuple[str, str]] = frozenset()
    """(asset, rule) that is raised and whose action was sent; see ``core.succession``."""


def book(told: Book, now_ms: int) -> bytes:
    """The topic ``notes``."""
    listed = [_plain(one) for one in told.notes]
    return encode(
        head(now_ms) | {"notes": listed, "done": [list(one) for one in sorted(told.done)]}
    )


def _plain(one: Note) -> Document:
    return one._asdict() | {"marks": [list(mark) for mark in one.marks]}


def standing(held: Sequence[Intervention], now_ms: int) -> bytes:
    """What people decided that holds, as the slot's holder has it."""
    told = [json.loads(interventions_told.to_json(one)) for one in held]
    return encode(head(now_ms) | {"held": told})


def read_state(payload: bytes) -> Told | None:
    """None when it is none."""
    tree = _tree(payload)
    up, who, epoch, beat = (tree.get(key) for key in ("up", "who", "epoch", "beat"))
    if not isinstance(up, bool) or not isinstance(who, str) or type(epoch) is not int:
        return None
    return Told(up, who, epoch, beat if type(beat) is int else 0)


def read_book(payload: bytes) -> Book:
    """What of it can be read."""
    tree = _tree(payload)
    listed, done = tree.get("notes"), tree.get("done")
    found = [_note(one) for one in listed] if isinstance(listed, list) else []
    pairs = done if isinstance(done, list) else []
    return Book(
        tuple(one for one in found if one is not None),
        frozenset((str(one[0]), str(one[1])) for one in pairs if isinstance(one, list) and one[1:]),
    )


def _note(one: Any) -> Note | None:
    try:
        marks = tuple(Mark(str(topic), str(said)) for topic, said in one["marks"])
        value = None if one["value"] is None else float(one["value"])
        asset, action, by = (str(one[key]) for key in ("asset", "action", "by"))
        who, epoch = str(one["who"]), int(one["epoch"])
        at_ms = int(one["at_ms"])
        return Note(str(one["id"]), who, epoch, asset, action, by, value, at_ms, marks)
    except (KeyError, TypeError, ValueError):
        return None


def read_standing(payload: bytes) -> list[Intervention]:
    """Those that can be read."""
    listed = _tree(payload).get("held")
    found = []
    for one in listed if isinstance(listed, list) else []:
        try:
            found.append(interventions_told.from_json(json.dumps(one)))
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _tree(payload: bytes) -> dict[str, Any]:
    try:
        tree = documents.load(payload)
    except DecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}
