"""Observing: what lets others look inside: the log's level, the flight recorder, the figures."""

import os
from collections.abc import Coroutine, Iterator

from gateway.adapters import logs
from gateway.config.settings import Settings
from gateway.daemon.clock import Clock
from gateway.daemon.figures import Gatherer
from gateway.daemon.flight import Flight
from gateway.daemon.scrape import Scrape
from gateway.daemon.tally import Tally
from gateway.daemon.verbosity import Verbosity
from gateway.daemon.wiring import Wiring


class Observing:
    """Attached to the parts once they are made; no part knows of it."""

    def __init__(
        self, settings: Settings, parts: Wiring, flight: Flight | None, clock: Clock
    ) -> None:
        """``flight``: the recorder of this process, if it has one."""
        told = (parts.journal, parts.announce, clock)
        self._verbosity = Verbosity(settings.log.level, *told)
        parts.requests.register("log-level", self._verbosity.answer)
        parts.reload.level = self._verbosity.adopt
        self._flight = flight
        if flight is not None:
            parts.requests.register("flight-recorder", flight.answer)
            parts.ingest.heard = flight.recorder.heard
            parts.forget.also = flight.forget
        tally = Tally()
        parts.announce.ears.append(tally)
        parts.inference.timed = tally.timed
        logs.listen(tally.logged)
        look = Gatherer(parts, tally, clock).look
        self._scrape = Scrape(parts.site, look, os.getpid(), clock)
        parts.beat.health.more.append(self._scrape.problems)
        parts.reload.add(self._scrape)

    def works(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What runs from the beginning, by name."""
        yield "verbosity", self._verbosity.run()
        yield "scrape", self._scrape.run()
        if self._flight is not None:
            yield "flight", self._flight.run()

    async def close(self) -> None:
        """End what runs beside."""
        await self._scrape.close()
