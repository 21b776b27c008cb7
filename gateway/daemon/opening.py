"""Opening: the store and the model packages of a configuration."""

from collections.abc import Mapping
from typing import NamedTuple

import structlog

from gateway.adapters.worker import WorkerSettings
from gateway.config.settings import Settings
from gateway.daemon.clock import Clock
from gateway.errors import PackageError
from gateway.models.package import Package, verify
from gateway.models.signature import public_key
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


class Packages(NamedTuple):
    """The model packages of a configuration, by the model's name."""

    good: Mapping[str, Package]
    refused: Mapping[str, str]
    """Those that cannot be trusted, and why: they stay out."""


def open_packages(settings: Settings) -> Packages:
    """Verify every package, and say which are refused."""
    good: dict[str, Package] = {}
    refused: dict[str, str] = {}
    for name, model in settings.models.items():
        try:
            trust = public_key(model.trust) if model.trust else ""
            good[name] = verify(model.package, trust)
        except PackageError as error:
            log.error("model_refused", model=name, error=str(error))
            refused[name] = str(error)
    return Packages(good, refused)


def worker_settings(settings: Settings) -> WorkerSettings:
    """What the inference worker may take."""
    return WorkerSettings(memory_bytes=settings.limits.worker_bytes)
