"""Opening: the store and the model packages of a configuration."""

import structlog

from gateway.adapters.worker import WorkerSettings
from gateway.config.settings import Settings
from gateway.daemon.clock import Clock
from gateway.daemon.foreman import Foreman
from gateway.store.reader import Reader
from gateway.store.sent import History, history
from gateway.store.writer import Store

log = structlog.get_logger()


def open_store(settings: Settings, clock: Clock) -> Store:
    """Open the database, and say what happened.

    Raises:
        StoreError: it cannot be opened.
    """
    store = Store.open(
        settings.store, boot=clock.boot, now_ms=clock.now_ms(), mono_ms=clock.mono_ms()
    )
    opened = store.opened
    log.info(
        "store_opened",
        path=str(settings.store.path),
        created=opened.created,
        migrated=list(opened.migrated),
        salvaged=opened.salvaged,
        set_aside=opened.set_aside,
    )
    for note in opened.notes:
        log.warning("store_noted", note=note)
    return store


def history_of(store: Store, settings: Settings, clock: Clock) -> History:
    """What was sent before this start, as far as limits count it.

    Raises:
        StoreError: it cannot be read.
    """
    lost = store.opened.set_aside is not None
    with Reader.open(settings.store.path) as reader:
        return history(reader, clock.boot, clock.mono_ms(), settings.assets, lost=lost)


def recent_decisions(settings: Settings) -> list[str]:
    """Ids of the newest decisions of fail-safes.

    Raises:
        StoreError: they cannot be read.
    """
    sql = "SELECT id FROM decision WHERE event = 'fail_safe' ORDER BY rowid DESC"
    with Reader.open(settings.store.path) as reader:
        return [str(id_) for (id_,) in reader.query(sql, limit=1_000).rows]


def open_worker(settings: Settings) -> Foreman:
    """The inference worker, on its way up where the file has models.

    It takes a second core for as long as the store and all else are made ready.
    """
    foreman = Foreman(worker_settings(settings))
    return foreman.begin() if settings.models else foreman


def worker_settings(settings: Settings) -> WorkerSettings:
    """What the inference worker may take."""
    signed = any(model.trust for model in settings.models.values())
    return WorkerSettings(memory_bytes=settings.limits.worker_bytes, signed=signed)
