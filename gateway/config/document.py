"""YAML -> a tree in which every key and value knows its line and column.

All scalars stay text: ``ON``, ``0x00158d00018255df``, ``0101``, ``12:34`` and ``3.10`` mean what
the schema says, not what YAML 1.1 makes of them. Aliases, anchors, merge keys and tags are
refused, since a few lines of them can stand for a terabyte; a duplicate key is an error, not a
silent last-wins.
"""

from collections.abc import Iterator
from pathlib import Path

import yaml

from gateway.config.problems import BadFileError, Problem
from gateway.config.tree import Document, Mapping, Mark, Node, Scalar, Sequence

try:  # libyaml is eight times faster; its wheels have it, a build without the library has not
    from yaml import CBaseLoader as _Loader
except ImportError:
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]

MAX_BYTES = 1 << 20
MAX_DEPTH = 24


def read(file: Path) -> Document:
    """Read a file.

    Raises:
        BadFileError: it cannot be read, or is not the YAML we take; with every problem of it.
    """
    try:
        if file.stat().st_size > MAX_BYTES:
            raise BadFileError([Problem(str(file), 0, 1, f"larger than {MAX_BYTES} bytes")])
        data = file.read_bytes()
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise BadFileError([Problem(str(file), 0, 1, f"cannot be read: {why}")]) from None
    return parse(data, file)


def parse(data: bytes, file: Path) -> Document:
    """Read a file's bytes.

    Raises:
        BadFileError: with every problem.
    """
    if len(data) > MAX_BYTES:
        raise BadFileError([Problem(str(file), 0, 1, f"larger than {MAX_BYTES} bytes")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8", "replace")
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        raise BadFileError([Problem(str(file), line, column, "not UTF-8")]) from None
    lines = text.splitlines()
    reader = _Reader(Document(file, lines, Mapping(Mark(1, 1))))
    return Document(file, lines, reader.read(text))


class _Reader:
    """Builds the tree from the parser's events, with a stack of its own: depth is bounded."""

    def __init__(self, document: Document) -> None:
        self._document = document
        self._open: list[Sequence | Mapping] = []
        self._root: Node = document.root
        self._documents = 0
        self._problems: list[Problem] = []

    def read(self, text: str) -> Node:
        try:
            for event in yaml.parse(text, Loader=_Loader):
                self._take(event)
        except yaml.YAMLError as error:
            self._problems.append(self._syntax(error))
        if self._problems:
            raise BadFileError(self._problems)
        return self._root

    def _syntax(self, error: yaml.YAMLError) -> Problem:
        mark = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if mark is not None:
            return self._document.at(Mark(mark.line + 1, mark.column + 1), f"not YAML: {said}")
        character = getattr(error, "character", None)
        shown = f" {chr(character)!r}" if isinstance(character, int) else ""
        return Problem(str(self._document.file), 0, 1, f"not YAML: {said}{shown}")

    def _take(self, event: yaml.Event) -> None:
        start = event.start_mark
        mark = Mark(start.line + 1, start.column + 1) if start else Mark(1, 1)
        for wrong in _refused(event):
            self._complain(mark, wrong)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._complain(mark, "a second document begins here; one file is one document")
            case yaml.ScalarEvent() | yaml.AliasEvent():
                text = getattr(event, "value", "")
                self._add(Scalar(text, mark, quoted=bool(getattr(event, "style", None))))
            case yaml.SequenceStartEvent():
                self._push(Sequence(mark))
            case yaml.MappingStartEvent():
                self._push(Mapping(mark))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()

    def _push(self, node: Sequence | Mapping) -> None:
        if len(self._open) >= MAX_DEPTH:
            self._complain(node.mark, f"nested deeper than {MAX_DEPTH}")
            raise BadFileError(self._problems)
        self._add(node)
        self._open.append(node)

    def _add(self, node: Node) -> None:
        into = self._open[-1] if self._open else None
        if into is None:
            self._root = node if self._documents == 1 else self._root
        elif isinstance(into, Sequence):
            into.items.append(node)
        elif into.pending is None:
            into.pending = self._key(node, into)
        else:
            into.items[into.pending.text] = node
            into.keys[into.pending.text] = into.pending.mark
            into.pending = None

    def _key(self, node: Node, into: Mapping) -> Scalar:
        if not isinstance(node, Scalar):
            self._complain(node.mark, "a key must be a word")
            return Scalar("", node.mark, quoted=True)
        if node.text == "<<" and not node.quoted:
            self._complain(node.mark, "merge keys are not supported")
        elif node.text in into.items:
            first = into.keys[node.text].line
            self._complain(node.mark, f"duplicate key {node.text!r}; the first is in line {first}")
        return node

    def _complain(self, mark: Mark, message: str) -> None:
        self._problems.append(self._document.at(mark, message))


def _refused(event: yaml.Event) -> Iterator[str]:
    if isinstance(event, yaml.AliasEvent):
        yield "aliases are not supported"
    elif getattr(event, "anchor", None):
        yield "anchors are not supported"
    if getattr(event, "tag", None):
        yield "tags are not supported"
