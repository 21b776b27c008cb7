"""The plug-in interface: what the author of a bridge implements.

A bridge is pure and synchronous: it opens nothing, reads no clock and logs nothing. The daemon
calls it from one thread, one message at a time, in order of arrival.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from gateway.core.messages import Device, Event, Message, Uplink


@dataclass(frozen=True, slots=True)
class Subscription:
    """One topic filter to subscribe to."""

    filter: str
    qos: int = 1
    """The most the bridge could deliver; what arrives is min(publish, subscribe)."""


@dataclass(frozen=True, slots=True)
class Order:
    """What the gateway wants a device to do: absolute values, never toggles."""

    command_id: str
    device: str
    set: Mapping[str, object]
    expires_at_ms: int
    """The order is void after this; bridges that can say so pass it on."""
    confirmed: bool = True
    """Ask for an acknowledgement of the device where the network has one."""
    options: Mapping[str, object] | None = None
    """Bridge-specific: ``port`` for LoRaWAN."""
    deadline_ms: int = 0
    """How long evidence is waited for; 0: as long as the bridge says."""


@dataclass(frozen=True, slots=True)
class Outgoing:
    """One message to publish. Commands are never retained."""

    topic: str
    payload: bytes
    qos: int = 1
    retain: bool = False
    correlation: bytes = b""
    """MQTT 5 correlation data: of the request that it answers, or that its answer is to carry."""
    reply_to: str = ""
    """MQTT 5 response topic, of a request of ours."""


class Bridge(Protocol):
    """One bridge on one broker, as one source of the user's file.

    A class may also have a static ``spell(device) -> str`` that writes a device's name as its
    messages do; a file that writes it otherwise is told so. A bridge that shows a state before its
    device does has ``answers(order, uplink, before) -> bool``: whether an uplink that shows what
    was ordered is the device's own answer to ``ask``, and no repetition; ``before`` is the document
    of the uplink before. Without it a state as ordered confirms at once.
    """

    def subscriptions(self) -> Sequence[Subscription]:
        """What to subscribe to; filters of one source never overlap."""
        ...

    def decode(self, message: Message) -> Sequence[Event]:
        """Read one message. Never raises, whatever the bytes: what cannot be read is a Reject.

        A message on somebody's command topic, or one without news, is an empty sequence.
        """
        ...

    def encode(self, order: Order) -> Sequence[Outgoing]:
        """Say an order in the bridge's words.

        Raises:
            EncodeError: the bridge cannot say it, or its registry forbids it (pre-flight).
        """
        ...

    def confirms(self, order: Order, uplink: Uplink) -> bool:
        """Tell whether a fresh uplink of the device shows every value of the order."""
        ...

    def ask(self, order: Order) -> Sequence[Outgoing]:
        """Ask the device to report what the order set; empty where that cannot be asked."""
        ...

    def device(self, name: str) -> Device | None:
        """What the registry knows about a device; None when there is no entry, or no registry."""
        ...

    def deadline_s(self, order: Order) -> float:
        """How long evidence may take, by the device's own rhythm, in seconds."""
        ...
