"""Virtual time: a clock that moves only when it is told, and ids that are the same every time."""

from hashlib import blake2b

from gateway.core.ids import RANDOM_BYTES, new_id


class VirtualClock:
    """A ``daemon.clock.Clock`` that is set from recorded or declared times."""

    boot = "virtual"

    def __init__(self, now_ms: int, mono_ms: int = 0) -> None:
        """Stand still at a moment."""
        self._now_ms = now_ms
        self._mono_ms = mono_ms

    def now_ms(self) -> int:
        """Wall clock, UTC epoch milliseconds."""
        return self._now_ms

    def mono_ms(self) -> int:
        """Monotonic clock, milliseconds."""
        return self._mono_ms

    def ok(self) -> bool:
        """Always: what was recorded with a wrong clock carries its mark."""
        return True

    def move(self, mono_ms: int) -> None:
        """Let time pass, on both clocks; it never goes back."""
        self._now_ms += max(0, mono_ms - self._mono_ms)
        self._mono_ms = max(mono_ms, self._mono_ms)

    def set(self, now_ms: int) -> None:
        """The wall clock is stepped."""
        self._now_ms = now_ms


class counted_ids:  # noqa: N801  # called like the function it stands for
    """Ids that follow from virtual time and a count: the same history makes the same ids."""

    def __init__(self, clock: VirtualClock) -> None:
        """Nothing was counted."""
        self._clock = clock
        self._made = 0

    def __call__(self) -> str:
        """A new id."""
        self._made += 1
        randomness = blake2b(str(self._made).encode(), digest_size=RANDOM_BYTES).digest()
        return new_id(self._clock.now_ms(), randomness)
