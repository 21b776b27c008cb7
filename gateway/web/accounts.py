"""Accounts: who is signed in, and how often somebody may guess."""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from gateway.errors import ConfigError
from gateway.web import passwords
from gateway.web.passwords import Person

MOST: Final = 256
"""Sessions; the oldest is ended for a new one."""
IDLE_S: Final = 12 * 3600.0
GUESSES: Final = 5
"""Wrong passwords, of one name and of all strangers together ..."""
WITHIN_S: Final = 60.0
"""... in this time; then nobody of that name is heard."""


Note = Callable[[str, dict[str, object]], None]
"""Told of what happens: an event of the daemon's log."""


class Who(NamedTuple):
    """Whoever sends a request."""

    name: str
    """Empty: nobody signed in."""
    role: str
    """``viewer``, ``operator``, or empty: nothing is shown."""
    csrf: str
    """What a request that changes something must bring."""


class _Session(NamedTuple):
    person: Person
    until_s: float


class Accounts:
    """The people of a file, and those who are here."""

    def __init__(self, file: str, guest: str, note: Note) -> None:
        """``guest``: the role without signing in, where ``file`` is empty.

        Raises:
            ConfigError: the file is wrong.
        """
        self._file = Path(file) if file else None
        self._guest = guest
        self._note = note
        self._secret = secrets.token_bytes(32)
        self._sessions: dict[str, _Session] = {}
        self._wrong: dict[str, list[float]] = {}
        self._stamp: tuple[int, int] | None = None
        self._people: dict[str, Person] = {}
        if self._file is not None:
            self._people = passwords.read(self._file)
            self._stamp = self._seen()

    @property
    def closed(self) -> bool:
        """One has to sign in."""
        return self._file is not None

    def _seen(self) -> tuple[int, int] | None:
        assert self._file is not None  # noqa: S101 - asked of a file only
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size

    def _look(self) -> None:
        """Take the file again if it was changed; a wrong one lets nobody in."""
        stamp = self._seen() if self._file is not None else None
        if self._file is None or stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._people = passwords.read(self._file)
        except ConfigError as error:
            self._note("accounts_unreadable", {"error": str(error)})
            self._people = {}

    def who(self, session: str) -> Who:
        """Who somebody is, by the cookie."""
        csrf = hmac.new(self._secret, session.encode(), "sha256").hexdigest()
        if not self.closed:
            return Who("", self._guest, csrf)
        self._look()
        key, now = _key(session), time.monotonic()
        found = self._sessions.get(key)
        if found is None or self._people.get(found.person.name) != found.person:
            return Who("", "", csrf)
        if found.until_s < now:
            del self._sessions[key]
            return Who("", "", csrf)
        self._sessions[key] = found._replace(until_s=now + IDLE_S)
        return Who(found.person.name, found.person.role, csrf)

    def may_guess(self, name: str) -> bool:
        """Whether another password of a name is looked at."""
        now = time.monotonic()
        known = name if name in self._people else ""
        left = [at for at in self._wrong.get(known, ()) if at > now - WITHIN_S]
        self._wrong[known] = left
        return len(left) < GUESSES

    def sign_in(self, name: str, password: str) -> str:
        """The new session's cookie; empty: name or password is wrong. Takes its time."""
        self._look()
        person = self._people.get(name, passwords.NOBODY)
        if not passwords.fits(password, person.kept) or person is passwords.NOBODY:
            known = name if name in self._people else ""
            self._wrong.setdefault(known, []).append(time.monotonic())
            self._note("sign_in_refused", {"person": known or "unknown"})
            return ""
        while len(self._sessions) >= MOST:
            del self._sessions[next(iter(self._sessions))]
        session = secrets.token_urlsafe(32)
        self._sessions[_key(session)] = _Session(person, time.monotonic() + IDLE_S)
        self._note("signed_in", {"person": name, "role": person.role})
        return session

    def sign_out(self, session: str) -> None:
        """End a session."""
        self._sessions.pop(_key(session), None)


def _key(session: str) -> str:
    """A session is known by its hash: a memory dump holds no cookie."""
    return hashlib.sha256(session.encode()).hexdigest()
