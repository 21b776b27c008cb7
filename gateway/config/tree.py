"""The nouns of a YAML file that was read: every key and value knows its line and column."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from gateway.config import slips
from gateway.config.problems import Problem, discreet

Step = str | int
Place = tuple[Step, ...]
"""Keys and indexes from the root to a value."""


class Mark(NamedTuple):
    """A position, both numbers from 1; the lines of included files follow those of the first."""

    line: int
    column: int


class Word(str):
    """A plain scalar: unquoted, so it may be meant as a number or as true or false."""

    __slots__ = ()


class Reference(NamedTuple):
    """From where a value came that the file only names."""

    kind: Literal["environment", "credential"]
    name: str
    hidden: bool
    """Nobody is shown it."""
    by_default: bool = False
    """It is the default that stands beside the name."""
    is_path: bool = False
    """The value is where a credential lies, not what it says."""


@dataclass(slots=True)
class Scalar:
    """A text; empty and unquoted stands for "no value"."""

    text: str
    mark: Mark
    quoted: bool
    reference: Reference | None = None
    """None: the text stands here."""
    wrong: tuple[Problem, ...] = ()
    """Why what should stand here could not be had: a file, a variable, a credential."""


@dataclass(slots=True)
class Sequence:
    """A list."""

    mark: Mark
    items: list["Node"] = field(default_factory=list)


@dataclass(slots=True)
class Mapping:
    """Keys and values, in the file's order."""

    mark: Mark
    items: dict[str, "Node"] = field(default_factory=dict)
    keys: dict[str, Mark] = field(default_factory=dict)
    pending: Scalar | None = None
    """While reading: the key whose value comes next."""


Node = Scalar | Sequence | Mapping


class Part(NamedTuple):
    """A file among those of a document."""

    file: Path
    before: int
    """Lines of the document before its first."""
    at: Mark
    """Where it is included; of the first file its own beginning."""


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read, with what it includes."""

    file: Path
    lines: list[str]
    root: Node
    parts: tuple[Part, ...] = ()
    """The files it is made of, in the order of their lines."""

    def problem(
        self,
        place: Place,
        message: str,
        hint: str = "",
        *,
        key: bool = False,
        offset: int | None = None,
    ) -> Problem:
        """A problem at a value, or at its key; ``offset`` counts characters into a text."""
        node, mark = self._find(place, key=key)
        if offset is not None and isinstance(node, Scalar):
            start = mark.column + node.quoted
            written = self.line(mark.line)[start - 1 :]
            if written.startswith(node.text[:offset]):
                mark = Mark(mark.line, start + offset)
        hint = hint or slips.hint(message)
        named = node.reference if isinstance(node, Scalar) else None
        if named is not None and not named.is_path and isinstance(node, Scalar):
            message, kept = discreet(message, hint, node.text)
            hint = hint if key else kept
        return self.at(mark, message, hint)

    def at(self, mark: Mark, message: str, hint: str = "") -> Problem:
        """A problem at a position, in the file where that is."""
        part = self.part(mark)
        line, source = mark.line - part.before, self.line(mark.line)
        via = self.included_at(mark) if part.before else Mark(0, 0)
        return Problem(str(part.file), line, mark.column, message, hint, source, via)

    def included_at(self, mark: Mark) -> Mark:
        """The position in the first file that leads to this one."""
        part = self.part(mark)
        while part.before:
            mark, part = part.at, self.part(part.at)
        return mark

    def part(self, mark: Mark) -> Part:
        """The file in which a position is."""
        at = bisect_left(self.parts, mark.line, key=lambda part: part.before)
        return self.parts[at - 1] if at else Part(self.file, 0, Mark(1, 1))

    def line(self, number: int) -> str:
        """One line as the user wrote it, from 1; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def node(self, place: Place) -> Node | None:
        """The value at a place, if there is one."""
        node, _ = self._find(place, key=False, exact=True)
        return node

    def key_line(self, place: Place) -> int:
        """The line of a key, in its own file."""
        mark = self._find(place, key=True)[1]
        return mark.line - self.part(mark).before

    def origin(self, place: Place) -> tuple[Path, int]:
        """The file and the line in it where a value is, or what it is in."""
        mark = self._find(place, key=False)[1]
        part = self.part(mark)
        return part.file, mark.line - part.before

    def existing(self, place: Place) -> Place:
        """As much of a place as the file has."""
        node: Node | None = self.root
        for at, step in enumerate(place):
            node = _down(node, step)
            if node is None:
                return place[:at]
        return place

    def _find(self, place: Place, *, key: bool, exact: bool = False) -> tuple[Node | None, Mark]:
        """Go as far down as the place exists: what is missing is reported at its parent."""
        node: Node = self.root
        mark = node.mark
        for step in place:
            down = _down(node, step)
            if down is None:
                return (None if exact else node), mark
            mark = down.mark
            at_key = (key and step == place[-1]) or not isinstance(down, Scalar)
            if isinstance(node, Mapping) and at_key:
                mark = node.keys.get(str(step), mark)
            node = down
        return node, mark


def _down(node: Node | None, step: Step) -> Node | None:
    if isinstance(node, Mapping):
        return node.items.get(str(step))
    if isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
        return node.items[step]
    return None


def plain(node: Node) -> object:
    """The tree without positions: dict, list, ``Word``, str; None for "no value"."""
    if isinstance(node, Mapping):
        return {key: plain(value) for key, value in node.items.items()}
    if isinstance(node, Sequence):
        return [plain(item) for item in node.items]
    if node.quoted:
        return node.text
    return Word(node.text) if node.text else None


def scalars(node: Node) -> Iterator[Scalar]:
    """Every scalar at and below a node."""
    if isinstance(node, Scalar):
        yield node
        return
    for below in node.items.values() if isinstance(node, Mapping) else node.items:
        yield from scalars(below)


def hidden(node: Node) -> frozenset[str]:
    """The texts that nobody is shown."""
    found = (one for one in scalars(node) if one.reference is not None and one.reference.hidden)
    return frozenset(one.text for one in found)
