"""Passwords as they are kept: salted scrypt, one line for each person.

A line is ``name:role:scrypt$<n>$<r>$<p>$<salt>$<hash>``, salt and hash in hex; # begins a comment.
n = 2^14, r = 8 cost 16 MiB and about 40 ms (a Pi: 250 ms) per guess (RFC 7914; OWASP asks for n =
2^14 with p = 5 or the like: a gateway that is guessed at lets only a few guesses through anyway).
"""

import hashlib
import hmac
import re
import secrets
from pathlib import Path
from typing import Final, NamedTuple

from gateway.errors import ConfigError

ROLES: Final = ("viewer", "operator")
SHORTEST: Final = 8
LONGEST: Final = 256
"""Characters of a password."""
MAX_BYTES: Final = 65_536
_N, _R, _P, _SALT, _HASH = 2**14, 8, 1, 16, 32
_MOST_N: Final = 2**17
_NAME: Final = re.compile(r"[\w.@-]{1,40}")
_KEPT: Final = re.compile(r"scrypt\$(\d{1,7})\$(\d{1,2})\$(\d)\$([0-9a-f]{16,64})\$([0-9a-f]{64})")


class Person(NamedTuple):
    """Who may sign in."""

    name: str
    role: str
    kept: str


def keep(password: str, salt: bytes | None = None) -> str:
    """What is kept of a password."""
    salt = secrets.token_bytes(_SALT) if salt is None else salt
    return f"scrypt${_N}${_R}${_P}${salt.hex()}${_hash(password, _N, _R, _P, salt).hex()}"


NOBODY: Final = Person("", "viewer", f"scrypt${_N}${_R}${_P}${'0' * 32}${'0' * 64}")
"""Stands for unknown names, so that they take as long as known ones."""


def fits(password: str, kept: str) -> bool:
    """Whether it is the password; takes as long as it is meant to."""
    found = _KEPT.fullmatch(kept)
    if found is None or len(password) > LONGEST:
        return False
    n, r, p = map(int, found.groups()[:3])
    made = _hash(password, n, r, p, bytes.fromhex(found[4]))
    return hmac.compare_digest(made, bytes.fromhex(found[5]))


def _hash(password: str, n: int, r: int, p: int, salt: bytes) -> bytes:
    most = 256 * n * r * p + 2**20
    return hashlib.scrypt(password.encode(), salt=salt, n=n, r=r, p=p, maxmem=most, dklen=_HASH)


def line(name: str, role: str, password: str) -> str:
    """A person's line.

    Raises:
        ConfigError: the name or the password is none.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name[:40]!r} is no name: letters, digits and _.@- only")
    if not SHORTEST <= len(password) <= LONGEST:
        raise ConfigError(f"a password has {SHORTEST} to {LONGEST} characters")
    return f"{name}:{role}:{keep(password)}"


def read(file: Path) -> dict[str, Person]:
    """The people of a file.

    Raises:
        ConfigError: it cannot be read, or a line of it is none.
    """
    try:
        with file.open(encoding="utf-8") as opened:
            lines = opened.read(MAX_BYTES).splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file}: {getattr(error, 'strerror', None) or error}") from error
    told = enumerate(lines, 1)
    people = [_person(file, at, one) for at, one in told if one.strip() and one[0] != "#"]
    if not people:
        raise ConfigError(f"{file}: there is nobody in it; edge-gateway password NAME gives a line")
    return {one.name: one for one in people}


def _person(file: Path, at: int, text: str) -> Person:
    name, role, kept = (*text.strip().split(":", 2), "", "")[:3]
    found = _KEPT.fullmatch(kept)
    known = found is not None and 1 < int(found[1]) <= _MOST_N and int(found[1]).bit_count() == 1
    if not known or not _NAME.fullmatch(name) or role not in ROLES:
        raise ConfigError(f"{file}:{at}: should be a line of edge-gateway password")
    return Person(name, role, kept)
