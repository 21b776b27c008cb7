"""Observing: what lets others look inside: the log's level, the flight recorder, the figures."""

from collections.abc import Coroutine, Iterator

from gateway.config.settings import Settings
from gateway.daemon.clock import Clock
from gateway.daemon.flight import Flight
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
        self._flight = flight
        if flight is not None:
            parts.requests.register("flight-recorder", flight.answer)
            parts.ingest.heard = flight.recorder.heard
            parts.forget.also = flight.forget

    def works(self) -> Iterator[tuple[str, Coroutine[None, None, None]]]:
        """What runs from the beginning, by name."""
        yield "verbosity", self._verbosity.run()
        if self._flight is not None:
            yield "flight", self._flight.run()

    async def close(self) -> None:
        """End what runs beside."""
