"""What clouds that speak MQTT allow, as their documents say; ``source`` names the document.

Facts only: what is done within them is in ``mqtt_plain``. A limit of 0 is none that is documented.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Profile:
    """The limits of one cloud, for one connection."""

    source: str
    payload_bytes: int
    """Of one message."""
    protocols: tuple[str, ...] = ("5", "3.1.1")
    """Versions it speaks, the better first."""
    messages_per_s: float = 0.0
    bytes_per_s: float = 0.0
    window: int = 20
    """Publishes without an answer."""
    window_bytes: int = 0
    """Bytes of those."""
    topic_bytes: int = 65_535
    topic_slashes: int = 0
    client_id_bytes: int = 65_535
    keepalive_s: tuple[int, int] = (5, 65_535)
    needs_subscriber: bool = False
    """A message that nobody has subscribed to is gone; the broker's PUBACK says so (MQTT 5)."""


GENERIC: Final = Profile(
    source="MQTT 5 and 3.1.1; a broker's own limits are in its CONNACK (Maximum Packet Size)",
    payload_bytes=262_144,
    needs_subscriber=True,
)

PROFILES: Final[Mapping[str, Profile]] = {
    "generic": GENERIC,
    "hivemq": Profile(
        source="HiveMQ user guide: MQTT 5 and 3.1.1; Maximum Packet Size and Receive Maximum are"
        " in its CONNACK",
        payload_bytes=262_144,
        needs_subscriber=True,
    ),
    "aws": Profile(
        source="AWS IoT Core endpoints and quotas: message broker and protocol limits",
        payload_bytes=131_072,
        messages_per_s=100.0,
        bytes_per_s=524_288.0,
        window=100,
        topic_bytes=256,
        topic_slashes=7,
        client_id_bytes=128,
        keepalive_s=(30, 1_200),
    ),
    "azure-iot-hub": Profile(
        source="Azure IoT Hub: device-to-cloud messages, quotas and throttling, MQTT support."
        " Keep-alive 29.45 min at most; 100 sends a second are the least of tier S1",
        payload_bytes=262_144,
        protocols=("3.1.1",),
        messages_per_s=100.0,
        window=16,
        client_id_bytes=128,
        keepalive_s=(5, 1_767),
    ),
    "azure-event-grid": Profile(
        source="Azure Event Grid quotas and limits: MQTT in namespaces (1,000 messages and 1 MB a"
        " second per session, 64 KB in flight); MQTT support: no QoS 2",
        payload_bytes=61_440,
        messages_per_s=1_000.0,
        bytes_per_s=1_000_000.0,
        window=100,
        window_bytes=65_536,
        topic_bytes=256,
        client_id_bytes=128,
        keepalive_s=(5, 1_160),
    ),
}


def unfit_topic(profile: Profile, topic: str) -> str:
    """Why a cloud would not take this topic; empty when it would.

    AWS does not count the first three levels of basic ingest, ``$aws/rules/<rule>/``.
    """
    counted = topic.split("/", 3)[-1] if topic.startswith("$aws/rules/") else topic
    if not topic or set("+#\0") & set(topic):
        return "a topic is not empty, and has no wildcards"
    if topic.startswith("$") and not topic.startswith("$aws/rules/"):
        return "topics below $ are the broker's own"
    if len(counted.encode()) > profile.topic_bytes:
        return f"longer than {profile.topic_bytes} bytes"
    if profile.topic_slashes and counted.count("/") > profile.topic_slashes:
        return f"more than {profile.topic_slashes} slashes"
    return ""
