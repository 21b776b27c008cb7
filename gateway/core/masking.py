"""Masking: texts without secrets, those that are known and those that look like one."""

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import quote

MASK: Final = "********"
"""Stands for a secret."""
SHORTEST: Final = 4
"""A shorter secret is none, and would take the text apart."""
_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^\s/@\"']*@")
_QUERY: Final = re.compile(r"([?&][^=\s&\"']{1,64}=)[^&\s\"']+")
_SAID: Final = re.compile(
    r"((?:password|passwd|passphrase|secret|token|api_?key|authorization|bearer)"
    r"[\"']?\s*[:=]\s*[\"']?(?:bearer |basic )?)[^\s\"',;}]+",
    re.IGNORECASE,
)
"""What people, and payloads, write about their secrets."""
_WORD: Final = re.compile(r"[a-z]*|.{1,7}")
"""A role or a name, beside a secret."""


class Mask:
    """Knows secrets; whatever text it is given it gives back without them."""

    def __init__(self, known: Iterable[str] = ()) -> None:
        """``known`` are looked for as they are, and as they look in JSON, addresses and base64."""
        forms = {form for secret in known for form in _forms(secret)}
        words = sorted((re.escape(one) for one in forms if len(one) >= SHORTEST), key=len)
        self._known = re.compile("|".join(reversed(words))) if words else None

    def text(self, text: str) -> str:
        """A text without secrets."""
        if self._known is not None:
            text = self._known.sub(MASK, text)
        text = _ADDRESS.sub(rf"\1{MASK}@", text)
        text = _SAID.sub(rf"\1{MASK}", text)
        return _QUERY.sub(rf"\1{MASK}", text)


def secrets_of(text: str) -> Iterator[str]:
    """Of what a file of secrets holds: the whole, each line, and what a line is made of.

    A line is a secret, an address with one in it, or ``name:role:secret``.
    """
    text = text.strip()
    yield text
    for line in text.splitlines():
        if line.strip() and not line.startswith(("-----", "#")):
            yield line.strip()
            scheme, address, rest = line.partition("://")
            parts = re.split(r"[:/@?&=,;\s]+", rest if address else scheme)
            yield from (one for one in parts if address or not _WORD.fullmatch(one))


def _forms(secret: str) -> Iterator[str]:
    """As it is, and as it looks in JSON, in an address and in base64."""
    yield secret
    yield json.dumps(secret)[1:-1]
    yield json.dumps(secret, ensure_ascii=False)[1:-1]
    yield quote(secret, safe="")
    yield b64encode(secret.encode()).decode().rstrip("=")
