"""What the user's file says about a broker. No paho here: checking a file must stay cheap."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Tls:
    """TLS 1.2 or newer; the broker's certificate and name are always checked.

    The files are read again at each connect, so a renewed certificate needs no restart.
    """

    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""


@dataclass(frozen=True, slots=True)
class Broker:
    """One broker, and how we talk to it."""

    name: str
    """Its name in the user's file."""
    host: str = "localhost"
    port: int = 1883
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """auto: version 5 first, 3.1.1 when the broker refuses it."""
    keepalive_s: int = 15
    """A dead line is noticed within twice this."""
    tls: Tls | None = None
    username: str = ""
    password_file: str = ""
    """Read at each connect, so that a changed password needs no restart."""
    client_id: str = ""
    """Names our session at the broker: fixed, and nobody else's."""
    session_expiry_s: int = 604_800
    """How long the broker keeps our session and its queue while we are away (version 5)."""
    receive_maximum: int = 1_000
    """Most QoS 1 messages the broker may have unacknowledged with us (version 5)."""
    max_pending: int = 10_000
    """Most messages held here. QoS 0: the oldest is dropped; QoS 1: reading stops."""
    max_payload: int = 8_388_608
    """A larger payload is dropped, counted and acknowledged [bytes]."""
    send_window: int = 20
    """Most publishes of ours that wait for the broker's acknowledgement at once."""
    connect_timeout_s: float = 5.0
    user_timeout_s: float = 8.0
    """Sent bytes the peer does not confirm for this long end the connection."""
    reconnect_min_s: float = 1.0
    reconnect_max_s: float = 30.0
    """The n-th retry waits a random time up to min(max, min * 2**n)."""
    fenced: bool = False
    """One connection, from nothing, and never again: whoever takes its name over has ended it."""
