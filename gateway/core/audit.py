"""The audit chain: what a record is, and how each is linked to the one before it.

What is hashed is one canonical text per record: a JSON object with its keys in alphabetical order,
no white space, UTF-8, numbers as Python writes them (the shortest text that reads back the same),
no NaN. ``hash = SHA-256(hash of the record before || canonical text)``, 32 zero bytes before the
first. The text of the body is stored as it was hashed, so nobody ever has to make it again.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256
from typing import Final, NamedTuple, cast

NOTHING: Final = bytes(32)
"""What stands before the first record."""


class Kind(StrEnum):
    """What is recorded."""

    GENESIS = "genesis"
    """The chain begins: the database's epoch, and what is older than the chain."""
    KEY = "key"
    """Checkpoints are signed by this key from now on."""
    GATEWAY = "gateway"
    """The daemon started or stopped."""
    CONFIGURATION = "configuration"
    DECISION = "decision"
    COMMAND = "command"
    """A state of a command."""
    INTERVENTION = "intervention"
    """What a person did."""
    MODEL = "model"
    FEEDBACK = "feedback"
    CLOCK = "clock"
    """The wall clock of a boot was wrong by so much; rows were re-stamped, records never are."""
    RETENTION = "retention"
    """Rows were dropped by the limits of the store."""
    SECURITY = "security"
    """A device or a source was suspicious, or let go; a device was forgotten."""
    EGRESS = "egress"
    """So many windows left the site for a cloud's model."""
    UPDATE = "update"
    """A model or a configuration came from the repository, and what became of it."""
    SALVAGE = "salvage"
    """The database before this one was damaged."""


@dataclass(frozen=True, slots=True)
class Record:
    """One thing to be recorded."""

    kind: str
    subject: str
    """What it is about: the id of a decision or command, an asset, a model, the gateway."""
    body: Mapping[str, object] = field(default_factory=dict)


class Head(NamedTuple):
    """Where a chain ends."""

    seq: int = 0
    hash: bytes = NOTHING


class When(NamedTuple):
    """When records were made, as the gateway knew it then."""

    at_ms: int
    """Wall clock; never re-stamped."""
    boot: int
    mono_ms: int
    clock: int
    """1 when the wall clock was synchronised."""


class Entry(NamedTuple):
    """A record in its chain; the columns of table ``audit``."""

    seq: int
    at_ms: int
    boot: int
    mono_ms: int
    clock: int
    kind: str
    subject: str
    body: str
    """Canonical JSON."""
    hash: bytes


def extend(head: Head, records: Iterable[Record], when: When) -> list[Entry]:
    """Link records to the end of a chain."""
    found: list[Entry] = []
    seq, before = head
    for record in records:
        seq += 1
        kind, subject = clean(str(record.kind)), clean(record.subject)
        bare = Entry(seq, *when, kind, subject, canonical(record.body), NOTHING)
        before = link(before, text(bare))
        found.append(bare._replace(hash=before))
    return found


def text(entry: Entry) -> bytes:
    """The canonical text of a record: what is hashed.

    Raises:
        TypeError, ValueError: a column is not what this program ever writes.
    """
    seq, at_ms, boot, mono_ms, clock, kind, subject, body, _ = entry
    return (
        f'{{"at_ms":{at_ms:d},"body":{body:s},"boot":{boot:d},"clock":{clock:d},'
        f'"kind":{_encode(kind)},"mono_ms":{mono_ms:d},"seq":{seq:d},'
        f'"subject":{_encode(subject)}}}'
    ).encode()


def link(before: bytes, content: bytes) -> bytes:
    """The hash of a record."""
    return sha256(before + content).digest()


def canonical(tree: Mapping[str, object]) -> str:
    """The canonical text of a body; what JSON does not have becomes text."""
    try:
        return clean(_encode(tree))
    except ValueError:
        return clean(_encode(_finite(tree)))


def clean(words: str) -> str:
    """Lone surrogates (JSON can carry them) as escapes: neither UTF-8 nor SQLite has them."""
    return words if words.isascii() else words.encode("utf-8", "backslashreplace").decode()


def line(entry: Entry) -> str:
    """A record of an export: its canonical text with its hash at the end, JSON all the same."""
    return f'{text(entry)[:-1].decode()},"hash":"{entry.hash.hex()}"}}'


def entry_of(words: str) -> Entry:
    """A record from a line of an export.

    The text that was hashed is made again from it, so a line that was written otherwise than
    ``line`` does (other key order, white space) is read, and holds only if it says the same.

    Raises:
        ValueError: it is none.
    """
    try:
        tree = json.loads(words)
        numbers = (tree[name] for name in ("seq", "at_ms", "boot", "mono_ms", "clock"))
        seq, at_ms, boot, mono_ms, clock = map(int, numbers)
        texts = (str(tree["kind"]), str(tree["subject"]), canonical(tree["body"]))
        return Entry(seq, at_ms, boot, mono_ms, clock, *texts, bytes.fromhex(tree["hash"]))
    except (KeyError, TypeError, ValueError, RecursionError, AttributeError) as error:
        raise ValueError(f"no record of an audit chain: {error!r}"[:200]) from error


def _plain(tree: object) -> object:
    if isinstance(tree, Mapping):
        return dict(tree)
    return sorted(tree, key=str) if isinstance(tree, set | frozenset) else str(tree)


_encode: Final = cast(
    "Callable[[object], str]",
    json.JSONEncoder(
        sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False, default=_plain
    ).encode,
)


def _finite(tree: object) -> object:
    if isinstance(tree, Mapping):
        return {str(name): _finite(value) for name, value in tree.items()}
    if isinstance(tree, list | tuple):
        return [_finite(value) for value in tree]
    return repr(tree) if isinstance(tree, float) and not math.isfinite(tree) else tree
