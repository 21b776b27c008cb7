"""Witness: the broker keeps our newest checkpoint; after a start it is held against the chain.

So an end that was cut off while the gateway did not run, or an old database that was put back, is
noticed before the next checkpoint takes the place of the one that shows it.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import structlog

from gateway.adapters import signing
from gateway.core.audit import Kind, Record
from gateway.core.checkpoints import Checkpoint, parse
from gateway.core.messages import Message
from gateway.core.ports import Subscription
from gateway.daemon.announce import Announce
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.errors import StoreError
from gateway.store.reader import Reader

log = structlog.get_logger()


class Witness:
    """Hears the checkpoint that was published last before this start."""

    def __init__(
        self,
        topic: str,
        database: Path,
        link: Link,
        journal: Journal,
        announce: Announce,
        others: Callable[[Message], bool],
    ) -> None:
        """``others`` take what is not for us."""
        self._topic = topic
        self._database = database
        self._journal = journal
        self._announce = announce
        self._others = others
        self._kept: asyncio.Future[Checkpoint] = asyncio.get_running_loop().create_future()
        self.doubt = ""
        """Why the chain is not what it was; empty while nothing speaks against it."""
        link.own = (*link.own, Subscription(topic))

    def heard(self, message: Message) -> bool:
        """Take a message if it is on our topic; the first one that the broker kept counts."""
        if message.topic != self._topic:
            return self._others(message)
        if message.retain and message.payload and not self._kept.done():
            try:
                self._kept.set_result(parse(message.payload))
            except ValueError as error:
                log.warning("audit_checkpoint_unreadable", error=str(error))
        return True

    async def run(self, public_key: str) -> None:
        """Compare once; ``public_key``: ours, for anybody may publish."""
        kept = await self._kept
        content, signature = kept.signed
        if not signing.holds(content, signature, kept.public_key):
            log.warning("audit_checkpoint_unreadable", error="its signature does not hold")
            return
        if kept.public_key != public_key:
            key = signing.fingerprint(kept.public_key)
            log.warning("audit_checkpoint_unreadable", error=f"it is by another key, {key}")
            return
        try:
            self.doubt = await asyncio.to_thread(self._compared, kept)
        except StoreError as error:
            log.warning("audit_checkpoint_unreadable", error=str(error))
        if self.doubt:
            log.error("audit_broken", error=self.doubt)
            told = {"error": self.doubt, "kept": kept.seq, "kept_hash": kept.hash.hex()}
            self._announce.event("audit_broken", **told)
            body = {"event": "audit_broken"} | told
            self._journal.batch.records.append(Record(Kind.GATEWAY, "audit", body))
            self._journal.changed()

    def _compared(self, kept: Checkpoint) -> str:
        """What speaks against the chain; called in a thread of its own.

        Raises:
            StoreError: it cannot be read.
        """
        made = f"the checkpoint of {kept.made} that the broker keeps"
        with Reader.open(self._database) as reader:
            epoch, first, last, hash_ = reader.audit.place(kept.seq)
        if kept.epoch != epoch:
            return f"{made} is of chain {kept.epoch}, this is chain {epoch}"
        if kept.seq > last:
            return f"{made} is over record {kept.seq}, the chain ends at {last}"
        if kept.seq >= first and kept.hash != hash_:
            return f"{made} says otherwise of record {kept.seq}"
        return ""
