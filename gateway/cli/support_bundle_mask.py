"""Taking secrets out: by the keys of the file's schema, and whatever the files of secrets hold."""

import json
import os
import re
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Final
from urllib.parse import quote

from gateway.config.show import MASK

SHORTEST: Final = 4
"""A shorter secret is none, and would take the text apart."""
LARGEST: Final = 65_536
_KEY: Final = re.compile(
    r"(?:.*_)?(?:password|passwd|passphrase|pass|secret|token|key|credentials?|authorization|pin"
    r"|hash|psk|api_?key|connection_string|sas)",
    re.IGNORECASE,
)
_PUBLIC: Final = frozenset({"ca_file", "trust", "package", "root", "to"})
"""Files that everybody may know."""
_FILE: Final = re.compile(r".*_(?:file|folder)|file")
_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@\"']*@")
_QUERY: Final = re.compile(r"([?&][^=\s&\"']{1,64}=)[^&\s\"']+")
_SAID: Final = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api_?key|authorization|bearer)"
    r"[\"']?\s*[:=]\s*[\"']?(?:bearer |basic )?)[^\s\"',;}]+",
    re.IGNORECASE,
)
"""What people, and payloads, write about their secrets."""


class Masker:
    """Knows the secrets of a site; whatever it is given it gives back without them."""

    def __init__(self, tree: object, folder: Path) -> None:
        """Read the files that the configuration names, and those that systemd hands over."""
        found = {one for file in _files(tree, folder) for one in _secrets(file)}
        found |= set(_values(tree))
        forms = {form for secret in found for form in _forms(secret)}
        words = sorted((re.escape(one) for one in forms if len(one) >= SHORTEST), key=len)
        self._known = re.compile("|".join(reversed(words))) if words else None

    def text(self, text: str) -> str:
        """A text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _ADDRESS.sub(rf"\1{MASK}@", text)
        text = _SAID.sub(rf"\1{MASK}", text)
        return _QUERY.sub(rf"\1{MASK}", text)

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
    """The whole, each line, and what a line is made of: an address or ``name:role:secret``."""
    try:
        text = file.read_bytes()[:LARGEST].decode("utf-8", "replace").strip()
    except OSError:
        return
    yield text
    for line in text.splitlines():
        if line.strip() and not line.startswith(("-----", "#")):
            yield line.strip()
            scheme, address, rest = line.partition("://")
            parts = re.split(r"[:/@?&=,;\s]+", rest if address else scheme)
            yield from (one for one in parts if address or not _WORD.fullmatch(one))


_WORD: Final = re.compile(r"[a-z]*|.{1,7}")
"""A role or a name, beside a secret."""


def _forms(secret: str) -> Iterator[str]:
    """As it is, and as it looks in JSON, in an address and in base64."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield b64encode(secret.encode()).decode().rstrip("=")
