"""The clocks: wall time, monotonic time, the boot they belong to, and whether wall time is right.

A Pi before the 5 has no clock chip: after a power cut it starts at the last time it saved, and the
wall clock is wrong until the network has set it. So only the monotonic clock measures durations.
"""

import ctypes
import os
import time
from pathlib import Path
from typing import Final, Protocol

RELEASED_AT_MS: Final = 1_767_225_600_000
"""2026-01-01: no honest clock is before the program that reads it."""
SYNCHRONISED: Final = Path("/run/systemd/timesync/synchronized")
"""systemd-timesyncd makes it when it has set the clock (systemd-timesyncd.service(8))."""
_TIME_ERROR: Final = 5
_TIMEX_BYTES: Final = 512
"""Room for ``struct timex`` (208 bytes on 64-bit Linux), which is only passed through."""


class Clock(Protocol):
    """What the daemon reads time from."""

    boot: str
    """Changes with each start of the machine: monotonic times of two boots do not compare."""

    def now_ms(self) -> int:
        """Wall clock, UTC epoch milliseconds."""
        ...

    def mono_ms(self) -> int:
        """Monotonic clock, milliseconds."""
        ...

    def ok(self) -> bool:
        """The wall clock can be believed."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def __init__(self) -> None:
        """Read the boot id once."""
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        self._has_chip = any(Path("/sys/class/rtc").glob("rtc*"))
        self._libc = ctypes.CDLL(None)

    def now_ms(self) -> int:
        """Wall clock, UTC epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def mono_ms(self) -> int:
        """Monotonic clock that also counts suspended time, milliseconds."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000

    def ok(self) -> bool:
        """Synchronised, or kept by a clock chip, and not before this release.

        Synchronised by systemd-timesyncd's word or the kernel's: our unit refuses the call that
        asks the kernel. In a container neither may tell; EDGE_GATEWAY_TRUST_CLOCK=1 says that the
        host keeps the time.
        """
        if self.now_ms() < RELEASED_AT_MS:
            return False
        if self._has_chip or os.environ.get("EDGE_GATEWAY_TRUST_CLOCK") == "1":
            return True
        if SYNCHRONISED.exists():
            return True
        state: int = self._libc.adjtimex(ctypes.create_string_buffer(_TIMEX_BYTES))
        return state not in (-1, _TIME_ERROR)


class HeldClock:
    """A wall clock that moves only when it can be believed.

    Before it is synchronised the machine's wall clock may jump by years and back. Until then the
    time at the start is carried on by the monotonic clock, so that everything stored meanwhile is
    wrong by one and the same offset: ``look`` gives it once the clock is right.
    """

    def __init__(self, clock: Clock) -> None:
        """Start with what the wall clock says now."""
        self._clock = clock
        self.boot = clock.boot
        self._ok = clock.ok()
        self._offset_ms = clock.now_ms() - clock.mono_ms()

    def now_ms(self) -> int:
        """Wall clock, UTC epoch milliseconds; carried on while it cannot be believed."""
        if self._ok:
            return self._clock.now_ms()
        return self._clock.mono_ms() + self._offset_ms

    def mono_ms(self) -> int:
        """Monotonic clock, milliseconds."""
        return self._clock.mono_ms()

    def ok(self) -> bool:
        """The wall clock could be believed when it was last looked at."""
        return self._ok

    def look(self) -> int:
        """Look whether it can be believed now; by how much it was stepped since [ms]."""
        self._ok = self._clock.ok()
        if not self._ok:
            return 0
        offset_ms = self._clock.now_ms() - self._clock.mono_ms()
        step_ms, self._offset_ms = offset_ms - self._offset_ms, offset_ms
        return step_ms
