"""Check-ins: how often the devices speak that sleep in between, and obey when they wake."""

from collections.abc import Iterable

from gateway.core.rhythm import Rhythm


class CheckIns:
    """The rhythm of each device that runs on a battery."""

    def __init__(self) -> None:
        """No device is known to sleep."""
        self._rhythms: dict[str, Rhythm] = {}

    def of(self, names: Iterable[str]) -> None:
        """These sleep, and no others."""
        self._rhythms = {name: self._rhythms.get(name) or Rhythm() for name in names}

    def note(self, name: str, mono_ms: int) -> None:
        """A device spoke; the messages of one waking are one check-in."""
        rhythm = self._rhythms.get(name)
        if rhythm is not None:
            rhythm.beat(mono_ms)

    def gap_ms(self, name: str) -> float | None:
        """Its longest usual silence; None while that is not known."""
        rhythm = self._rhythms.get(name)
        return None if rhythm is None else rhythm.gap_ms
