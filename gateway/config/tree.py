"""The nouns of a YAML file that was read: every key and value knows its line and column."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from gateway.config.problems import Problem

Step = str | int
Place = tuple[Step, ...]
"""Keys and indexes from the root to a value."""


class Mark(NamedTuple):
    """A position, both numbers from 1."""

    line: int
    column: int


class Word(str):
    """A plain scalar: unquoted, so it may be meant as a number or as true or false."""

    __slots__ = ()


@dataclass(slots=True)
class Scalar:
    """A text; empty and unquoted stands for "no value"."""

    text: str
    mark: Mark
    quoted: bool


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


@dataclass(frozen=True, slots=True)
class Document:
    """A file that was read."""

    file: Path
    lines: list[str]
    root: Node

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
        return self.at(mark, message, hint)

    def at(self, mark: Mark, message: str, hint: str = "") -> Problem:
        """A problem at a position."""
        return Problem(str(self.file), *mark, message, hint, self.line(mark.line))

    def line(self, number: int) -> str:
        """One line as the user wrote it, from 1; empty beyond the end."""
        return self.lines[number - 1] if 0 < number <= len(self.lines) else ""

    def node(self, place: Place) -> Node | None:
        """The value at a place, if there is one."""
        node, _ = self._find(place, key=False, exact=True)
        return node

    def key_mark(self, place: Place) -> Mark:
        """Where a key stands."""
        return self._find(place, key=True)[1]

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
