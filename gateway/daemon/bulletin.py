"""Bulletin: what the gateway says of itself and of its assets beside their verdicts.

Once a second it looks what has changed: state, problems, versions, devices, whether assets have
fresh data. What has not changed is said again now and then, so that silence means something, and
what nobody renews any more is taken back.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from gateway import __version__
from gateway.core import topic_tree_gateway as documents
from gateway.core.assets import model_rungs
from gateway.core.topic_tree import Document, rfc3339
from gateway.core.topic_tree_gateway import Problem
from gateway.core.topic_tree_list import abandoned
from gateway.core.versions import State
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.discovery import Discovery
from gateway.daemon.health import state_of
from gateway.daemon.roll import Roll, mapped
from gateway.daemon.site import Site
from gateway.daemon.versions import Versions

STATE_MS: Final = 30_000
"""An unchanged ``state`` is published this often."""
ASSETS_MS: Final = 60_000
"""So is an asset's state."""
DEVICES_MS: Final = 300_000
"""And the devices, whose times change all the while."""
NEW_DEVICE_MS: Final = 10_000
"""A device that was never heard before is shown this soon."""
UNHEARD: Final = frozenset({"stale", "silent"})


class Bulletin:
    """The gateway's own documents."""

    def __init__(
        self,
        site: Site,
        versions: Versions,
        roll: Roll,
        announce: Announce,
        discovery: Discovery,
        clock: Clock,
    ) -> None:
        """Nothing was said."""
        self._roll = roll
        self.restart_required: tuple[str, ...] = ()
        """Keys that the file has changed, and that only a restart takes up."""
        self._versions = versions
        self._announce = announce
        self._discovery = discovery
        self._clock = clock
        self._started_ms = clock.now_ms()
        self._since_ms = self._started_ms
        self._state = ""
        self._problems: dict[str, int] = {}
        self._said: dict[str, object] = {}
        self._fresh: dict[str, bool] = {}
        """Whether anything fresh was known of each asset, as it was said."""
        self._due_ms: dict[str, int] = {}
        self._files = 0
        """Configurations that were taken."""
        self.site = site

    @property
    def site(self) -> Site:
        """What it speaks of."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site, self._files = site, self._files + 1
        self._mapped = mapped(site.settings)
        self._fresh.clear()  # said again, with the problems: a page may have come with the file
        self._said.pop("problems", None)
        self._due_ms.pop("devices", None)
        self._announce.retained.changed = True

    def on_connected(self) -> None:
        """The broker may have forgotten everything: say all of it again."""
        self._said.clear()
        self._fresh.clear()
        self._due_ms.clear()
        self._announce.retained.note(f"{self.site.settings.base}/availability")

    def look(self, problems: Sequence[str]) -> None:
        """Say what changed, and what is due."""
        self._look_at_state(problems)
        self._look_at_assets()
        self._look_at_devices()
        self._look_at_info()

    def last(self) -> None:
        """The daemon stops."""
        now_ms = self._clock.now_ms()
        self._announce.now(
            "state", documents.state("stopping", now_ms, len(self._problems), now_ms)
        )

    def _due(self, what: str, every_ms: int) -> bool:
        """It is time again; the first time always is."""
        now_ms = self._clock.mono_ms()
        if now_ms < self._due_ms.get(what, now_ms):
            return False
        self._due_ms[what] = now_ms + every_ms
        return True

    # -- state and problems ---------------------------------------------------------------------

    def _look_at_state(self, found: Sequence[str]) -> None:
        now_ms, state = self._clock.now_ms(), state_of(found)
        if state != self._state:
            self._state, self._since_ms = state, now_ms
        self._problems = {text: self._problems.get(text, now_ms) for text in found}
        if self._changed("problems", tuple(self._problems)):
            rows = [Problem(text, since_ms) for text, since_ms in self._problems.items()]
            self._announce.now("problems", documents.problems(rows, now_ms))
        if self._changed("state", (state, len(found))) or self._due("state", STATE_MS):
            self._due_ms["state"] = self._clock.mono_ms() + STATE_MS
            document = documents.state(state, self._since_ms, len(found), now_ms)
            self._announce.now("state", document)

    def _changed(self, what: str, value: object) -> bool:
        """Whether it is other than what was said; it is said now."""
        before, self._said[what] = self._said.get(what), value
        return before != value

    # -- assets ---------------------------------------------------------------------------------

    def _look_at_assets(self) -> None:
        mono_ms = self._clock.mono_ms()
        for id_, watch in self.site.watches.items():
            fresh = any(
                watch.latest.quality(name, mono_ms)[1] not in UNHEARD
                for name in watch.asset.metrics
            )
            if fresh is not self._fresh.get(id_):
                self._fresh[id_] = fresh
                self._announce.availability(id_, fresh=fresh)
            if mono_ms - self._announce.shown_ms.get(id_, mono_ms - ASSETS_MS) >= ASSETS_MS:
                self._announce.asset(watch)

    # -- devices --------------------------------------------------------------------------------

    def _look_at_devices(self) -> None:
        grown = self._roll.grown and self._due("new devices", NEW_DEVICE_MS)
        if not (self._due("devices", DEVICES_MS) or grown):
            return
        self._roll.looked()
        for name, feed in self.site.feeds.items():
            names = self._mapped.get(name, {})
            self._roll.keep_within(name, names)
            members = self._roll.members(feed, names)
            forgotten, now_ms = self._roll.forgotten(name), self._clock.now_ms()
            document = documents.devices(name, members, forgotten, now_ms)
            self._announce.now(f"devices/{name}", document)

    # -- who we are -----------------------------------------------------------------------------

    def _look_at_info(self) -> None:
        models = {model: self._model(model) for model in self.site.settings.models}
        if self._changed("info", (self._files, self.restart_required, models)):
            parts = self._info() | {"models": models}
            self._announce.now("info", documents.info(parts, self._clock.now_ms()))

    def _info(self) -> Document:
        settings = self.site.settings
        return {
            "gateway": settings.gateway_id,
            "name": settings.gateway_name,
            "version": __version__,
            "started": rfc3339(self._started_ms),
            "config": {"file": str(settings.file), "sha256": settings.digest},
            "restart_required": list(self.restart_required),
            "sources": {name: source.kind for name, source in settings.sources.items()},
            "assets": [
                {
                    "asset": asset.id,
                    "name": asset.name,
                    "models": [rung.model for rung in model_rungs(asset.ladder)],
                }
                for asset in settings.assets.values()
            ],
        }

    def _model(self, model: str) -> Mapping[str, object]:
        lineage = self._versions.lineages.get(model)
        active = lineage.active if lineage else None
        other = lineage.candidate if lineage else None
        ready = other is not None and other.state is State.READY
        manifest = self._versions.manifest(model)
        return {
            "version": active.version if active else None,
            "hash": active.hash if active else None,
            "state": active.state.value if active else None,
            "candidate": other.version if other else None,
            "candidate_state": other.state.value if other else None,
            "ready": other.version if other and ready else None,
            "task": manifest.task if manifest else None,
            "unit": (manifest.scored.unit if manifest else "") or None,
        }

    # -- what nobody renews ---------------------------------------------------------------------

    def tidy(self) -> None:
        """Take back what is retained of assets, sources and devices that are gone."""
        retained, settings = self._announce.retained, self.site.settings
        if not retained.changed:
            return
        retained.changed = False
        wanted = self._discovery.topics()
        old = abandoned(retained, settings.base, settings.assets, settings.sources)
        for topic in old:
            if topic not in wanted:
                self._announce.take_back(topic)
