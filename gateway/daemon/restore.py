"""Restore: what the daemon takes up from its store at start, so that a restart loses no thought."""

from collections.abc import Mapping
from itertools import takewhile

import structlog

from gateway.core.calibration import Calibration
from gateway.core.messages import Message
from gateway.core.readings import Metric, Reading, Readings
from gateway.core.times import AHEAD_MS
from gateway.core.watch import Watch
from gateway.daemon.clock import Clock
from gateway.daemon.maintenance import restore_drift
from gateway.daemon.site import Site
from gateway.store.batch import StoredReading, StoredSignal
from gateway.store.writer import Store

_GATED = frozenset({"ok", "rate", "flatline", "rail", "cross"})
"""Reasons of readings that came to the gates."""

log = structlog.get_logger()


def restore(site: Site, store: Store, clock: Clock) -> int:
    """Rebuild windows, policies, calibrations and rosters; returns how many readings were used.

    No window becomes due by it: nothing is decided before fresh evidence is in.
    """
    _policies(site, store.kept("policy"))
    _states(site, store.kept("carried"))
    rosters(site, store.kept("roster"), clock)
    since_ms = clock.now_ms() - reach_ms(site)
    metrics = {
        metric.key: (watch, metric)
        for watch in site.watches.values()
        for metric in watch.asset.metrics.values()
    }
    # After a clock was set back, years of readings lie ahead of it: they end the walk.
    used, until_ms = 0, clock.now_ms() + AHEAD_MS
    tail = store.tail(since_ms, list(site.watches))
    for stored in takewhile(lambda one: one.at_ms <= until_ms, tail):
        known = metrics.get(stored.key)
        if known is None:
            continue
        _recall(site, known[1], stored, _mono_ms(stored, clock))
        if stored.reason != "ok":
            continue
        _replay(known, stored.value, stored.at_ms, _mono_ms(stored, clock))
        used += 1
    for block in store.newest_signals():
        known = metrics.get(block.reading.key)
        if known is not None and block.reading.at_ms <= until_ms:
            _replay_block(known, block)
    # After the replay: what was learnt from these readings once is not learnt again.
    _calibrations(site, store.kept("calibration"))
    restore_drift(site, store.kept("drift"))
    if used:
        log.info("windows_rebuilt", readings=used)
    return used


def _recall(site: Site, metric: Metric, stored: StoredReading, mono_ms: int) -> None:
    """Show the gates what they saw before the restart: a flatline goes on."""
    if stored.reason in _GATED and isinstance(stored.value, float | int):
        site.gates.recall(Reading(metric, float(stored.value)), stored.at_ms, mono_ms)


def _replay(known: tuple[Watch, Metric], value: object, at_ms: int, mono_ms: int) -> None:
    watch, metric = known
    if not isinstance(value, float | bool | int | str):
        return
    reading = Reading(metric, float(value) if type(value) is int else value)
    evidence = watch.latest.evidence_mono_ms
    for _window in watch.take(Readings.of((reading,)), at_ms, mono_ms):
        pass
    watch.latest.evidence_mono_ms = evidence


def _replay_block(known: tuple[Watch, Metric], block: StoredSignal) -> None:
    """The newest block of a signal, whose value is known already; nothing becomes due by it."""
    watch, metric = known
    if metric.signal is not None and metric.unit == block.unit:
        readings = Readings.of((Reading(metric, block.signal.rms),))
        for _window in watch.take_signals(
            readings, block.reading.at_ms, {metric.name: block.signal}
        ):
            pass


def _mono_ms(stored: StoredReading, clock: Clock) -> int:
    """On this boot's monotonic clock; from another boot, as old as the wall clock says."""
    if stored.boot == clock.boot:
        return stored.received_mono_ms
    return clock.mono_ms() - max(0, clock.now_ms() - stored.at_ms)


def reach_ms(site: Site) -> int:
    """How far back the longest window goes, and the longest flatline."""
    spans = [
        state.windows.reach_ms for watch in site.watches.values() for _, state in watch.states()
    ]
    spans += [
        metric.flatline_ms or 0
        for watch in site.watches.values()
        for metric in watch.asset.metrics.values()
    ]
    return max(spans, default=0) + 60_000


def _policies(site: Site, kept: Mapping[str, str]) -> None:
    for asset, text in kept.items():
        if asset in site.watches:
            site.watches[asset].policy.restore(text)


def _calibrations(site: Site, kept: Mapping[str, str]) -> None:
    for key, text in kept.items():
        asset, _, rest = key.partition("\n")
        model, _, model_hash = rest.partition("\n")
        watch = site.watches.get(asset)
        for name, state in watch.states() if watch else ():
            wanted = state.calibration
            if wanted is not None and (name, state.hash) == (model, model_hash):
                state.calibration = Calibration.from_json(
                    text, wanted.rows, wanted.columns, wanted.level
                )


def _states(site: Site, kept: Mapping[str, str]) -> None:
    """A state goes on only where the next window is the next one: else it begins again."""
    for watch in site.watches.values():
        for model, state in watch.states():
            text = kept.get(calibration_key(watch.asset.id, model, state.hash)[1])
            if state.carried is not None and text is not None:
                state.carried.restore(text)


def calibration_key(asset: str, model: str, model_hash: str) -> tuple[str, str]:
    """Where a calibration is kept: a new model is calibrated anew."""
    return "calibration", f"{asset}\n{model}\n{model_hash}"


def rosters(site: Site, kept: Mapping[str, str], clock: Clock) -> None:
    """Let each bridge read again what its registry said last."""
    for key, text in kept.items():
        source, _, topic = key.partition("\n")
        feed = site.feeds.get(source)
        if feed is not None:
            feed.bridge.decode(
                Message(
                    broker=feed.source.broker,
                    topic=topic,
                    payload=text.encode(),
                    qos=0,
                    retain=True,
                    dup=False,
                    received_at_ms=clock.now_ms(),
                    received_mono_ms=clock.mono_ms(),
                )
            )
