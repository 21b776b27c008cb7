"""Refusals: the channels of a model whose newest reading may not be taken, and why."""

from collections.abc import Iterable, Sequence

from gateway.core.messages import Quality, Reason
from gateway.core.shapes import Channel

_OK = Reason.OK


class Refusals:
    """What is refused of one asset for one model; nothing, nearly always."""

    __slots__ = ("_reasons",)

    def __init__(self) -> None:
        """Nothing is refused."""
        self._reasons: dict[int, Reason] = {}

    def note(self, channel: int, reason: Reason) -> None:
        """A reading came that may not be taken; a bad one outweighs a suspect one."""
        if reason.quality is Quality.BAD or not self.bad(channel):
            self._reasons[channel] = reason

    def lift(self, channels: Iterable[int]) -> None:
        """Good readings of them came."""
        if self._reasons:
            for channel in channels:
                self._reasons.pop(channel, None)

    def reason(self, channel: int) -> Reason:
        """Why its newest reading was refused; ``ok`` when it was not."""
        return self._reasons.get(channel, _OK)

    def bad(self, channel: int) -> bool:
        """Its newest reading is bad: nothing is held of it that need not be."""
        return self.reason(channel).quality is Quality.BAD

    def first_bad(self, required: Iterable[int], channels: Sequence[Channel]) -> str:
        """``<channel>: <gate>`` of the first that is bad; else empty."""
        if self._reasons:
            for channel in filter(self.bad, required):
                return f"{channels[channel].name}: {self._reasons[channel]}"
        return ""
