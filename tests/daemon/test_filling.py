"""How long the store has left, as a gateway tells it: one figure, wherever it is read."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from gateway.cli.status import lines
from gateway.cli.sync_view import View, span
from gateway.daemon.figures import Gatherer
from gateway.daemon.tally import Tally
from tests.fakes.simulated import Life

SOON_S, LATER_S = 500, 400


class Grown(Life):
    """Two pumps that report, and nothing else, for a quarter of an hour of virtual time."""

    def look(self) -> tuple[dict[str, Any], list[list[Any]]]:
        """The store in the health document, and what Prometheus is told."""
        assert self._daemon is not None
        parts = self._daemon.parts
        document = parts.beat.health.document(*parts.beat.upkeep.known)
        found = Gatherer(parts, Tally(), self.clock).look(0.0)
        self.shown = [*lines(View(document), self.path)]
        return document["store"], found.get("store_full_seconds", [])  # type: ignore[return-value]

    async def _live(self) -> None:
        self._introduce()
        self._start()
        reports = asyncio.ensure_future(self._reports())
        await asyncio.sleep(SOON_S)
        self.soon = self.look()
        await asyncio.sleep(LATER_S)
        self.later = self.look()
        reports.cancel()
        await self._kill()


def test_every_reader_is_told_the_same_from_ten_minutes_on(tmp_path: Path) -> None:
    life = Grown(tmp_path, 1, 0)
    most = 64 << 20
    life.settings = replace(life.settings, store=replace(life.settings.store, max_bytes=most))
    life.live()
    store, told = life.soon
    assert store["full_in_s"] is None
    assert told == []
    store, told = life.later
    assert told == [[store["full_in_s"]]]
    assert store["bytes"] < most == store["max_bytes"]
    assert store["full_in_s"] > 0
    assert any(f"(full in {span(store['full_in_s'])})" in line for line in life.shown)
