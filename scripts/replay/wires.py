"""How a row of a recording looks on the wire of a bridge, and how the gateway finds it there.

Every wire carries all channels of a row in one message. Three of them carry the row's time; with
Zigbee2MQTT there is none a gateway may use (``last_seen`` is not a measurement's time), so rows are
filed under the time they arrive, and a value that did not change counts as repeated, not as new.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Final
from uuid import UUID

from gateway.core.times import rfc3339

APPLICATION: Final = "7c9b1de2-0f4e-4c37-9a55-3f6f0a7b2e10"
TENANT: Final = "replay@bench"


@dataclass(frozen=True, slots=True)
class Row:
    """What one device says at one time."""

    device: str
    """Name of the run."""
    number: int
    """From 0."""
    at_ms: int
    """Time on the wire, UTC epoch ms."""
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wire:
    """One bridge."""

    source: Mapping[str, object]
    """The entry of ``sources``, but for its broker."""
    device: Callable[[str], str]
    """Name of a run -> the bridge's name of its device."""
    path: Callable[[str], str]
    """Channel -> path of its value."""
    message: Callable[[Row], tuple[str, dict[str, object]]]
    """Row -> topic and document."""
    timed: bool = True
    """The document carries a time that the gateway files readings under."""

    def publish(self, row: Row) -> tuple[str, bytes]:
        """Topic and payload."""
        topic, document = self.message(row)
        return topic, json.dumps(document, separators=(",", ":")).encode()


def _eui(name: str) -> str:
    return sha256(name.encode()).hexdigest()[:16]


def _json(row: Row) -> tuple[str, dict[str, object]]:
    return f"bench/{row.device}", {"t": row.at_ms, "n": row.number, **row.values}


def _zigbee2mqtt(row: Row) -> tuple[str, dict[str, object]]:
    document = {**row.values, "linkquality": 120, "last_seen": rfc3339(row.at_ms)}
    return f"zigbee2mqtt/{row.device}", document


def _chirpstack(row: Row) -> tuple[str, dict[str, object]]:
    eui, at = _eui(row.device), rfc3339(row.at_ms)
    key = UUID(bytes=sha256(f"{row.device} {row.at_ms}".encode()).digest()[:16], version=4)
    document: dict[str, object] = {
        "deduplicationId": str(key),
        "time": at,
        "deviceInfo": {"applicationId": APPLICATION, "deviceName": row.device, "devEui": eui},
        "devAddr": eui[:8],
        "fCnt": row.number,
        "fPort": 85,
        "object": dict(row.values),
        "rxInfo": [{"gatewayId": "0016c001f1500a01", "gwTime": at, "nsTime": at, "rssi": -70}],
    }
    return f"application/{APPLICATION}/device/{eui}/event/up", document


def _thethings(row: Row) -> tuple[str, dict[str, object]]:
    at, eui = rfc3339(row.at_ms), _eui(row.device)
    uplink: dict[str, object] = {
        "session_key_id": eui,
        "f_port": 85,
        "f_cnt": row.number,
        "decoded_payload": dict(row.values),
        "received_at": at,
    }
    document: dict[str, object] = {
        "end_device_ids": {"device_id": row.device.lower().replace("_", "-"), "dev_eui": eui},
        "received_at": at,
        "uplink_message": uplink,
    }
    name = row.device.lower().replace("_", "-")
    return f"v3/{TENANT}/devices/{name}/up", document


WIRES: Final[Mapping[str, Wire]] = {
    "json": Wire(
        {
            "bridge": "json",
            "topic": "bench/{device+}",
            "time": {"path": "t", "format": "epoch_ms"},
        },
        str,
        str,
        _json,
    ),
    "zigbee2mqtt": Wire({"bridge": "zigbee2mqtt"}, str, str, _zigbee2mqtt, timed=False),
    "chirpstack": Wire({"bridge": "chirpstack"}, _eui, "object.{}".format, _chirpstack),
    "thethings": Wire(
        {"bridge": "thethings"},
        lambda name: name.lower().replace("_", "-"),
        "decoded_payload.{}".format,
        _thethings,
    ),
}
