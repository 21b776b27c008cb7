"""Interventions: what people decided, and what follows from it until its time is over.

A hold, a maintenance flag and the global stop forbid what the gateway would do by itself; a mode
lets its policies do less, or more, than the file says. Time is the monotonic clock of a boot. Over
a reboot it goes on by running time (time switched off does not count), so that no clock that jumps
can end a hold; what allows *more* than the file does not outlive a reboot whose length nobody can
tell (``resume``).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from gateway.core.verdicts import Mode

GATEWAY: Final = ""
"""Stands for the whole gateway where an asset's id could be."""
MAINTENANCE: Final = "maintenance"
"""The flag every asset has."""
_RANKS: Final = {mode: rank for rank, mode in enumerate(Mode)}


class Kind(StrEnum):
    """What a person can do."""

    HOLD = "hold"
    """Keep the gateway's hands off an asset; its fail-safe still acts."""
    FORCE = "force"
    """Have an action done now, within all limits."""
    MODE = "mode"
    """Let policies do less or more than the file says; of the gateway: at most this."""
    ACKNOWLEDGE = "acknowledge"
    """Say that an alert was seen."""
    MAINTENANCE = "maintenance"
    """Somebody works at the asset: nothing acts by itself, its fail-safe neither."""
    STOP = "stop"
    """Nothing is commanded any more, by nobody."""


class Terms(NamedTuple):
    """How long something may hold."""

    default_ms: int
    """Where a person names no time."""
    most_ms: int


TERMS: Final = {
    Kind.HOLD: Terms(3_600_000, 86_400_000),
    Kind.MODE: Terms(7_200_000, 604_800_000),
    Kind.MAINTENANCE: Terms(28_800_000, 604_800_000),
    Kind.ACKNOWLEDGE: Terms(86_400_000, 2_592_000_000),
}
"""Without a word in the file. A stop is ended by a person, a forced action by its outcome."""

Key = tuple[str, Kind, str]


@dataclass(frozen=True, slots=True)
class Intervention:
    """One thing that one person decided."""

    id: str
    """Sortable, unique across restarts."""
    kind: Kind
    asset: str
    """``GATEWAY`` for all of it."""
    author: str
    """Who says to have decided it: a claim. Who may is the broker's access list."""
    reason: str
    at_ms: int
    mono_ms: int
    boot: str
    """The boot that ``mono_ms`` belongs to."""
    for_ms: int | None = None
    """None: until a person ends it."""
    value: str = ""
    """The mode; of an acknowledgement the alert's decision; of maintenance the flag."""
    policy: str = ""
    """Of a mode: this policy only."""
    clock_ok: bool = True
    """``at_ms`` can be believed."""

    @property
    def key(self) -> Key:
        """What it replaces: there is one of it at a time."""
        detail = self.policy if self.kind is Kind.MODE else self.value
        return self.asset, self.kind, detail

    @property
    def expires_mono_ms(self) -> int | None:
        """When its time is over; None: never by itself."""
        return None if self.for_ms is None else self.mono_ms + self.for_ms

    def over(self, mono_ms: int) -> bool:
        """Its time has passed."""
        return self.for_ms is not None and mono_ms >= self.mono_ms + self.for_ms

    def left_ms(self, mono_ms: int) -> int | None:
        """How long it still holds."""
        return None if self.for_ms is None else max(0, self.mono_ms + self.for_ms - mono_ms)


class Stands(NamedTuple):
    """What people have said of one asset, and of the whole gateway."""

    stopped: bool
    maintenance: bool
    hold: bool


class Standing:
    """What people decided that holds now."""

    def __init__(self) -> None:
        """Nothing was decided."""
        self._held: dict[Key, Intervention] = {}
        self.muted: Mapping[str, str] = {}  # what others of the fleet command, and words for it
        self.safe_mode: Intervention | None = None  # our own stop, which no person ends

    def __iter__(self) -> Iterator[Intervention]:
        return iter(list(self._held.values()))

    def put(self, one: Intervention) -> Intervention | None:
        """Let it hold; what it replaces."""
        before = self._held.pop(one.key, None)
        self._held[one.key] = one
        return before

    def end(self, key: Key) -> Intervention | None:
        """It holds no more; None when it did not."""
        return self._held.pop(key, None)

    def find(self, asset: str, kind: Kind, detail: str, mono_ms: int) -> Intervention | None:
        """What holds of that kind; what is over does not, whether somebody noticed or not."""
        one = self._held.get((asset, kind, detail))
        return None if one is None or one.over(mono_ms) else one

    def expired(self, mono_ms: int) -> list[Intervention]:
        """Take out what is over."""
        return [self._held.pop(one.key) for one in self if one.over(mono_ms)]

    def next_mono_ms(self) -> int | None:
        """When ``expired`` has something to do next."""
        times = (one.expires_mono_ms for one in self)
        return min((at for at in times if at is not None), default=None)

    def stop(self, mono_ms: int) -> Intervention | None:
        """The global stop, while it holds: a person's, else the gateway's own."""
        return self.find(GATEWAY, Kind.STOP, "", mono_ms) or self.safe_mode

    def stopped(self, mono_ms: int) -> str:
        """``stopped`` while a person's stop holds, ``stopped: safe mode`` while our own does."""
        stop = self.stop(mono_ms)
        return f"stopped{': safe mode' * (stop is self.safe_mode)}" if stop else ""

    def stands(self, asset: str, mono_ms: int) -> Stands:
        """What holds of an asset."""
        return Stands(
            stopped=self.stop(mono_ms) is not None,
            maintenance=self.find(asset, Kind.MAINTENANCE, MAINTENANCE, mono_ms) is not None,
            hold=self.find(asset, Kind.HOLD, "", mono_ms) is not None,
        )

    def forbids(self, asset: str, mono_ms: int, *, fail_safe: bool = False) -> str:
        """What forbids the gateway to act by itself: stopped, maintenance, hold; or empty.

        A fail-safe is the state that was declared safe for when nothing is known: a person who
        holds a machine wants it left as it is, not left blind, so a hold does not forbid it.
        """
        said = self.stands(asset, mono_ms)
        own = "hold" if said.hold and not fail_safe else ""
        return self.stopped(mono_ms) or ("maintenance" if said.maintenance else own)

    def flags(self, asset: str, mono_ms: int) -> frozenset[str]:
        """The flags that are set on an asset."""
        return frozenset(
            one.value
            for one in self._held.values()
            if one.asset == asset and one.kind is Kind.MAINTENANCE and not one.over(mono_ms)
        )

    def mode(self, asset: str, policy: str, declared: Mode, mono_ms: int) -> Mode:
        """How far a policy may go now: its own override, else its asset's, else the file's.

        That of the whole gateway is a ceiling: it never lets a policy do more than it would. What
        another gateway commands is only recorded here.
        """
        if asset in self.muted:
            return Mode.SHADOW
        own = self.find(asset, Kind.MODE, policy, mono_ms)
        own = own or self.find(asset, Kind.MODE, "", mono_ms)
        chosen = declared if own is None else Mode(own.value)
        ceiling = self.find(GATEWAY, Kind.MODE, "", mono_ms)
        return chosen if ceiling is None else lower(chosen, Mode(ceiling.value))


def lower(one: Mode, other: Mode) -> Mode:
    """The mode that does less."""
    return one if _RANKS[one] <= _RANKS[other] else other


def higher(one: Mode, other: Mode) -> bool:
    """The first does more than the second."""
    return _RANKS[one] > _RANKS[other]


class Alive(NamedTuple):
    """When the gateway was last seen alive, as it noted itself."""

    boot: str
    mono_ms: int


def resume(
    one: Intervention,
    boot: str,
    mono_ms: int,
    alive: Alive | None,
    passed_ms: int | None,
) -> Intervention | None:
    """An intervention found at a start, on this boot's clock; None when it is over.

    Within one boot the monotonic clock has gone on. After another boot what was left when the
    gateway was last alive is left still: time switched off does not count, because only a wall
    clock could tell it, and one that jumps would end a hold. What was never noted has passed none.

    A mode that lets policies act is the other way round: it is over when the wall clock says so,
    and when it cannot say.

    Args:
        one: as it was kept.
        boot: the boot of now.
        mono_ms: its monotonic clock.
        alive: when the gateway was last alive.
        passed_ms: since it was decided, by a wall clock that could be believed then and can be
            now; None when that cannot be told.
    """
    if one.for_ms is None:
        return one
    if one.boot == boot:
        return None if one.over(mono_ms) else one
    ran_ms = alive.mono_ms - one.mono_ms if alive and alive.boot == one.boot else 0
    left_ms = one.for_ms - max(0, ran_ms)
    if one.kind is Kind.MODE and one.value == Mode.ACT:
        left_ms = min(left_ms, -1 if passed_ms is None else one.for_ms - passed_ms)
    if left_ms <= 0:
        return None
    return replace(one, boot=boot, mono_ms=mono_ms - (one.for_ms - left_ms))
