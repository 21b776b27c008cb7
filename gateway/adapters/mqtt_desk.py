"""Where the daemon's thread and the network thread meet: each lays down, the other picks up."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from gateway.adapters.mqtt_inbox import Inbox
from gateway.adapters.mqtt_link import LinkState
from gateway.adapters.mqtt_outbox import Outbox
from gateway.adapters.mqtt_settings import Broker
from gateway.adapters.waker import Waker
from gateway.core.ports import Subscription


def nobody() -> bool:
    """Without a session nothing is sent."""
    return False


class Desk:
    """All that both threads of one client touch."""

    def __init__(
        self,
        broker: Broker,
        availability: str,
        on_wake: Callable[[], None],
        mono_ms: Callable[[], int],
    ) -> None:
        """``availability`` is the topic of will and birth; empty: neither is sent."""
        self.broker = broker
        self.availability = availability
        self.on_wake = on_wake
        self.mono_ms = mono_ms
        self.inbox = Inbox(broker.max_pending, broker.receive_maximum)
        self.outbox = Outbox()
        self.waker = Waker()
        self.wanted: Sequence[Subscription] = ()
        self.stopping = False
        self.farewell: bytes | None = None
        """Published on the availability topic before a clean end; None: nothing is."""
        self.state = LinkState(since_mono_ms=mono_ms())
        self.send_now: Callable[[], bool] = nobody
        """Sends what waits at once, from any thread; False: wake the network thread for it."""

    def change(self, **changes: Any) -> None:
        """Replace fields of the state; the daemon is woken when that makes a difference."""
        if changes.get("connected", self.state.connected) != self.state.connected:
            changes["since_mono_ms"] = self.mono_ms()
        state = replace(self.state, **changes)
        if state != self.state:
            self.state = state
            self.on_wake()
