"""Permits: what forbids a command, whatever an asset's own policy says.

The policy asks before it decides: an action that is forbidden now stays due while its alert lasts,
and the decision on record names the limit.
"""

from collections import deque
from typing import Final

from gateway.core.ports import Order
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site
from gateway.errors import EncodeError

MINUTE_MS: Final = 60_000


class Permits:
    """The limits of the whole gateway, and the bridges' own pre-flight."""

    def __init__(self, site: Site, journal: Journal, clock: Clock) -> None:
        """No command was made yet."""
        self.site = site
        self._journal = journal
        self._clock = clock
        self._recent: deque[int] = deque()
        """When the commands of the last minute were made, monotonic ms."""

    def action(self, asset: str, name: str) -> str:
        """What forbids an action of an asset now; empty when nothing does."""
        action = self.site.settings.assets[asset].actions[name]
        order = Order("", action.device, action.set, 0, options=action.options)
        try:
            self.site.feeds[action.source].bridge.encode(order)
        except EncodeError as error:
            return str(error)
        return self.limit()

    def limit(self) -> str:
        """The limit of the whole gateway that forbids any command now."""
        if self._journal.trouble:
            return f"store {self._journal.trouble}"
        now_ms, most = self._clock.mono_ms(), self.site.settings.limits.commands_per_minute
        while self._recent and now_ms - self._recent[0] >= MINUTE_MS:
            self._recent.popleft()
        return f"limits.commands_per_minute {most}" if len(self._recent) >= most else ""

    def used(self) -> None:
        """A command was made."""
        self._recent.append(self._clock.mono_ms())
