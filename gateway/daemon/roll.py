"""Roll: which devices each source has spoken of, mapped or not, and when."""

from collections.abc import Iterable, Mapping
from typing import Final

from gateway.config.settings import Settings
from gateway.core.topic_tree_gateway import Member
from gateway.daemon.site import Feed

MOST: Final = 1_000
"""Unmapped devices remembered per source: random radio addresses must not fill the memory."""
LEAVE: Final = MOST // 10
"""So many are forgotten at once, those heard longest ago."""


class Roll:
    """The devices of all sources; noted on the hot path, one dictionary entry per uplink."""

    def __init__(self) -> None:
        """Nobody was heard."""
        self._heard: dict[str, dict[str, int]] = {}
        self._forgotten: dict[str, int] = {}
        self._known = 0
        self._count = 0

    def note(self, source: str, device: str, at_ms: int) -> None:
        """A device was heard."""
        heard = self._heard.get(source)
        if heard is None:
            heard = self._heard[source] = {}
        if device not in heard:
            self._count += 1
        heard[device] = at_ms

    def forget(self, source: str, device: str) -> None:
        """A device was never heard; that is shown like a new one is."""
        if self._heard.get(source, {}).pop(device, None) is not None:
            self._count += 1

    @property
    def grown(self) -> bool:
        """A device is new since ``members`` was asked last."""
        return self._count != self._known

    def looked(self) -> None:
        """What is known now has been shown."""
        self._known = self._count

    def keep_within(self, source: str, mapped: Iterable[str]) -> None:
        """Forget unmapped devices beyond the limit, those heard longest ago."""
        heard, named = self._heard.get(source, {}), frozenset(mapped)
        loose = [device for device in heard if device not in named]
        if len(loose) <= MOST:
            return
        loose.sort(key=heard.__getitem__)
        for device in loose[: len(loose) - MOST + LEAVE]:
            del heard[device]
            self._forgotten[source] = self._forgotten.get(source, 0) + 1

    def forgotten(self, source: str) -> int:
        """How many were forgotten."""
        return self._forgotten.get(source, 0)

    def members(self, feed: Feed, mapped: Mapping[str, tuple[str, ...]]) -> list[Member]:
        """Every device of a source: those the file maps, in its order, then the others."""
        heard = self._heard.get(feed.source.name, {})
        names = [*mapped, *(device for device in heard if device not in mapped)]
        return [
            Member(name, heard.get(name), mapped.get(name, ()), name in feed.offline)
            for name in names
        ]


def mapped(settings: Settings) -> Mapping[str, Mapping[str, tuple[str, ...]]]:
    """Source -> device -> the assets that measure by it, or act through it."""
    found: dict[str, dict[str, tuple[str, ...]]] = {name: {} for name in settings.sources}
    for asset in settings.assets.values():
        places = [(metric.source, metric.device) for metric in asset.metrics.values()]
        places += [(action.source, action.device) for action in asset.actions.values()]
        for source, device in dict.fromkeys(places):
            devices = found.setdefault(source, {})
            devices[device] = (*devices.get(device, ()), asset.id)
    return found
