"""The last good file: what the gateway ran well with, kept beside its database.

It is a YAML file of its own: the user's text where that is one file, else what its files come to
together. What ``!env`` and ``!credential`` name stays named, so no secret is in it. Its first lines
say whose it is; relative paths in it are relative to the user's file.
"""

import json
import os
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.config import document, keeping, loader, tree
from gateway.config.problems import BadFileError
from gateway.config.settings import Settings
from gateway.config.tree import Document
from gateway.errors import GatewayError
from gateway.store.settings import StoreSettings

_HEAD: Final = (
    "# The last configuration that edge-gateway ran well with. Kept by the gateway: edit "
)
_OF: Final = re.compile(r'# Of (".*"), sha256 ([0-9a-f]{64})')
_STORE: Final = re.compile(r"^store[ \t]*:.*(?:\n(?:[ \t#].*)?)*", re.MULTILINE)
"""The section ``store`` of a text, of which the rest may be no YAML."""


def read(path: Path) -> Settings:
    """The settings of a file, as ``config.load`` gives them, with what is kept of it.

    Raises:
        BadFileError: with every problem of the file.
    """
    local, doc = loader.load_document(path)
    return replace(loader.completed(local, doc), snapshot=packed(doc, local.digest))


def fallback(path: Path, why: str) -> Settings | None:
    """The settings of the last good file of a broken one; None where there is none that works.

    Args:
        path: the broken file.
        why: what is wrong with it.
    """
    for kept in _places(path):
        found = _of(kept, path)
        if found is not None:
            return replace(found, broken_why=why)
    return None


def packed(doc: Document, digest: str) -> bytes:
    """What is to be kept of a file, small enough to be carried about; empty where it cannot be."""
    head = f"{_HEAD}{doc.file.name}\n# Of {json.dumps(str(doc.file.absolute()))}, sha256 {digest}\n"
    if len(doc.parts) > 1:
        text = "\n".join(_flat(doc.root, ""))
        try:
            same = tree.plain(document.parse(text.encode(), doc.file).root) == tree.plain(doc.root)
        except BadFileError:
            same = False
        if not same:
            return b""
    else:
        text = "\n".join(doc.lines)
    return keeping.packed(f"{head}{text}\n")


def root(snapshot: bytes, path: Path) -> tree.Node | None:
    """What a snapshot says; None of none.

    Raises:
        BadFileError: what it names is not there any more.
    """
    return document.parse(keeping.unpacked(snapshot), path).root if snapshot else None


def _places(path: Path) -> Iterator[Path]:
    """Where it may lie: the broken file says so itself, if as much of it can be read."""
    yield keeping.place(_database(path))
    state = os.environ.get("STATE_DIRECTORY", "")
    if state:
        yield from sorted(Path(state.partition(":")[0]).glob(f"*{keeping.SUFFIX}"))
    yield keeping.place(StoreSettings().path)


def _database(path: Path) -> Path:
    """As the broken file says, if as much of it can be read; else where it usually is."""
    section = ""
    with suppress(OSError):
        found = _STORE.search(path.read_text("utf-8-sig", "replace"))
        section = found[0] if found is not None else ""
    for said in (section, ""):
        text = f"gateway: {{id: any}}\nbrokers: {{any: {{host: localhost}}}}\n{said}\n"
        with suppress(BadFileError):
            return loader.load_text(text.encode(), path)[0].store.path
    return StoreSettings().path


def _of(kept: Path, path: Path) -> Settings | None:
    """The settings of a file that was kept, if it is of this one."""
    try:
        data = kept.read_bytes()
        _, second, *_ = data.decode().split("\n", 2)
        named = _OF.fullmatch(second)
        if named is None or json.loads(named[1]) != str(path.absolute()):
            return None
        local, doc = loader.load_text(data, path)
    except (OSError, ValueError, GatewayError):
        return None
    local = replace(local, digest=named[2], snapshot=keeping.packed(data.decode()))
    return loader.completed(local, doc)


# -- several files as one ------------------------------------------------------------------------


def _flat(node: tree.Node, pad: str) -> Iterator[str]:
    """Lines of a mapping or a list, what it includes among them."""
    if isinstance(node, tree.Mapping):
        named = (
            (f"{pad}{json.dumps(key, ensure_ascii=False)}:", one) for key, one in node.items.items()
        )
    elif isinstance(node, tree.Sequence):
        named = ((f"{pad}-", one) for one in node.items)
    else:
        return
    for name, one in named:
        said = _said(one)
        yield f"{name} {said}".rstrip()
        if not said:
            yield from _flat(one, f"{pad}  ")


def _said(node: tree.Node) -> str:
    """What stands behind a key; empty for what stands below it."""
    if isinstance(node, tree.Mapping):
        return "" if node.items else "{}"
    if isinstance(node, tree.Sequence):
        return "" if node.items else "[]"
    named = node.reference
    if named is None:
        return json.dumps(node.text, ensure_ascii=False) if node.quoted else node.text
    if named.kind == "credential":
        return f"!credential {named.name}"
    said = f"{named.name} {node.text}" if named.by_default else named.name
    return f"!env {json.dumps(said, ensure_ascii=False) if node.quoted else said}"
