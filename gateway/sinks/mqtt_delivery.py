"""Many messages over one link, within what its cloud allows: so many a second, so many unanswered.

The broker's acknowledgement counts here. It says that the broker has the message, not that anybody
else has it, nor that it outlives the broker.
"""

import time
from collections.abc import Iterable
from functools import partial
from threading import Event
from typing import NamedTuple

from gateway.core.batches import Refused
from gateway.errors import SinkRefusedError, SinkUnavailableError
from gateway.sinks.mqtt_link import NOBODY, Link
from gateway.sinks.mqtt_pieces import Piece
from gateway.sinks.mqtt_profiles import Profile


class Letter(NamedTuple):
    """A piece, and where it goes."""

    topic: str
    piece: Piece
    content_type: str


class Delivery:
    """Brings letters to one broker; what was acknowledged of a batch is not sent twice."""

    def __init__(self, profile: Profile) -> None:
        """Nothing is under way."""
        self._profile = profile
        self._due_s = 0.0
        self._batch = ""
        self._done: set[tuple[int, int]] = set()
        self._refused: list[Refused] = []
        self._ended = Event()

    def end(self) -> None:
        """Whoever waits for his turn is told."""
        self._ended.set()

    def deliver(self, link: Link, batch: str, letters: Iterable[Letter]) -> tuple[Refused, ...]:
        """Send the letters of a batch and wait for all answers; the rows that are never taken.

        Raises:
            SinkUnavailableError: some were not answered. The same batch again sends those only.
        """
        self._ended.clear()
        if batch != self._batch:
            self._batch, self._done, self._refused = batch, set(), []
        flying: dict[int, Letter] = {}
        for letter in letters:
            if letter.piece[:2] in self._done:
                continue
            size = len(letter.piece.payload)
            link.wait(partial(self._room, link, flying, size), "PUBACK", _next(flying))
            self._pace(size)
            packet = link.publish(
                letter.topic, letter.piece.payload, content_type=letter.content_type
            )
            flying[packet] = letter
        while flying:
            link.wait(partial(self._fewer, link, flying, len(flying)), "PUBACK", _next(flying))
        return tuple(self._refused)

    def _room(self, link: Link, flying: dict[int, Letter], size: int) -> bool | None:
        """Another one may be sent now."""
        count, most = self._settle(link, flying), self._profile.window_bytes
        held = sum(len(letter.piece.payload) for letter in flying.values())
        return (count < link.window and (not most or not held or held + size <= most)) or None

    def _fewer(self, link: Link, flying: dict[int, Letter], count: int) -> bool | None:
        """One more was answered."""
        return self._settle(link, flying) < count or None

    def _settle(self, link: Link, flying: dict[int, Letter]) -> int:
        """Look at the answers; how many are missing."""
        for packet, letter in list(flying.items()):
            try:
                code = link.answer(packet)
            except SinkRefusedError as error:
                rows = range(letter.piece.first, letter.piece.last + 1)
                self._refused += [Refused(seq, str(error)) for seq in rows]
                code = 0
            if code is None:
                continue
            if code == NOBODY and self._profile.needs_subscriber:
                raise SinkUnavailableError(f"nobody has subscribed to {letter.topic}")
            if letter.piece.first > 0:  # else it stands for no rows, and each connection needs it
                self._done.add(letter.piece[:2])
            del flying[packet]
        return len(flying)

    def _pace(self, size: int) -> None:
        """Wait until another message of this size is allowed."""
        profile, now_s = self._profile, time.monotonic()
        if self._due_s > now_s and self._ended.wait(self._due_s - now_s):
            raise SinkUnavailableError("closed")
        each = 1 / profile.messages_per_s if profile.messages_per_s else 0.0
        for_bytes = size / profile.bytes_per_s if profile.bytes_per_s else 0.0
        self._due_s = max(self._due_s, time.monotonic()) + max(each, for_bytes)


def _next(flying: dict[int, Letter]) -> int:
    """Bytes of the letter that is to be answered next."""
    return next((len(letter.piece.payload) for letter in flying.values()), 0)
