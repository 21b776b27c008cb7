"""Answered: what was done lately on whose transaction, so that nothing is done twice.

A broker delivers again what was not acknowledged, after a reconnect or a crash of ours, and people
press twice. The same transaction with the same content is answered again; with other content it is
refused. A message without a transaction is known again by its content, only where the broker says
that it comes again (DUP), or right after itself: a broker delivers it once per filter of ours.
"""

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Final, NamedTuple

from gateway.core.requests import Request, RequestError

KEEP_MS: Final = 600_000
"""Longer than any redelivery that is still news."""
MOST: Final = 256
TWICE_MS: Final = 2_000
"""Within this the same words, one right after the other, are one wish."""


class Answer(NamedTuple):
    """What was said."""

    digest: str
    """Of what was asked."""
    data: Mapping[str, object]
    error: str
    mono_ms: int

    def to_json(self) -> str:
        """As the store keeps it."""
        return json.dumps([self.digest, dict(self.data), self.error], ensure_ascii=False)


class Answered:
    """The newest answers, by who asked what."""

    def __init__(self) -> None:
        """Nothing was answered."""
        self._known: dict[str, Answer] = {}
        self._last = ""

    def find(self, request: Request, mono_ms: int) -> Answer | None:
        """What was said to this very request before.

        Raises:
            RequestError: its transaction was used for something else.
        """
        if request.transaction is None and not request.dup:
            last = self._known.get(self._last)
            again = last is not None and last.digest == digest(request)
            return last if last and again and mono_ms - last.mono_ms < TWICE_MS else None
        before = self._known.get(key(request))
        if before is not None and before.digest != digest(request):
            raise RequestError("this transaction was used for something else: take another")
        return before

    def note(self, request: Request, data: Mapping[str, object], error: str, mono_ms: int) -> str:
        """Remember what is said; its key."""
        name = key(request)
        self._known.pop(name, None)
        self._known[name] = Answer(digest(request), data, error, mono_ms)
        self._last = name
        return name

    def text(self, name: str) -> str:
        """One answer, as the store keeps it."""
        return self._known[name].to_json()

    def restore(self, name: str, text: str, mono_ms: int) -> None:
        """Take up what the store kept; its time begins again."""
        digest_, data, error = json.loads(text)
        self._known[name] = Answer(digest_, data, error, mono_ms)

    def forget(self, mono_ms: int) -> list[str]:
        """Forget what is old or too much; the keys."""
        over = len(self._known) - MOST
        gone = [
            name
            for at, (name, one) in enumerate(self._known.items())
            if at < over or mono_ms - one.mono_ms >= KEEP_MS
        ]
        for name in gone:
            del self._known[name]
        return gone


def key(request: Request) -> str:
    """What tells one request from another."""
    said = digest(request) if request.transaction is None else json.dumps(request.transaction)
    return f"{request.name}\n{request.asset}\n{said}"


def digest(request: Request) -> str:
    """Of everything that was asked."""
    told = [request.name, request.asset, dict(request.fields)]
    return sha256(json.dumps(told, sort_keys=True, default=repr).encode()).hexdigest()
