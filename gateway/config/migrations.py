"""Migrations: what an older file says otherwise, found and put right without touching the rest.

Each has a name, and says in which place what was written and what is written now; the newest comes
last, and none is ever taken out. They change characters of a text, so comments, order and quotes
stay. ``check`` names them where it finds an old word.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from gateway.config import tree
from gateway.config.tree import Document, Mark, Node, Place

ANY: Final = "*"
"""Any name at this step of a place."""
COMMAND: Final = "edge-gateway config migrate"


class Edit(NamedTuple):
    """Characters of one line that become others."""

    mark: Mark
    length: int
    text: str


@dataclass(frozen=True, slots=True)
class Migration:
    """One word of the file that is another now."""

    name: str
    at: Place
    """Where it stands: of a key the key itself, of a value its key."""
    new: str
    old: str = ""
    """The value; empty: the key is what has another name."""

    def edits(self, doc: Document) -> Iterator[Edit]:
        """What to change in a file."""
        for mark, node in _found(doc.root, self.at):
            if self.old:
                if isinstance(node, tree.Scalar) and node.text == self.old and not node.reference:
                    yield from _edit(doc, node.mark, self.old, self.new)
            else:
                yield from _edit(doc, mark, str(self.at[-1]), self.new)

    def told(self) -> str:
        """What happened to it."""
        now = f"{'.'.join(map(str, self.at[:-1]))}.{self.new}".lstrip(".")
        return f"is {self.new!r} now" if self.old else f"moved to {now}"


MIGRATIONS: Final[Sequence[Migration]] = (
    Migration("log-format-text", ("log", "format"), "text", old="console"),
)


def hint(place: Place, value: str = "", known: Sequence[Migration] = MIGRATIONS) -> str:
    """What to do about a key, or its value, of an older file; empty: nothing is known."""
    for one in known:
        fits = len(one.at) == len(place) and all(
            step in (ANY, given) for step, given in zip(one.at, place, strict=True)
        )
        if fits and one.old == value:
            return f"{one.told()}: run {COMMAND!r}"
    return ""


def migrated(
    doc: Document, known: Sequence[Migration] = MIGRATIONS
) -> tuple[list[str], Mapping[Path, list[tuple[int, Edit]]]]:
    """Names of migrations that apply; per file its edits, each with its line there."""
    names: list[str] = []
    found: dict[Path, list[tuple[int, Edit]]] = defaultdict(list)
    for one in known:
        edits = list(one.edits(doc))
        names += [one.name] * bool(edits)
        for edit in edits:
            part = doc.part(edit.mark)
            found[part.file].append((edit.mark.line - part.before, edit))
    return names, found


def applied(text: str, edits: Sequence[tuple[int, Edit]]) -> str:
    """The text with its edits; every other character stays, the ends of its lines too."""
    lines = text.splitlines(keepends=True)
    for number, edit in sorted(edits, key=lambda one: (one[0], one[1].mark.column), reverse=True):
        line, start = lines[number - 1], edit.mark.column - 1
        lines[number - 1] = line[:start] + edit.text + line[start + edit.length :]
    return "".join(lines)


def sections(known: Sequence[Migration] = MIGRATIONS) -> frozenset[str]:
    """Sections that matter: what others name, and cannot be had, keeps nobody from migrating."""
    return frozenset(str(one.at[0]) for one in known)


def _found(root: Node, at: Place) -> Iterator[tuple[Mark, Node]]:
    """Keys at a place, and what stands there."""
    first, *rest = at
    items = root.items if isinstance(root, tree.Mapping) else {}
    for key, node in items.items():
        if first not in (ANY, key) or not isinstance(root, tree.Mapping):
            continue
        if rest:
            yield from _found(node, tuple(rest))
        else:
            yield root.keys[key], node


def _edit(doc: Document, mark: Mark, old: str, new: str) -> Iterator[Edit]:
    """One edit, if the word is written there as it reads: quoted or not."""
    start = mark.column - 1
    written = doc.line(mark.line)[start:]
    quoted = written[:1] in ("'", '"')
    if written[quoted:].startswith(old):
        yield Edit(Mark(mark.line, mark.column + quoted), len(old), new)
