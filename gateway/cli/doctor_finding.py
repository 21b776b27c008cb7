"""What doctor looks at, and what a probe says."""

from collections.abc import Callable, Iterator
from typing import Final, Literal, NamedTuple

from gateway.adapters.mqtt_settings import Broker
from gateway.config.settings import Settings

Severity = Literal["ok", "warning", "error"]

PAGE: Final = "docs/troubleshooting.md"


class Finding(NamedTuple):
    """One thing that was looked at."""

    id: str
    """Heading of the page that explains it: ``broker-queue``."""
    severity: Severity
    what: str
    cure: str = ""

    @property
    def link(self) -> str:
        """Where it is explained."""
        return f"{PAGE}#{self.id}"


class Patient(NamedTuple):
    """One broker of the file, with what probes need to know."""

    settings: Settings
    broker: Broker
    other: Broker
    """The same, as somebody else: nobody in particular, or the user that was named."""
    wait_s: float

    @property
    def ours(self) -> bool:
        """Our own topics are on it."""
        return self.broker.name == self.settings.announce_broker

    @property
    def title(self) -> str:
        """How findings begin."""
        return f"broker {self.broker.name}"


Probe = Callable[[Patient], Iterator[Finding]]
