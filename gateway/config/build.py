"""From the user's words to the nouns of the rooms. The references were checked before."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.adapters.mqtt_settings import Broker, Tls
from gateway.config import (
    auditing,
    delivery,
    fleet,
    guards,
    inference,
    metrics,
    people,
    policies,
    rungs,
    security,
    sinks,
    sources,
    telling,
    updates,
    web,
)
from gateway.config.assets import (
    ActionSection,
    AssetSection,
    MetricSection,
    ProofSection,
    SignalSection,
)
from gateway.config.root import Root
from gateway.config.schema import BrokerSection, StoreSection, TlsSection
from gateway.config.settings import Limits, Settings, Source
from gateway.config.watching import Log
from gateway.core import units
from gateway.core.assets import (
    Action,
    Asset,
    Proof,
)
from gateway.core.paths import Path as ValuePath
from gateway.core.readings import Metric, MetricKind
from gateway.core.signals import Sampling
from gateway.store.settings import StoreSettings


def build(root: Root, file: Path) -> Settings:
    """Make the settings; relative paths are relative to the file."""
    here = file.absolute().parent
    store = _store(root.store, here)
    folder = delivery.folder(store.path)
    return Settings(
        file=file.absolute(),
        gateway_id=root.gateway.id,
        gateway_name=root.gateway.name or root.gateway.id,
        brokers={
            name: _broker(name, broker, root.gateway.id, here)
            for name, broker in root.brokers.items()
        },
        sources={name: source(name, entry, root) for name, entry in root.sources.items()},
        assets={id_: _asset(id_, asset, root) for id_, asset in root.assets.items()},
        models={name: rungs.model(name, one, here, folder) for name, one in root.models.items()},
        clouds=inference.clouds(root.cloud.inference, here),
        sync=sinks.sinks(root.cloud.sync, here, pseudonyms=root.privacy.pseudonyms),
        store=store,
        announce_broker=root.gateway.broker or next(iter(root.brokers), ""),
        keep_all_verdicts=root.store.verdicts == "all",
        log=Log(root.log.level, root.log.format, root.log.recorder),
        limits=_limits(root),
        exclusions=guards.exclusions(root.exclusions),
        homeassistant=telling.home_assistant(root.homeassistant),
        alerts=telling.routes(root.alerts, here),
        audit=auditing.audit(root.audit, here),
        fleet=fleet.fleet_of(
            root.fleet, root.gateway.id, root.gateway.broker or next(iter(root.brokers), ""), here
        ),
        people=people.terms_of(root.people),
        security=security.security_of(root.security),
        privacy=security.privacy_of(root.privacy, here),
        updates=updates.updates_of(root.updates, folder, here),
        web=web.web_of(root.web, here),
        metrics=metrics.metrics_of(root.metrics, here),
        metric_keep_ms=_metric_keep(root),
    )


def _limits(root: Root) -> Limits:
    return Limits(
        batch_ms=root.limits.batch,
        batch_messages=root.limits.batch_messages,
        commands_per_minute=root.limits.commands_per_minute,
        held_readings=root.limits.held_readings,
        worker_bytes=root.limits.worker_memory,
    )


def _metric_keep(root: Root) -> dict[str, int]:
    """Metrics that are kept for a time of their own."""
    return {
        f"{id_}/{name}": entry.keep
        for id_, asset in root.assets.items()
        for name, entry in asset.metrics.items()
        if entry.keep is not None
    }


def _given(**values: Any) -> dict[str, Any]:
    """What the user gave: the nouns know their own defaults."""
    return {name: value for name, value in values.items() if value is not None}


def _broker(name: str, broker: BrokerSection, gateway_id: str, here: Path) -> Broker:
    tls = _tls(broker.tls, here) if broker.tls else None
    return Broker(
        name=name,
        host=broker.host,
        port=broker.port or (8883 if tls else 1883),
        protocol=broker.protocol,
        keepalive_s=max(1, round(broker.keepalive / 1000)),
        tls=tls,
        client_id=broker.client_id or f"edge-{gateway_id}-{name}",
        **_given(
            username=broker.username,
            password_file=_file(broker.password_file, here),
            session_expiry_s=broker.session_expiry and round(broker.session_expiry / 1000),
            receive_maximum=broker.receive_maximum,
            max_pending=broker.max_pending,
            max_payload=broker.max_payload,
        ),
    )


def _tls(tls: TlsSection, here: Path) -> Tls:
    files = {name: _file(value, here) for name, value in tls}
    return Tls(**_given(**files))


def _file(name: str | None, here: Path) -> str | None:
    return str(here / name) if name else None


def source(name: str, entry: sources.SourceSection, root: Root) -> Source:
    """One source; its broker may be left out where there is only one.

    Raises:
        ValueError: the bridge refuses its settings.
    """
    broker = entry.broker or next(iter(root.brokers), "")
    settings = sources.settings(entry.bridge, entry)
    limits = security.limits_of(entry.limits)
    return Source(name, entry.bridge, broker, settings, entry.keep, limits)


def _store(store: StoreSection, here: Path) -> StoreSettings:
    state = Path(os.environ.get("STATE_DIRECTORY", "/var/lib/edge-gateway").split(":")[0])
    keep_ms = {kind: kept for kind, kept in store.keep if kept is not None}
    return StoreSettings(
        path=here / store.path if store.path else state / "gateway.db",
        keep_ms=keep_ms,
        durability=store.durability,
        **_given(max_bytes=store.max_bytes, min_free_bytes=store.min_free_bytes),
    )


def _asset(id_: str, asset: AssetSection, root: Root) -> Asset:
    safe = asset.fail_safe
    return Asset(
        id=id_,
        name=asset.name or id_,
        metrics={name: metric(id_, name, entry) for name, entry in asset.metrics.items()},
        actions={name: _action(id_, name, entry) for name, entry in asset.actions.items()},
        ladder=rungs.ladder(asset, root),
        policy=tuple(
            policies.policy(f"{id_}/policy/{at}", entry, asset)
            for at, entry in enumerate(asset.policy)
        ),
        fail_safe=policies.fail_safe(safe) if safe else None,
        rates=guards.rates(asset.limits),
        cross=asset.cross,
        running=asset.running,
    )


def metric(asset: str, name: str, entry: MetricSection) -> Metric:
    """One metric; a unit that cannot be converted is left as it is (the checks refuse it)."""
    scale, offset = entry.scale, entry.offset
    if entry.source_unit is not None:
        by, plus = units.convert(entry.source_unit, entry.unit) or (1.0, 0.0)
        scale, offset = scale * by, offset * by + plus
    low, high = entry.range or (None, None)
    return Metric(
        name=name,
        source=entry.from_.source,
        device=entry.from_.device,
        path=entry.path or ValuePath.parse(name),
        asset=asset,
        unit=entry.unit,
        kind=entry.kind or (MetricKind.STATE if entry.words else MetricKind.GAUGE),
        scale=scale,
        offset=offset,
        low=low,
        high=high,
        words=_words(entry.words),
        missing_if=frozenset(entry.missing_if),
        strip=entry.strip,
        decimal_comma=entry.decimal_comma,
        max_rate=entry.max_rate.per_s if entry.max_rate else None,
        flatline_ms=entry.flatline,
        rail=entry.rail,
        signal=_sampling(entry.signal) if entry.signal else None,
        **_given(stale_ms=entry.stale),
    )


def _sampling(entry: SignalSection) -> Sampling:
    return Sampling(
        entry.rate, entry.rate_path, entry.encoding, entry.scale_path, entry.max_samples
    )


def _words(words: Mapping[str, Any]) -> dict[str, bool | float]:
    return {
        word: value if isinstance(value, bool) else float(value) for word, value in words.items()
    }


def _action(asset: str, name: str, entry: ActionSection) -> Action:
    return Action(
        name=name,
        source=entry.to.source,
        device=entry.to.device,
        set=dict(entry.set),
        deadline_ms=entry.deadline,
        proof=_proof(entry.proof) if entry.proof else None,
        options=dict(entry.options),
        value=guards.value_rule(entry, entry.set),
        guard=guards.guard(asset, entry),
        **_given(expires_ms=entry.expires),
    )


def _proof(proof: ProofSection) -> Proof:
    equals = proof.equals
    if isinstance(equals, int) and not isinstance(equals, bool):
        equals = float(equals)
    return Proof(proof.metric, proof.within, proof.above, proof.below, equals)
