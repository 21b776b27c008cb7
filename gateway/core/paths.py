r"""Paths into a document: ``key``, ``"odd.key"``, ``[3]``, ``[*]`` or ``*``, ``[flag=DI1]``.

Four steps only. ``ENERGY.Power[1]``, ``ZbReceived.*.Temperature``, ``sensorDatas[flag=AI1].value``,
``"switch:0".apower``. A fan-out step may match many; what it matched is the path's captures. In
quotes, ``\"`` is a quote and ``\\`` a backslash.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Self, final

from gateway.core.messages import Tree

Captures = tuple[str, ...]


@final
class Missing:
    """Nothing is at that path, which is not the same as null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


class Key(NamedTuple):
    """A member of an object."""

    name: str

    def into(self, tree: Tree) -> Iterator[tuple[Captures, Tree]]:
        """Go one step down."""
        if isinstance(tree, dict) and self.name in tree:
            yield (), tree[self.name]

    def __str__(self) -> str:
        return quoted(self.name)


class Index(NamedTuple):
    """An element of an array, from 0."""

    at: int

    def into(self, tree: Tree) -> Iterator[tuple[Captures, Tree]]:
        """Go one step down."""
        if isinstance(tree, list) and self.at < len(tree):
            yield (), tree[self.at]

    def __str__(self) -> str:
        return f"[{self.at}]"


class Every(NamedTuple):
    """Each member or element; its key or index is a capture."""

    def into(self, tree: Tree) -> Iterator[tuple[Captures, Tree]]:
        """Go one step down."""
        if isinstance(tree, dict):
            yield from (((key,), value) for key, value in tree.items())
        elif isinstance(tree, list):
            yield from (((str(at),), value) for at, value in enumerate(tree))

    def __str__(self) -> str:
        return "[*]"


class Where(NamedTuple):
    """The records of an array, or of an object, whose field says so."""

    field: str
    says: str

    def into(self, tree: Tree) -> Iterator[tuple[Captures, Tree]]:
        """Go one step down."""
        records = tree.values() if isinstance(tree, dict) else tree
        if isinstance(tree, dict | list):
            for record in records:  # type: ignore[attr-defined]  # narrowed by tree
                if isinstance(record, dict) and _word(record.get(self.field)) == self.says:
                    yield (), record

    def __str__(self) -> str:
        return f"[{quoted(self.field)}={quoted(self.says)}]"


Step = Key | Index | Every | Where


@dataclass(frozen=True, slots=True)
class Path:
    """Where a value is in a document."""

    steps: tuple[Step, ...]
    key: str | None = None
    """The one key, when the path is only that: a plain ``dict.get`` then does."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a path.

        Raises:
            ValueError: what is wrong, and at which column (from 1).
        """
        return cls.of(*_steps(text))

    @classmethod
    def of(cls, *steps: Step) -> Self:
        """Make a path of steps."""
        only = steps[0] if len(steps) == 1 else None
        return cls(steps, only.name if isinstance(only, Key) else None)

    def find(self, tree: Tree) -> Iterator[tuple[Captures, Tree]]:
        """Give everything at this path, each with what the fan-out steps matched."""
        return _find(self.steps, 0, tree, ())

    def first(self, tree: Tree) -> Tree:
        """Give the first value at this path, or ``MISSING``."""
        if self.key is not None:
            return tree.get(self.key, MISSING) if isinstance(tree, dict) else MISSING
        for at, step in enumerate(self.steps):
            if not isinstance(step, Key):
                return next((value for _, value in _find(self.steps, at, tree, ())), MISSING)
            if not isinstance(tree, dict):
                return MISSING
            tree = tree.get(step.name, MISSING)
        return tree

    @property
    def fans_out(self) -> bool:
        """It may match more than one value."""
        return any(isinstance(step, Every | Where) for step in self.steps)

    def __str__(self) -> str:
        words = ("." + str(step) if isinstance(step, Key) else str(step) for step in self.steps)
        return "".join(words).removeprefix(".")


def quoted(name: str) -> str:
    """Write a key as a path needs it: bare where it can be."""
    if _BARE.fullmatch(name):
        return name
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


_BARE_NAME = r'[^."\[\]*=\s](?:[^."\[\]*=]*[^."\[\]*=\s])?'
_NAME = rf'"(?:[^"\\]|\\["\\])*"|{_BARE_NAME}'
_BARE = re.compile(_BARE_NAME)
_STEP = re.compile(
    rf"(?P<dot>\.)?(?:(?P<star>\*)|(?P<key>{_NAME}))"
    rf"|\[(?:(?P<index>\d{{1,6}})|(?P<each>\*)|(?P<field>{_NAME})=(?P<says>{_NAME}))\]",
    re.ASCII | re.DOTALL,
)


def _steps(text: str) -> Iterator[Step]:
    if not text:
        raise ValueError("column 1: a path has at least one step")
    at = 0
    while at < len(text):
        match = _STEP.match(text, at)
        bracket = match is not None and match[0][0] == "["
        if match is None or not (bracket or bool(match["dot"]) == (at > 0)):
            raise ValueError(
                f'column {at + 1}: expected key, "odd.key", [3], [*] or [field=value]: {text!r}'
            )
        yield _step(match)
        at = match.end()


def _step(match: re.Match[str]) -> Step:
    if match["key"] is not None:
        return Key(_bare(match["key"]))
    if match["index"] is not None:
        return Index(int(match["index"]))
    if match["field"] is not None:
        return Where(_bare(match["field"]), _bare(match["says"]))
    return Every()


def _bare(name: str) -> str:
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name


def _word(value: Tree) -> str | None:
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)


def _find(
    steps: tuple[Step, ...], at: int, tree: Tree, captures: Captures
) -> Iterator[tuple[Captures, Tree]]:
    if at == len(steps):
        yield captures, tree
        return
    for more, value in steps[at].into(tree):
        yield from _find(steps, at + 1, value, captures + more)
