"""Opening: the store and the model packages of a configuration."""

import structlog

from gateway.adapters.worker import WorkerSettings
from gateway.config.settings import Settings
from gateway.daemon.clock import Clock
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


def worker_settings(settings: Settings) -> WorkerSettings:
    """What the inference worker may take."""
    return WorkerSettings(memory_bytes=settings.limits.worker_bytes)
