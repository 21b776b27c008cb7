"""What is known of devices: by the file, by the running gateway, and by the database."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from gateway.cli.asking import Visit
from gateway.config.settings import Settings
from gateway.core.times import parse
from gateway.errors import BrokerError, StoreError
from gateway.store.reader import Reader

NEWEST: Final = 200_000
"""Reports that are looked at for when a device was last heard."""
SETTLE_S: Final = 0.5
"""What is retained comes at once."""
_QUERY: Final = f"""
SELECT s.source, s.device, s.metric, s.unit, l.at_ms FROM series s
LEFT JOIN (SELECT i.series, max(n.at_ms) AS at_ms
           FROM (SELECT layout, max(at_ms) AS at_ms
                 FROM (SELECT layout, at_ms FROM report ORDER BY id DESC LIMIT {NEWEST})
                 GROUP BY layout) n
           JOIN layout_item i ON i.layout = n.layout GROUP BY i.series) l ON l.series = s.id
ORDER BY s.source, s.device, s.metric
"""  # noqa: S608 - our own words

Key = tuple[str, str]
"""Source and device."""


@dataclass(slots=True)
class Known:
    """One device."""

    source: str
    device: str
    assets: set[str] = field(default_factory=set)
    metrics: dict[str, str] = field(default_factory=dict)
    """Unit by name: what is stored of it, or what the file wants."""
    last_at_ms: int | None = None
    offline: bool = False

    def heard(self, at_ms: object) -> None:
        """Note when it was heard."""
        if isinstance(at_ms, int) and at_ms > (self.last_at_ms or 0):
            self.last_at_ms = at_ms


def known(path: Path, settings: Settings, wait_s: float) -> tuple[list[Known], list[str]]:
    """Every device, and why something may be missing."""
    found: dict[Key, Known] = {}
    remarks = []
    for metric in (one for asset in settings.assets.values() for one in asset.metrics.values()):
        one = _of(found, metric.source, metric.device)
        one.assets.add(metric.asset)
        one.metrics[metric.name] = metric.unit
    try:
        for tree in _told(path, settings, wait_s):
            _note(found, tree)
    except BrokerError as error:
        remarks.append(f"the gateway was not asked: {error}")
    try:
        with Reader.open(settings.store.path) as reader:
            for source, device, metric_, unit, at_ms in reader.query(_QUERY).rows:
                one = _of(found, str(source), str(device))
                one.metrics.setdefault(str(metric_), str(unit))
                one.heard(at_ms)
    except StoreError as error:
        remarks.append(str(error))
    return [found[key] for key in sorted(found)], remarks


def _of(found: dict[Key, Known], source: str, device: str) -> Known:
    return found.setdefault((source, device), Known(source, device))


def _told(path: Path, settings: Settings, wait_s: float) -> Iterator[Mapping[str, Any]]:
    """``devices/<source>``, as the gateway last told it."""
    found: dict[str, Mapping[str, Any]] = {}

    def note(topic: str, tree: Mapping[str, Any]) -> bool:
        if topic.startswith("devices/"):
            found[topic] = tree
        return len(found) == len(settings.sources)

    with Visit(path, "devices/+", wait_s=wait_s) as visit:
        visit.wait(note, SETTLE_S)
    return iter(found.values())


def _note(found: dict[Key, Known], tree: Mapping[str, Any]) -> None:
    for entry in (*tree.get("mapped", ()), *tree.get("unmapped", ())):
        one = _of(found, str(tree.get("source")), str(entry.get("device")))
        one.offline = bool(entry.get("offline"))
        one.assets |= set(entry.get("assets", ()))
        one.heard(parse(entry.get("last_seen"), "iso8601"))
