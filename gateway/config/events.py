"""The parser's events -> a tree; depth is bounded, tags are met, and every place is kept."""

import re
from collections.abc import Iterator
from typing import Final

import yaml

from gateway.config import references
from gateway.config.including import Shelf
from gateway.config.problems import BadFileError, Problem, near
from gateway.config.references import UnmetError
from gateway.config.tree import Mapping, Mark, Node, Scalar, Sequence

try:  # libyaml is eight times faster; its wheels have it, a build without the library has not
    from yaml import CBaseLoader as _Loader
except ImportError:
    from yaml import BaseLoader as _Loader  # type: ignore[assignment]

MAX_DEPTH = 24
TAGS: Final = ("!include", "!env", "!credential")
_UNPRINTABLE: Final = re.compile(
    "[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
"""What YAML 1.1 has no place for; NEL and the byte order mark it has."""


class Reader:
    """Builds the tree from the parser's events, with a stack of its own: depth is bounded."""

    def __init__(self, shelf: Shelf, depth: int) -> None:
        """``depth``: of the place in which this file is included."""
        self._shelf = shelf
        self._part = shelf.document.parts[-1]
        self._depth = depth
        self._open: list[Sequence | Mapping] = []
        self._root: Node = Mapping(Mark(self._part.before + 1, 1))
        self._documents = 0
        self.problems: list[Problem] = []

    def read(self, text: str) -> Node:
        """The tree; an unsound one where there are problems."""
        try:
            for event in yaml.parse(text, Loader=_Loader):
                self._take(event)
        except yaml.YAMLError as error:
            self.problems.append(self._syntax(error, text))
        except _TooDeepError:
            pass
        return self._root

    def _syntax(self, error: yaml.YAMLError, text: str) -> Problem:
        at = getattr(error, "problem_mark", None)
        said = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
        if at is not None:
            mark = Mark(at.line + 1 + self._part.before, at.column + 1)
            return self._shelf.document.at(mark, f"not YAML: {said}")
        found = _UNPRINTABLE.search(text)
        before = text[: found.start()] if found else ""
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        shown = f" {found[0]!r}" if found else ""
        mark = Mark(line + self._part.before, column)
        return self._shelf.document.at(mark, f"not YAML: {said}{shown}")

    def _take(self, event: yaml.Event) -> None:
        start, before = event.start_mark, self._part.before
        mark = Mark(start.line + 1 + before, start.column + 1) if start else Mark(before + 1, 1)
        for wrong in _refused(event):
            self._complain(mark, wrong)
        match event:
            case yaml.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    self._complain(mark, "a second document begins here; one file is one document")
            case yaml.ScalarEvent() | yaml.AliasEvent():
                text = getattr(event, "value", "")
                quoted = bool(getattr(event, "style", None))
                tag = getattr(event, "tag", None)
                self._add(self._named(str(tag), text, mark, quoted=quoted) if tag else
                          Scalar(text, mark, quoted))  # fmt: skip
            case yaml.SequenceStartEvent():
                self._push(Sequence(mark), event)
            case yaml.MappingStartEvent():
                self._push(Mapping(mark), event)
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                self._open.pop()

    def _push(self, node: Sequence | Mapping, event: yaml.CollectionStartEvent) -> None:
        if event.tag:
            self._complain(node.mark, self._strange(event.tag, "a word, not a mapping or a list"))
        if len(self._open) + self._depth >= MAX_DEPTH:
            self._complain(node.mark, f"nested deeper than {MAX_DEPTH}")
            raise _TooDeepError
        self._add(node)
        self._open.append(node)

    def _named(self, tag: str, text: str, mark: Mark, *, quoted: bool) -> Node:
        """What a tag and its word stand for."""
        into = self._open[-1] if self._open else None
        key = into.pending.text if isinstance(into, Mapping) and into.pending else ""
        outside = into is None or (isinstance(into, Mapping) and into.pending is None)
        nothing = Scalar("", mark, quoted=True)
        if self._shelf.reach is None:
            self._complain(mark, "a received file names nothing of this machine: no tags")
        elif tag not in TAGS or outside:
            self._complain(mark, self._strange(tag, "a value or an entry of a list, not a key"))
        else:
            try:
                return self._met(tag, text, mark, key, quoted=quoted)
            except UnmetError as error:
                nothing.wrong = (self._shelf.document.at(mark, str(error), error.hint),)
            except BadFileError as error:
                nothing.wrong = error.problems
        return nothing

    def _met(self, tag: str, text: str, mark: Mark, key: str, *, quoted: bool) -> Node:
        if tag == "!env":
            return references.variable(text, mark, references.environment(), quoted=quoted)
        if tag == "!credential":
            return references.credential(text, mark, key, references.environment())
        return self._included(text, mark)

    def _included(self, name: str, mark: Mark) -> Node:
        """What another file says.

        Raises:
            UnmetError: it cannot be included.
            BadFileError: with every problem of it.
        """
        with self._shelf.opened(name, mark) as text:
            reader = Reader(self._shelf, self._depth + len(self._open))
            root = reader.read(text)
        if reader.problems:
            raise BadFileError(reader.problems)
        return root

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
            first = into.keys[node.text].line - self._part.before
            self._complain(node.mark, f"duplicate key {node.text!r}; the first is in line {first}")
        return node

    @staticmethod
    def _strange(tag: str, place: str) -> str:
        if tag in TAGS:
            return f"{tag} stands for {place}"
        meant = near(tag, TAGS)
        return f"tags are not supported, but for {', '.join(TAGS)}" + (f"; {meant}" * bool(meant))

    def _complain(self, mark: Mark, message: str) -> None:
        self.problems.append(self._shelf.document.at(mark, message))


class _TooDeepError(Exception):
    """It nests deeper than anything sound does."""


def _refused(event: yaml.Event) -> Iterator[str]:
    if isinstance(event, yaml.AliasEvent):
        yield "aliases are not supported"
    elif getattr(event, "anchor", None):
        yield "anchors are not supported"
