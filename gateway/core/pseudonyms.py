"""Pseudonyms: keyed names of devices and assets for what leaves the site.

HMAC-SHA-256 over the kind and the name (RFC 2104), cut to 80 bits, in base32 without padding: the
same name always gets the same pseudonym under one key, and without the key a name that is guessed
cannot be tried. Another gateway has another key, so its pseudonyms do not compare.
"""

import hmac
from base64 import b32encode
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Final

BYTES: Final = 10
LEAST_KEY: Final = 16
"""Bytes of a key."""


class Pseudonyms:
    """The names of one site under one key."""

    def __init__(self, key: bytes) -> None:
        """Use this key.

        Raises:
            ValueError: it is too short.
        """
        if len(key) < LEAST_KEY:
            raise ValueError(f"a key has at least {LEAST_KEY} bytes, not {len(key)}")
        self._key = key
        self._known: dict[tuple[str, str], str] = {}

    def of(self, kind: str, name: str) -> str:
        """The pseudonym of a name: ``device-4pfnq2...``; an empty name has none."""
        if not name:
            return ""
        known = self._known.get((kind, name))
        if known is None:
            known = self._known[kind, name] = self._made(kind, name)
        return known

    def _made(self, kind: str, name: str) -> str:
        digest = hmac.digest(self._key, f"{kind}\0{name}".encode("utf-8", "surrogatepass"), sha256)
        return f"{kind}-{b32encode(digest[:BYTES]).decode().lower()}"

    def device(self, source: str, device: str) -> str:
        """Of a device; those of two sources are two."""
        return self.of("device", f"{source}/{device}" if device else "")

    def asset(self, asset: str) -> str:
        """Of an asset."""
        return self.of("asset", asset)

    def row(self, row: Mapping[str, object]) -> dict[str, object]:
        """One row of what leaves: its source, device, asset and key under other names."""
        told = dict(row)
        source, device, asset = (str(row.get(name) or "") for name in ("source", "device", "asset"))
        hidden = {
            "source": self.of("source", source),
            "device": self.device(source, device),
            "asset": self.asset(asset),
        }
        told |= {name: said for name, said in hidden.items() if name in row}
        if "key" in row:
            metric = str(row["key"]).rpartition("/")[2]
            told["key"] = f"{told.get('asset') or told.get('device') or 'unknown'}/{metric}"
        return told

    def find(self, wanted: str, names: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
        """Which of these (kind, name) have this pseudonym, or are this name."""
        return [(kind, name) for kind, name in names if wanted in (name, self.of(kind, name))]
