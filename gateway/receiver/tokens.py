"""Who may send: bearer tokens (RFC 6750) from a file that may change at any time.

One token per line, and behind it, if it is for one gateway alone, that gateway's id::

    0f5e...b1                 any gateway
    77c0...9d plant-north     only this one
"""

from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError

LEAST: Final = 16
"""Letters of a token: shorter ones are guessed."""


class Tokens:
    """The tokens of a file; without a file everybody may."""

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Raises:
            ConfigError: it cannot be read, or is none.
        """
        self._path = path
        self._stamp: tuple[int, int] | None = None
        self._known: dict[bytes, str] = {}
        if path is not None:
            self._read(path)

    def gateway_of(self, authorization: str) -> str | None:
        """For which gateway a header speaks; ``""``: for any, None: for none."""
        if self._path is None:
            return ""
        self._refresh(self._path)
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            return None
        return self._known.get(_digest(token.strip()))

    def _refresh(self, path: Path) -> None:
        """Read a changed file; one that is wrong or gone changes nothing."""
        try:
            self._read(path)
        except ConfigError:
            return

    def _read(self, path: Path) -> None:
        try:
            found = path.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            lines = path.read_text("utf-8").splitlines()
        except (OSError, UnicodeError) as error:
            raise ConfigError(f"{path}: {error}") from error
        self._known = _tokens(path, lines)
        self._stamp = stamp


def _tokens(path: Path, lines: list[str]) -> dict[bytes, str]:
    known: dict[bytes, str] = {}
    for number, line in enumerate(lines, 1):
        token, _, gateway = line.strip().partition(" ")
        if not token or token.startswith("#"):
            continue
        if len(token) < LEAST:
            raise ConfigError(f"{path}:{number}: a token has at least {LEAST} letters")
        known[_digest(token)] = gateway.strip()
    if not known:
        raise ConfigError(f"{path}: no token in it")
    return known


def _digest(token: str) -> bytes:
    """What is looked up: how long that takes tells nothing of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()
