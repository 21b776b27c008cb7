"""Wills: what is done when the gateway is dead, left with the brokers and in the store.

Per asset with ``on_death`` one small connection, whose will is the safe command. It is there only
while that command would be permitted now: a will that fires passes no limit any more. The will is
delayed (MQTT 5), so that a short loss or a restart takes it back; ``LATER_S`` after what systemd's
``edge-gateway fail-safe`` does, so that the one that asks the limits comes first.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import structlog

from gateway.adapters.mqtt import Client
from gateway.adapters.mqtt_settings import Broker
from gateway.core.fleet import Fleet
from gateway.core.limits import By
from gateway.core.ports import Outgoing
from gateway.core.watch import Watch
from gateway.core.wills import declared, will
from gateway.daemon.clock import Clock
from gateway.daemon.commander import commanding
from gateway.daemon.journal import Journal
from gateway.daemon.permits import Permits
from gateway.daemon.site import Site

ROOM: Final = "fail_safe"
"""Where the store keeps, by asset, what may be done without us."""
LOOK_S: Final = 1.0
STOPPED: Final = "stopped"
"""So begins what is said of everything, known or not."""
LATER_S: Final = 10
"""A will waits so much longer than ``on_death``."""

log = structlog.get_logger()


@dataclass(slots=True)
class Line:
    """A connection that is there for its will."""

    client: Client
    said: Outgoing | None
    """None: it only takes back what an earlier one left."""


def visitor(broker: Broker, asset: str, lasts_s: int, fleet: Fleet | None = None) -> Broker:
    """The same broker under the name whose session holds the will of an asset.

    In a fleet the name is the same for all: whoever takes an asset over takes back the will that
    the one before it left.
    """
    name = f"{fleet.site}-safe-{asset}" if fleet is not None else f"{broker.client_id}-safe-{asset}"
    return replace(
        broker if fleet is None else commanding(broker, fleet, name),
        protocol="5",
        client_id=name,
        session_expiry_s=lasts_s,
    )


class Wills:
    """The wills of one site."""

    def __init__(
        self, site: Site, permits: Permits, journal: Journal, clock: Clock, kept: Mapping[str, str]
    ) -> None:
        """``kept``: what was left when the gateway ended; it is taken back as soon as possible."""
        self.site = site
        self._permits = permits
        self._journal = journal
        self._clock = clock
        self._kept = dict(kept)
        self._lines: dict[str, Line] = {}

    async def run(self) -> None:
        """Look again and again what would be permitted now."""
        alone = self.site.settings.fleet is None  # else the will there is of who commands now
        for asset, text in self._kept.items() if alone else ():
            watch = self.site.watches.get(asset)
            if json.loads(text).get("armed") and watch is not None and declared(watch.asset):
                self._lines[asset] = self._open(watch, None)
        while True:
            await self.look()
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Let each will be there, or not."""
        for asset in [one for one in self._lines if one not in self.site.watches]:
            await self._close(asset)
        for watch in self.site.watches.values():
            if declared(watch.asset) or watch.asset.id in self._lines:
                await self._look_at(watch)

    async def _look_at(self, watch: Watch) -> None:
        asset = watch.asset.id
        refused = self._refused(watch)
        said = None if refused else self._said(watch)
        line = self._lines.get(asset)
        arrived = line is not None and line.client.state.connected
        dead = line is not None and line.client.failure is not None
        over = line is not None and line.said != said and (line.said is not None or arrived)
        if dead or over:  # its thread ended when another client took the name, as the helper does
            await self._close(asset)
            line = None
        if line is None and said is not None:
            line = self._lines[asset] = self._open(watch, said)
        armed = line is not None and line.said is not None and line.client.state.connected
        taken = line is not None and line.said is None
        if refused.startswith(STOPPED):  # the last word is that, whatever the broker still has
            self._note(asset, refused, armed=armed or (taken and not arrived))
        elif not taken:
            self._note(asset, refused, armed=armed)

    def _refused(self, watch: Watch) -> str:
        safe = watch.asset.fail_safe
        if safe is None or not declared(watch.asset):
            return "not in the configuration"
        refused = self._permits.action(watch.asset.id, safe.action, safe.value, By.FAIL_SAFE)
        if watch.latest.evidence_mono_ms is None and not refused.startswith(STOPPED):
            return "nothing is known of it yet"
        return refused

    def _said(self, watch: Watch) -> Outgoing | None:
        safe = watch.asset.fail_safe
        assert safe is not None  # noqa: S101  # declared
        action = watch.asset.actions[safe.action]
        return will(self.site.feeds[action.source].bridge, action, safe.value)

    def _open(self, watch: Watch, said: Outgoing | None) -> Line:
        safe = watch.asset.fail_safe
        assert safe is not None  # noqa: S101  # declared
        delay_s = (safe.death_ms or 0) // 1000 + LATER_S
        broker = self.site.feeds[watch.asset.actions[safe.action].source].source.broker
        client = Client(
            visitor(
                self.site.settings.brokers[broker],
                watch.asset.id,
                delay_s + 60,
                self.site.settings.fleet,
            ),
            on_wake=_nothing,
            wall_ms=self._clock.now_ms,
            mono_ms=self._clock.mono_ms,
            will=said,
            will_delay_s=delay_s,
        )
        client.start()
        return Line(client, said)

    async def _close(self, asset: str) -> None:
        """A clean end: the broker forgets the will."""
        line = self._lines.pop(asset)
        await asyncio.get_running_loop().run_in_executor(None, _stop(line.client))

    def _note(self, asset: str, refused: str, *, armed: bool) -> None:
        """Keep what may be done without us; systemd's helper and the next start look here."""
        text = json.dumps({"refused": refused, "armed": armed})
        if self._kept.get(asset) == text:
            return
        self._kept[asset] = text
        self._journal.batch.kept[ROOM, asset] = text
        self._journal.changed()
        log.info("will_changed", asset=asset, armed=armed, refused=refused)

    async def close(self) -> None:
        """An orderly stop is no death."""
        await asyncio.gather(*(self._close(asset) for asset in list(self._lines)))
        for asset in self._kept:
            self._journal.batch.kept[ROOM, asset] = None
        self._journal.changed()
        self._kept.clear()


def _nothing() -> None:
    """Nobody waits for news of these connections."""


def _stop(client: Client) -> Callable[[], None]:
    return lambda: client.stop(farewell=None, timeout_s=2.0)
