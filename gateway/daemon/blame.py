"""Blame: who took the worker with it, and who is not asked for a while because of that."""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence

import structlog

from gateway.core.suspects import Suspects
from gateway.daemon.listener import Listener

log = structlog.get_logger()


class Blame:
    """The suspects of one kind of question."""

    def __init__(self, listener: Listener | None = None) -> None:
        """Nobody is suspected; ``listener`` is told of who did it."""
        self._suspects = Suspects()
        self._listener = listener

    def lost(self, asked: Collection[str], why: str) -> None:
        """The worker was lost with a call to these models; one that was asked alone did it."""
        name = self._suspects.lost(asked, why, _mono_ms()) if asked else ""
        if not name:
            return
        if self._listener:
            self._listener.killed([name], why)
        rests = self.resting(name)
        if rests:
            log.error("model_suspended", model=name, error=rests)
            if self._listener:
                self._listener.refused(name, rests)

    def answered(self, asked: Collection[str]) -> None:
        """A call to these models was answered."""
        self._suspects.answered(asked)

    def resting(self, name: str) -> str:
        """Why it must not be asked now; empty when it may."""
        return self._suspects.resting(name, _mono_ms())

    def out(self, names: Mapping[str, str]) -> dict[str, str]:
        """Models that must not be asked now, and why; ``names``: model -> its active version."""
        told = {model: self.resting(name) for model, name in names.items()}
        return {model: why for model, why in told.items() if why}

    def calls(self, names: Sequence[str]) -> list[list[int]]:
        """Which questions go into one call, by their places; as ``Suspects.calls``."""
        return self._suspects.calls(names, _mono_ms())

    def keep(self, names: Iterable[str]) -> None:
        """Forget all others."""
        self._suspects.keep(names)


def _mono_ms() -> int:
    return time.monotonic_ns() // 1_000_000
