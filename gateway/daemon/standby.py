"""Standby: this gateway as a member of a fleet: which assets it commands now, and who the others.

Everything is heard, stored and judged here whoever commands; what is not ours is muted: its
policies run in shadow and the limits refuse its commands. Without ``fleet`` in the file none of
this is made.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

from gateway.adapters.mqtt_settings import Broker
from gateway.core import fleet_topics
from gateway.core.commands import Command
from gateway.core.fleet import Fleet, owners, ties
from gateway.core.interventions import Standing
from gateway.core.messages import Message
from gateway.core.ports import Outgoing
from gateway.core.topic_tree import Document
from gateway.daemon.announce import Announce
from gateway.daemon.books import Books
from gateway.daemon.clock import Clock
from gateway.daemon.commander import Commander
from gateway.daemon.links import Link
from gateway.daemon.lookout import Lookout
from gateway.daemon.presence import Presence
from gateway.daemon.relay import Relay
from gateway.daemon.site import Site
from gateway.daemon.takeover import Takeover

LOOK_S: Final = 0.2


class Standby:
    """The fleet, as one member sees it."""

    def __init__(
        self,
        site: Site,
        fleet: Fleet,
        broker: Broker,
        standing: Standing,
        books: Books,
        takeover: Takeover,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing is ours before it was taken at the broker."""
        self.fleet = fleet
        self._standing = standing
        self._books = books
        self._takeover = takeover
        self._announce = announce
        self._clock = clock
        self.presence = Presence(fleet, clock)
        self.relay: Relay | None = None
        """Attached before the first message."""
        self.lookout = Lookout(fleet, broker, clock, self.heard)
        self.slots = {
            member.id: Commander(fleet, member.id, broker, clock) for member in fleet.members
        }
        for slot in self.slots.values():
            slot.on_held, slot.on_lost = self._held, self._lost
        self._taken: asyncio.Queue[str] = asyncio.Queue()
        self._closed = False
        self.hurry: Callable[[], None] = lambda: None
        """The health document is due."""
        self.quit: Callable[[str], None] = lambda _slot: None
        """Told a slot whose commands must not leave any more."""
        self.owners: dict[str, str] = {}
        self.site = site

    @property
    def site(self) -> Site:
        """What is commanded."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        settings = site.settings
        tied = list(ties(settings.assets, settings.exclusions))
        self.owners = owners(settings.assets, tied, self.fleet.members)
        self._books.adopt(site, self.owners)
        self._takeover.site = site
        self._mute()

    def assets(self, slot: str) -> list[str]:
        """The assets of a slot."""
        return [asset for asset, owner in self.owners.items() if owner == slot]

    def holds(self, asset: str) -> bool:
        """We command it."""
        return self.slots[self.owners[asset]].held

    def holder(self, asset: str) -> str:
        """Who commands it, as far as is known; empty: nobody, or there is no such asset."""
        owner = self.owners.get(asset)
        return self.slots[owner].seat.holder if owner is not None else ""

    def link(self, command: Command) -> Link | None:
        """The fenced connection on which a command may leave."""
        slot = self.slots.get(self.owners.get(command.asset, ""))
        return slot.link if slot is not None and slot.held else None

    def leaving(self, command: Command, outgoing: Sequence[Outgoing], value: float | None) -> None:
        """A command is about to leave: whoever comes after us shall know."""
        slot = self.slots[self.owners[command.asset]]
        slot.publish("notes", self._books.note(command, outgoing, value, slot.seat.epoch))

    # -- the others -----------------------------------------------------------------------------

    def heard(self, message: Message) -> None:
        """Take what the lookout hears."""
        levels = message.topic.split("/")
        match levels:
            case ["fleet", _, "slot", slot, name] if slot in self.slots:
                self._told(self.slots[slot], name, message)
            case ["edge", member, "availability"]:
                self.presence.heard(member, message.payload)
            case ["edge", *_, "set"]:
                if self.relay is not None:
                    self.relay.heard(message, live=self.lookout.synced_ms is not None)
            case _:
                self._books.seen(message.topic, message.payload)

    def _told(self, slot: Commander, name: str, message: Message) -> None:
        if name in ("state", "fence"):
            slot.heard(name, message.payload)
            self._mute()
        elif name == "notes":
            live = self.lookout.synced_ms is not None and not message.retain
            book = fleet_topics.read_book(message.payload)
            self._books.told(slot.slot, book, ours=slot.held, live=live)
        elif name == "standing" and self.relay is not None and not slot.held:
            self.relay.standing(fleet_topics.read_standing(message.payload))

    def filters(self) -> list[str]:
        """What the lookout listens to."""
        others = [member.id for member in self.fleet.members if member.id != self.fleet.me]
        topics = ("availability", "asset/+/+/set", "+/set")
        return [
            f"{fleet_topics.root(self.fleet.site)}/slot/+/+",
            *(f"edge/{other}/{topic}" for other in others for topic in topics),
            *self._books.topics(),
        ]

    # -- what is ours ---------------------------------------------------------------------------

    def _mute(self) -> None:
        """What is not ours is recorded only."""
        muted = {}
        for asset, owner in self.owners.items():
            slot = self.slots[owner]
            if not slot.held or self._closed:
                who = slot.seat.holder if slot.seat.holder != self.fleet.me else ""
                muted[asset] = f"fleet: {who or 'nobody'} commands it"
        if muted != self._standing.muted:
            self._standing.muted = muted
            self.hurry()

    def _held(self, slot: Commander) -> None:
        """A slot is ours: what is due on its assets is done now."""
        self._books.held(slot.slot)
        if self.relay is not None:
            self.relay.taken(slot.slot)
        self._mute()
        self._announce.event("slot_taken", slot=slot.slot, epoch=slot.seat.epoch)
        self._taken.put_nowait(slot.slot)

    def _lost(self, slot: Commander) -> None:
        self._mute()
        self._books.lost(slot.slot)
        self.quit(slot.slot)
        self._announce.event("slot_lost", slot=slot.slot, holder=slot.seat.holder or None)

    async def run(self) -> None:
        """Watch, take and give back, for ever."""
        self.lookout.start(self.filters())
        async with asyncio.TaskGroup() as group:
            group.create_task(self.lookout.failed())
            group.create_task(self._succeed())
            while True:
                self.look()
                await asyncio.sleep(LOOK_S)

    async def _succeed(self) -> None:
        while True:
            slot = await self._taken.get()
            if self.slots[slot].held:
                await self._takeover.take(self.assets(slot))

    def look(self) -> None:
        """Do what is due now."""
        if self._closed:
            return
        self.lookout.look()
        self.lookout.listen(self.filters())
        protocol = self.lookout.client.state.protocol
        for slot in self.slots.values():
            slot.look(self.lookout.synced_ms, protocol)
            if slot.held and slot.wanted(self.presence.since_ms) and self._books.idle(slot.slot):
                slot.publish("notes", self._books.now(slot.slot))
                slot.give_back()
            if slot.held:
                self._publish(slot)
        self._mute()

    def _publish(self, slot: Commander) -> None:
        """What a successor must know, where it has changed."""
        book = self._books.changed(slot.slot)
        if book is not None:
            slot.publish("notes", book)
        held = self.relay.changed(slot.slot, self.assets(slot.slot)) if self.relay else None
        if held is not None:
            slot.publish("standing", held)

    async def close(self) -> None:
        """The daemon stops: whoever is next may command."""
        self._closed = True
        for slot in self.slots.values():
            if slot.held:
                slot.publish("notes", self._books.now(slot.slot))
        self._mute()
        await asyncio.gather(*(slot.close() for slot in self.slots.values() if slot.link))
        await self.lookout.stop()

    def problems(self) -> list[str]:
        """What works less than it should."""
        if self.lookout.synced_ms is None:
            return ["fleet: what the others say is not heard"]
        free = (name for name, slot in self.slots.items() if not slot.seat.holder)
        return [f"fleet: nobody holds the slot {name}" for name in free]

    def document(self) -> Document:
        """Its part of the health document."""
        return {
            "site": self.fleet.site,
            "member": self.fleet.me,
            "slots": {
                name: {
                    "holder": slot.seat.holder or None,
                    "epoch": slot.seat.epoch,
                    "role": "commander" if slot.held else "standby",
                    "line": list(self.fleet.line(name)),
                    "assets": self.assets(name),
                }
                for name, slot in self.slots.items()
            },
        }
