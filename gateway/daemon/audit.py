"""Audit: what the daemon itself puts on record, and the checkpoints that it signs.

Decisions and commands are recorded by the store, interventions by who takes them; here are start
and stop, configurations and models. A checkpoint is signed over records that are committed: after
so many, after so long, and at the end.
"""

import asyncio
import pwd
from collections.abc import Callable, Mapping
from typing import Final

import structlog

from gateway import __version__
from gateway.adapters import signing
from gateway.adapters.signing import KeyFileError, SigningKey
from gateway.config.settings import Settings
from gateway.core import checkpoints
from gateway.core.audit import Head, Kind, Record, canonical
from gateway.core.checkpoints import Checkpoint
from gateway.core.commands import Command
from gateway.core.messages import Message
from gateway.core.topic_tree import Document, rfc3339
from gateway.core.verdicts import Decision
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.security_events import OF_DEVICES, OF_FILES, OF_SOURCES
from gateway.daemon.witness import Witness
from gateway.errors import ConfigError
from gateway.store.batch import Opened

TOPIC: Final = "audit/checkpoint"
LOOK_S: Final = 5.0
"""So often it is looked whether a checkpoint is due by time."""
EVENTS: Final[Mapping[str, tuple[Kind, str]]] = {
    **dict.fromkeys(OF_FILES, (Kind.CONFIGURATION, "file")),
    **dict.fromkeys(("model_version_changed", "model_calibrated"), (Kind.MODEL, "model")),
    **dict.fromkeys(OF_DEVICES, (Kind.SECURITY, "device")),
    "update_changed": (Kind.UPDATE, "about"),
    "security_repository_refused": (Kind.UPDATE, "about"),
    "log_level_changed": (Kind.GATEWAY, "level"),
    **dict.fromkeys(OF_SOURCES, (Kind.SECURITY, "source")),
}
"""Events that are records, too: kind, and which key names what they are about."""

log = structlog.get_logger()


def open_key(settings: Settings) -> SigningKey | None:
    """The key that signs; None where our own cannot be made. Blocks.

    Raises:
        ConfigError: the file names a key that cannot be used.
    """
    named = settings.audit.key_file
    try:
        if named is not None:
            return SigningKey.load(named)
        key, made = signing.own(settings.store.path.with_name(signing.NAME))
    except KeyFileError as error:
        if named is not None:
            raise ConfigError(f"audit.key_file: {error}") from error
        log.warning("audit_key_failed", error=str(error))
        return None
    if made:
        log.info("audit_key_made", key=signing.fingerprint(key.public))
    return key


class Audit:
    """The chain, as the daemon sees it."""

    def __init__(
        self,
        settings: Settings,
        key: SigningKey | None,
        kept: Mapping[str, str],
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """``kept``: the store's room ``audit``."""
        self.settings = settings
        self._key = key
        self._known_key = kept.get("key", "")
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._head = Head()
        self._epoch = ""
        self._last: Checkpoint | None = None
        self._signed_mono_ms = clock.mono_ms()
        self._file: Document = {"file": ""}
        self._due = asyncio.Event()
        self._witness: Witness | None = None
        journal.on_head = self._grown
        announce.ears.append(self)

    # -- records --------------------------------------------------------------------------------

    def started(self, opened: Opened) -> None:
        """The gateway starts; with which file, and which key will sign."""
        told: Document = {"event": "started", "version": __version__, "boot": self._clock.boot}
        told |= {"database_created": opened.created, "notes": list(opened.notes)}
        self._record(Kind.GATEWAY, self.settings.gateway_id, told)
        self._file = of_file(self.settings)
        self._introduce(opened.epoch)

    def _introduce(self, epoch: str) -> None:
        """What holds while the chain grows: the file, the key."""
        body = {"event": "configuration_loaded", **self._file}
        self._record(Kind.CONFIGURATION, str(self._file["file"]), body)
        public = self._key.public if self._key else ""
        known = f"{epoch} {public}"
        if public and self._known_key != known:
            told: Document = {"public_key": public, "before": self._known_key.partition(" ")[2]}
            self._record(Kind.KEY, signing.fingerprint(public), told)
            self._journal.batch.kept["audit", "key"] = self._known_key = known

    def stopped(self) -> None:
        """The gateway stops because it was told to."""
        self._record(Kind.GATEWAY, self.settings.gateway_id, {"event": "stopped"})

    def _record(self, kind: Kind, subject: str, body: Mapping[str, object]) -> None:
        self._journal.batch.records.append(Record(kind, subject, body))
        self._journal.changed()

    # -- what is announced (an Ear) -------------------------------------------------------------

    def event(self, kind: str, keys: Mapping[str, object]) -> None:
        """Something happened to the gateway itself."""
        if kind == "configuration_loaded":
            self._file = dict(keys)
        if kind in EVENTS:
            recorded, name = EVENTS[kind]
            self._record(recorded, str(keys.get(name, "")), {"event": kind} | dict(keys))

    def decision(self, made: Decision) -> None:
        """The store records it."""

    def command(self, order: Command) -> None:
        """The store records it."""

    def fresh(self, asset: str, *, fresh: bool) -> None:
        """Nothing that is recorded."""

    # -- checkpoints ----------------------------------------------------------------------------

    def _grown(self, head: Head, epoch: str) -> None:
        """A commit is done: the chain ends here now."""
        if self._epoch not in ("", epoch):  # the database was damaged, and begun anew
            self._introduce(epoch)
        self._head, self._epoch = head, epoch
        if self._new >= self.settings.audit.checkpoint_records:
            self._due.set()

    @property
    def _new(self) -> int:
        """Records that no checkpoint is over yet."""
        if self._last is None or self._last.epoch != self._epoch:
            return self._head.seq
        return self._head.seq - self._last.seq

    def watch(self, link: Link, others: Callable[[Message], bool]) -> Callable[[Message], bool]:
        """Listen for the checkpoint that the broker keeps; who hears it, before ``others``."""
        topic = f"{self.settings.base}/{TOPIC}"
        place = (topic, self.settings.store.path)
        self._witness = Witness(*place, link, self._journal, self._announce, others)
        return self._witness.heard

    async def run(self) -> None:
        """Sign when it is time, for ever."""
        async with asyncio.TaskGroup() as group:
            if self._key is not None and self._witness is not None:
                group.create_task(self._witness.run(self._key.public))
            await self._sign_on_time()

    async def _sign_on_time(self) -> None:
        while True:
            try:
                async with asyncio.timeout(LOOK_S):
                    await self._due.wait()
            except TimeoutError:
                waited_ms = self._clock.mono_ms() - self._signed_mono_ms
                if waited_ms < self.settings.audit.checkpoint_interval_ms:
                    continue
            self._due.clear()
            self.sign()

    def sign(self) -> bool:
        """Sign the end of the chain, if it grew; it is stored with the batch that is open."""
        self._signed_mono_ms = self._clock.mono_ms()
        if self._key is None or not self._new:
            return False
        gateway = self.settings.gateway_id
        public, now_ms = self._key.public, self._clock.now_ms()
        drafted = checkpoints.draft(self._head, self._epoch, gateway, public, now_ms)
        signature = self._key.sign(canonical(drafted).encode())
        self._last = checkpoints.signed(drafted, signature)
        self._journal.batch.checkpoints.append(self._last)
        self._journal.changed()
        self.show()
        return True

    def show(self) -> None:
        """Publish the newest checkpoint, for whoever keeps one."""
        if self._last is not None:
            self._announce.now(TOPIC, checkpoints.tree(self._last))

    # -- health ---------------------------------------------------------------------------------

    def problem(self) -> str:
        """What works less than it should; empty when nothing does."""
        if self._witness is not None and self._witness.doubt:
            return f"audit: {self._witness.doubt}"
        return "" if self._key is not None else "audit: no key, nothing is signed"

    def document(self) -> Document:
        """For the health document."""
        last = self._last
        return {
            "epoch": self._epoch,
            "seq": self._head.seq,
            "hash": self._head.hash.hex(),
            "checkpoint": None if last is None else last.seq,
            "key": signing.fingerprint(self._key.public) if self._key else None,
        }


def of_file(settings: Settings) -> Document:
    """Which file holds now, and who wrote it when, as far as the file system knows."""
    file = settings.file
    told: Document = {"file": file.name, "sha256": settings.digest}
    try:
        found = file.stat()
        modified = rfc3339(found.st_mtime_ns // 1_000_000)
        return told | {"owner": _owner(found.st_uid), "modified": modified}
    except OSError:
        return told


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
