"""What sensors really sent, for ``edge-gateway check``: too seldom for the models that ask them?

Taken from the gateway's database, where there is one: the newest day. The running
gateway says the same of what it hears (``channel_starved``).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from gateway.config import Problem, Settings
from gateway.config.tree import Document
from gateway.core import durations
from gateway.core.assets import Asset, model_rungs
from gateway.core.pace import Pace, Slow, slow
from gateway.daemon.states import model_state
from gateway.errors import StoreError
from gateway.models.package import Package
from gateway.store.reader import Reader

DAY_MS: Final = 86_400_000
ENOUGH: Final = 5_000
"""Readings of one asset: intervals are known after ten of a metric."""


def warnings(
    settings: Settings, packages: Mapping[str, Package], doc: Document
) -> Iterator[Problem]:
    """Channels whose metric came less often than their model waits; none without a database."""
    found: list[Slow] = []
    try:
        with Reader.open(settings.store.path) as reader:
            newest = reader.query("SELECT max(at_ms) FROM report").rows[0][0]
            since_ms = newest - DAY_MS if isinstance(newest, int) else 0
            for asset in settings.assets.values():
                found += _slow(asset, packages, reader, since_ms)
    except StoreError:  # ``doctor`` says what is wrong with it
        return
    for one in found:
        expected, came = map(durations.render, (one.expected_ms, one.found_ms))
        message = (
            f"{one.metric!r} came every {came} as stored, and channel {one.channel!r} of model"
            f" {one.model!r} gives up on a value after {expected}: it never answers"
        )
        place = ("assets", one.asset, "metrics", one.metric)
        yield doc.problem(place, message, one.advice, key=True)


def _slow(
    asset: Asset, packages: Mapping[str, Package], reader: Reader, since_ms: int
) -> Iterator[Slow]:
    models = {
        rung.model: model_state(rung, packages[rung.model], asset)
        for rung in model_rungs(asset.ladder)
        if rung.model in packages
    }
    if not models:
        return
    paces: dict[str, Pace] = {}
    try:
        readings = reader.readings(asset.id, since_ms, limit=ENOUGH)
    except StoreError:  # nothing was stored of this asset yet
        return
    for reading in readings:
        if reading.reason == "ok":
            paces.setdefault(reading.metric, Pace()).note(reading.at_ms)
    yield from slow(asset.id, models, paces)
