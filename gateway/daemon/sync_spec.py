"""From the user's clouds to what the process of sync is told."""

import os
from dataclasses import asdict

from gateway.adapters.pseudonym_key import NAME
from gateway.config.settings import Settings, SyncSink
from gateway.store.sync_opening import ledger_of
from gateway.sync.spec import SinkSpec, Spec


def spec_of(settings: Settings) -> Spec | None:
    """None: no cloud is told anything."""
    if not settings.sync:
        return None
    named = settings.privacy.key_file
    path = settings.store.path.absolute()
    return Spec(
        gateway=settings.gateway_id,
        database=str(path),
        ledger=str(ledger_of(path)),
        key_file=str(named.absolute()) if named else "",
        own_key_file=str(path.with_name(NAME)),
        parent=os.getpid(),
        sinks=tuple(_sink(sink) for sink in settings.sync.values()),
    )


def _sink(sink: SyncSink) -> SinkSpec:
    limits = sink.allowance
    return SinkSpec(
        name=sink.name,
        kind=sink.kind,
        settings=asdict(sink.settings),
        choice=sink.choice.tree(),
        budget=limits.budget,
        rate=limits.rate,
        hours=limits.hours.text if limits.hours else "",
        every_ms=sink.every_ms,
        backfill=sink.backfill,
    )
