"""Retained: which topics hold a message of ours at the broker, remembered over restarts.

A broker keeps retained messages for ever. What the file no longer has (an asset, a source, Home
Assistant) would stay visible there, so it is taken back: an empty retained payload.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.daemon.journal import Journal

ROOM: Final = "retained"
"""Room of the store: topic -> empty text."""


class Retained:
    """Every topic that was published retained and not taken back."""

    def __init__(self, kept: Mapping[str, str], journal: Journal) -> None:
        """``kept``: what the store holds of the room."""
        self._topics = set(kept)
        self._journal = journal
        self.changed = True
        """A topic is new since somebody looked whether all are still wanted."""

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._topics))

    def __contains__(self, topic: str) -> bool:
        return topic in self._topics

    def note(self, topic: str) -> None:
        """It is being published retained; stored with the open batch."""
        if topic not in self._topics:
            self._topics.add(topic)
            self.changed = True
            self._journal.batch.kept[ROOM, topic] = ""
            self._journal.changed()

    def forget(self, topic: str) -> None:
        """It is being taken back, in the open batch."""
        self._topics.discard(topic)
        self._journal.batch.kept[ROOM, topic] = None
        self._journal.changed()
