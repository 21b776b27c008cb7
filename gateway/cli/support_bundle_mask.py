"""Taking secrets out: by the keys of the file's schema, and whatever the files of secrets hold."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from gateway.core.masking import MASK, Mask, secrets_of

LARGEST: Final = 65_536
_KEY: Final = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|pass|secret|token|key|credentials?|authorization|pin"
    r"|hash|psk|api_?key|connection_string|sas)",
    re.IGNORECASE,
)
_PUBLIC: Final = frozenset({"ca_file", "trust", "package", "root", "to"})
"""Files that everybody may know."""
_FILE: Final = re.compile(r".*_(?:file|folder)|file")


class Masker:
    """Knows the secrets of a site; whatever it is given it gives back without them."""

    def __init__(self, tree: object, folder: Path, hidden: Iterable[str] = ()) -> None:
        """Read the files that the configuration names, and those that systemd hands over.

        Args:
            tree: the configuration.
            folder: where it lies.
            hidden: what it takes from elsewhere and shows nobody.
        """
        found = set(hidden)
        found |= {one for file in _files(tree, folder) for one in _secrets(file)}
        found |= set(_values(tree))
        self.text = Mask(found).text
        """Gives a text back without secrets."""

    def tree(self, node: object) -> object:
        """A document without secrets: by its keys, and in its texts."""
        if isinstance(node, dict):
            return {
                self.text(str(key)): MASK if _hidden(str(key), one) else self.tree(one)
                for key, one in node.items()
            }
        if isinstance(node, list | tuple):
            return [self.tree(one) for one in node]
        return self.text(str(node)) if isinstance(node, str) else node


def _hidden(key: str, value: object) -> bool:
    return isinstance(value, str | int | float) and _KEY.fullmatch(key) is not None and value != ""


def _values(node: object) -> Iterator[str]:
    """Secrets that stand in the file itself, where they should not."""
    if isinstance(node, dict):
        for key, value in node.items():
            if _hidden(str(key), value):
                yield str(value)
            yield from _values(value)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _values(one)


def _files(node: object, folder: Path) -> Iterator[Path]:
    handed = os.environ.get("CREDENTIALS_DIRECTORY")
    if handed:
        yield from Path(handed).iterdir()
    yield from _named(node, folder)


def _named(node: object, folder: Path) -> Iterator[Path]:
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(value, str) and _FILE.fullmatch(str(key)) and key not in _PUBLIC:
                yield folder / value
            else:
                yield from _named(value, folder)
    elif isinstance(node, list | tuple):
        for one in node:
            yield from _named(one, folder)


def _secrets(file: Path) -> Iterator[str]:
    try:
        text = file.read_bytes()[:LARGEST].decode("utf-8", "replace")
    except OSError:
        return
    yield from secrets_of(text)
