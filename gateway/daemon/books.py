"""Books: of each slot, the commands its holder gave and what it has done, ours and the others'.

A note is published before its command, on the same connection. Whoever hears the note listens on
the command's own topic, too: a command that is not heard by the time its slot has been taken over
never reached the broker, and is still due. One that was told while nobody listened there counts
as sent.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import structlog

from gateway.core import fleet_topics, succession
from gateway.core.commands import Command
from gateway.core.fleet import Fleet
from gateway.core.fleet_topics import NOTES, Book, Mark, Note
from gateway.core.guards import Deed
from gateway.core.ledger import Use
from gateway.core.ports import Outgoing
from gateway.core.succession import Pair
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.permits import Permits, any_order
from gateway.daemon.site import Site
from gateway.errors import EncodeError

log = structlog.get_logger()

_NOTHING: Final = Book()


class Books:
    """What is known of the commands of each slot."""

    def __init__(self, fleet: Fleet, permits: Permits, docket: Docket, clock: Clock) -> None:
        """Nothing is known."""
        self._fleet = fleet
        self._permits = permits
        self._docket = docket
        self._clock = clock
        self._owners: Mapping[str, str] = {}
        self._notes: dict[str, list[Note]] = {}
        self._known: set[str] = set()
        """Ids of commands that were told."""
        self._done: dict[str, frozenset[Pair]] = {}
        """What each slot's book says is done."""
        self._taken: dict[str, frozenset[Pair]] = {}
        """What of it was taken up."""
        self._waiting: dict[str, Note] = {}
        """Told, and not heard yet."""
        self._unheard: set[str] = set()
        """Commands of ours whose note has not come back from the broker."""
        self._said: dict[str, frozenset[Pair]] = {}
        self._topics: tuple[str, ...] | None = None

    def adopt(self, site: Site, owners: Mapping[str, str]) -> None:
        """These are the assets, and the slots they belong to."""
        self._site, self._owners = site, owners
        self._topics = None

    def topics(self) -> Sequence[str]:
        """Every topic that a command of ours or of another member would be published on."""
        if self._topics is None:
            found, whole = set(), True
            for asset in self._site.settings.assets.values():
                for action in asset.actions.values():
                    try:
                        encoded = self._site.feeds[action.source].bridge.encode(any_order(action))
                    except EncodeError:
                        whole = False  # the registry is not there yet, or forbids it
                        continue
                    found |= {one.topic for one in encoded}
            if not whole:
                return sorted(found)
            self._topics = tuple(sorted(found))
        return self._topics

    # -- ours -----------------------------------------------------------------------------------

    def note(
        self, command: Command, outgoing: Sequence[Outgoing], value: float | None, epoch: int
    ) -> bytes:
        """The book of a slot with one more command, which is about to leave."""
        slot = self._owners[command.asset]
        made = Note(
            *(command.id, self._fleet.me, epoch, command.asset, command.action),
            *(command.by, value, self._clock.now_ms()),
            tuple(map(fleet_topics.mark, outgoing)),
        )
        self._known.add(made.id)
        self._unheard.add(made.id)
        self._add(slot, made)
        return self.now(slot)

    def changed(self, slot: str) -> bytes | None:
        """The book of a slot of ours, when what is done has changed."""
        return self.now(slot) if self._ours(slot) != self._said.get(slot) else None

    def lost(self, slot: str) -> None:
        """The slot is not ours any more: what did not come back was perhaps never told."""
        for note in [one for one in self._notes.get(slot, ()) if one.id in self._unheard]:
            self._notes[slot].remove(note)
            self._known.discard(note.id)
            self._unheard.discard(note.id)

    def idle(self, slot: str) -> bool:
        """No command of the slot is on its way."""
        return not any(self._owners.get(one.asset) == slot for one in self._docket.orders.all())

    def now(self, slot: str) -> bytes:
        """The book of a slot of ours, as it is."""
        done = self._said[slot] = self._ours(slot)
        return fleet_topics.book(Book(tuple(self._notes.get(slot, ())), done), self._clock.now_ms())

    def _ours(self, slot: str) -> frozenset[Pair]:
        orders = self._docket.orders.all()
        inside = {(one.asset, one.action) for one in orders if one.id not in self._known}
        return frozenset(
            pair
            for asset, owner in self._owners.items()
            if owner == slot
            for pair in succession.done(
                self._site.watches[asset], {action for at, action in inside if at == asset}
            )
        )

    def _add(self, slot: str, note: Note) -> None:
        self._notes[slot] = [*self._notes.get(slot, ()), note][-NOTES:]

    # -- the others' ----------------------------------------------------------------------------

    def told(self, slot: str, book: Book, *, ours: bool, live: bool) -> None:
        """The holder of a slot tells its book.

        Args:
            slot: which one.
            book: what it tells.
            ours: the holder is we, and our words came back: all know them.
            live: we were not away when it was told; else what was published then may have expired.
        """
        if ours:
            self._unheard.difference_update(note.id for note in book.notes)
            return
        listened = self.topics()
        for note in book.notes:
            if note.id in self._known or self._owners.get(note.asset) != slot:
                continue
            self._known.add(note.id)
            self._add(slot, note)
            again = self._about(note)  # what was done before is done once more
            self._taken[slot] = self._taken.get(slot, frozenset()) - again
            last = note is book.notes[-1] and note.marks  # the others left before it was told
            if live and last and note.marks[0].topic in listened:
                self._waiting[note.id] = note
            else:
                self._sent(note)
        self._done[slot] = book.done
        self._mark(slot)

    def seen(self, topic: str, payload: bytes) -> None:
        """Something was published on a command's topic."""
        if not self._waiting:
            return
        mark = Mark(topic, fleet_topics.digest(payload))
        for note in [one for one in self._waiting.values() if mark in one.marks]:
            del self._waiting[note.id]
            self._sent(note)
            self._mark(self._owners[note.asset])

    def held(self, slot: str) -> None:
        """The slot is ours: what was told and never heard was not sent."""
        for note in list(self._waiting.values()):
            if self._owners.get(note.asset) == slot:
                del self._waiting[note.id]
                self._notes[slot].remove(note)
                log.warning("command_void", command_id=note.id, asset=note.asset, gateway=note.who)
        self._said.pop(slot, None)
        self._taken.pop(slot, None)

    def _sent(self, note: Note) -> None:
        """Another gateway gave a command: limits count it here, too."""
        watch = self._site.watches.get(note.asset)
        if watch is None:
            return
        running_ms = self._permits.running_ms - max(0, self._clock.now_ms() - note.at_ms)
        deed = Deed(note.asset, note.action)
        if all(use.command != note.id for use in self._permits.ledger.of(deed)):
            use = Use(note.id, deed, running_ms, note.value, sent=True, ended_ms=running_ms)
            self._permits.ledger.take((use,))
        if note.by == "policy":
            succession.commanded(watch.policy, note.action, running_ms)
        log.info(
            "command_observed",
            command_id=note.id,
            asset=note.asset,
            action=note.action,
            gateway=note.who,
            epoch=note.epoch,
        )

    def _mark(self, slot: str) -> None:
        """Take up what is new in a slot's book, but for what nobody has seen leaving."""
        unsure = [pair for note in self._waiting.values() for pair in self._about(note)]
        told, before = self._done[slot].difference(unsure), self._taken.get(slot, frozenset())
        self._taken[slot] = told
        for asset in {asset for asset, _ in told ^ before}:
            watch = self._site.watches.get(asset)
            if watch is not None and self._owners.get(asset) == slot:
                succession.mark(watch, told - before, before - told, self._permits.running_ms)

    def _about(self, note: Note) -> frozenset[Pair]:
        watch = self._site.watches.get(note.asset)
        return frozenset(() if watch is None else succession.pairs(watch, note.action))
