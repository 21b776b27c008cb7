"""Verbosity: the level of the log, changed while the gateway runs, for a time.

It is the file's again by itself, after that time and after a restart, so that nobody forgets a
debug level on a memory card, or a silent log.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.adapters import logs
from gateway.core import durations
from gateway.core.requests import Request, RequestError
from gateway.core.topic_tree import rfc3339
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal

FILE: Final = "file"
"""The word that takes a change away."""
DEFAULT_MS: Final = 3_600_000
MOST_MS: Final = 7 * 86_400_000
MOST_TEXT: Final = 200

log = structlog.get_logger()


class Verbosity:
    """What is written now, and until when."""

    def __init__(self, level: str, journal: Journal, announce: Announce, clock: Clock) -> None:
        """``level``: the file's."""
        self._file = level
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._until_mono_ms: int | None = None
        self._changed = asyncio.Event()

    def adopt(self, level: str) -> None:
        """The file has another level: it holds at once, or when a person's time is over."""
        self._file = level
        if self._until_mono_ms is None:
            logs.set_level(level)

    async def answer(self, request: Request) -> Mapping[str, object]:
        """``request/log-level`` with ``level``, or without: what holds.

        Raises:
            RequestError: it says what is wrong.
        """
        fields = request.fields
        if strange := sorted(fields.keys() - {"level", "for", "author", "reason"}):
            raise RequestError(f"unknown key {strange[0][:40]!r}; there are level, for, author")
        level = fields.get("level")
        if level is None:
            return self.document()
        if level not in (*logs.LEVELS, FILE):
            known = ", ".join((*logs.LEVELS, FILE))
            raise RequestError(f"level should be one of {known}, not {level!r}"[:MOST_TEXT])
        author, reason = _line(fields, "author"), _line(fields, "reason")
        for_ms = _for_ms(fields.get("for"))
        if level == FILE:
            self._set(self._file, None, by=author or "unknown", reason=reason)
        else:
            self._set(str(level), for_ms, by=author or "unknown", reason=reason)
        await self._journal.committed()
        return self.document()

    def _set(self, level: str, for_ms: int | None, *, by: str, reason: str) -> None:
        before = logs.level()
        until = None if for_ms is None else self._clock.mono_ms() + for_ms
        self._until_mono_ms = until
        logs.set_level(level)
        told = {"level": level, "before": before, "by": by, "reason": reason}
        told |= {"for_s": None if for_ms is None else for_ms // 1000}  # type: ignore[dict-item]  # JSON
        log.warning("log_level_changed", log_level=level, before=before, by=by, reason=reason)
        self._announce.event("log_level_changed", **told)
        self._changed.set()

    async def run(self) -> None:
        """Go back to the file's level when the time is over, for ever."""
        while True:
            self._changed.clear()
            until = self._until_mono_ms
            wait_s = None if until is None else max(0, until - self._clock.mono_ms()) / 1000
            try:
                async with asyncio.timeout(wait_s):
                    await self._changed.wait()
            except TimeoutError:
                self._set(self._file, None, by="time", reason="")

    def document(self) -> dict[str, object]:
        """What holds now."""
        until = self._until_mono_ms
        left_ms = None if until is None else max(0, until - self._clock.mono_ms())
        end = None if left_ms is None else rfc3339(self._clock.now_ms() + left_ms)
        return {"level": logs.level(), "file": self._file, "until": end}


def _line(fields: Mapping[str, object], key: str) -> str:
    """One line of text; empty when it is not there."""
    value = fields.get(key, "")
    if not isinstance(value, str) or len(value) > MOST_TEXT or not value.isprintable():
        raise RequestError(f"{key} should be one line of at most {MOST_TEXT} characters")
    return value.strip()


def _for_ms(given: object) -> int:
    if given is None:
        return DEFAULT_MS
    try:
        for_ms = durations.parse(str(given))
    except ValueError as error:
        raise RequestError(f"for: {error}"[:MOST_TEXT]) from error
    if for_ms > MOST_MS:
        raise RequestError(f"for: at most {durations.render(MOST_MS)}")
    return for_ms
