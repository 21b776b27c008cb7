"""A received configuration: sections of the file that came from the repository.

It lies over the user's file: each section that it has stands instead of the file's, all others are
the file's. So it can bring only what ``updates.config.may`` lists, and what a person writes into
the file about anything else holds at once. Paths in it are relative to the user's file.
"""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from gateway.config import document, tree, widening
from gateway.config.problems import BadFileError, Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document
from gateway.core.updates import ACT


def overlaid(doc: Document, data: bytes, file: Path, may: Iterable[str]) -> Document:
    """Lay received sections over a file.

    Args:
        doc: the user's file.
        data: what was received.
        file: where that lies, for its problems.
        may: the sections that it may have.

    Raises:
        BadFileError: it is not YAML, or has another section; places are in ``file``.
    """
    over = document.parse_received(data, file, doc)
    if wrong := list(_surprises(over, set(may) - {ACT})):
        raise BadFileError(wrong)
    base = doc.root
    assert isinstance(base, tree.Mapping)  # noqa: S101  # it was found good
    assert isinstance(over.root, tree.Mapping)  # noqa: S101  # as this was
    root = replace(
        base, items={**base.items, **over.root.items}, keys={**base.keys, **over.root.keys}
    )
    return replace(over, root=root)


def _surprises(over: Document, known: Collection[str]) -> Iterator[Problem]:
    if not isinstance(over.root, tree.Mapping):
        yield over.problem((), "should be a mapping of sections")
        return
    for key in over.root.items:
        if key not in known:
            yield over.problem((key,), f"updates.config.may does not list {key!r}", key=True)


def allowed(local: Settings, new: Settings, file: Path) -> Settings:
    """The settings with what was received, if it may do what it does.

    Raises:
        BadFileError: it would widen what is done to machines, or reach what it must not.
    """
    may, own = local.updates.may if local.updates else (), "it must be in the gateway's own file"
    hint = f"{own}, or updates.config.may must list act"
    found = [(one, own) for one in widening.reaching(local, new)]
    found += [(one, hint) for one in widening.found(local, new) if ACT not in may]
    if found:
        raise BadFileError([Problem(str(file), 0, 1, *one) for one in found])
    return new
