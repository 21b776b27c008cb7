"""Events in protobuf, which share their topics with JSON when ``json = false``.

Source: chirpstack api/proto/{integration/integration,gw/gw,common/common}.proto, 4.20. The tables
hold the fields we use.
"""

from collections.abc import Mapping

from gateway.bridges.chirpstack.protobuf import (
    Field,
    base64,
    message,
    pair,
    part,
    real,
    signed,
    struct,
    text,
    time,
    truth,
    unsigned,
    word,
)
from gateway.core.documents import MAX_BYTES
from gateway.core.messages import Tree
from gateway.errors import DecodeError


def decode(event: str, payload: bytes) -> dict[str, Tree]:
    """Read the protobuf of an event.

    Raises:
        DecodeError: ``protobuf``: it is none, or it names no device; ``size``, ``depth``.
    """
    if len(payload) > MAX_BYTES:
        raise DecodeError("size", f"{len(payload)} bytes, more than {MAX_BYTES}")
    tree = message(payload, _EVENTS.get(event, {}), 0)
    info = tree.get("deviceInfo")
    if not isinstance(info, dict) or not isinstance(info.get("devEui"), str):
        raise DecodeError("protobuf", "neither JSON nor an event of ChirpStack 4")
    info.setdefault("deviceClassEnabled", "CLASS_A")  # 0, so left out
    return tree


_LOCATION = {
    1: Field("latitude", real),
    2: Field("longitude", real),
    3: Field("altitude", real),
}
_DEVICE = {
    1: Field("tenantId", text),
    2: Field("tenantName", text),
    3: Field("applicationId", text),
    4: Field("applicationName", text),
    5: Field("deviceProfileId", text),
    6: Field("deviceProfileName", text),
    7: Field("deviceName", text),
    8: Field("devEui", text),
    9: Field("tags", pair(text), many=True),
    10: Field("deviceClassEnabled", word("CLASS_A", "CLASS_B", "CLASS_C")),
}
_RX = {
    1: Field("gatewayId", text),
    3: Field("gwTime", time),
    6: Field("rssi", signed),
    7: Field("snr", real),
    8: Field("channel", unsigned),
    12: Field("location", part(_LOCATION)),
    17: Field("nsTime", time),
}
_LORA = {1: Field("bandwidth", unsigned), 2: Field("spreadingFactor", unsigned)}
_TX = {
    1: Field("frequency", unsigned),
    2: Field("modulation", part({3: Field("lora", part(_LORA))})),
}
_COMMON = {
    1: Field("deduplicationId", text),
    2: Field("time", time),
    3: Field("deviceInfo", part(_DEVICE)),
}
_UP = {
    4: Field("devAddr", text),
    5: Field("adr", truth),
    6: Field("dr", unsigned),
    7: Field("fCnt", unsigned),
    8: Field("fPort", unsigned),
    9: Field("confirmed", truth),
    10: Field("data", base64),
    11: Field("object", struct),
    12: Field("rxInfo", part(_RX), many=True),
    13: Field("txInfo", part(_TX)),
    16: Field("regionConfigId", text),
}
_CODES = (
    "UNKNOWN",
    "DOWNLINK_PAYLOAD_SIZE",
    "UPLINK_CODEC",
    "DOWNLINK_CODEC",
    "OTAA",
    "UPLINK_F_CNT_RESET",
    "UPLINK_MIC",
    "UPLINK_F_CNT_RETRANSMISSION",
    "DOWNLINK_GATEWAY",
    "RELAY_NEW_END_DEVICE",
    "F_CNT_DOWN",
    "EXPIRED",
)
_EVENTS: Mapping[str, Mapping[int, Field]] = {
    "up": {**_COMMON, **_UP},
    "join": {**_COMMON, 4: Field("devAddr", text)},
    "ack": {
        **_COMMON,
        4: Field("queueItemId", text),
        5: Field("acknowledged", truth),
        6: Field("fCntDown", unsigned),
    },
    "txack": {**_COMMON, 1: Field("downlinkId", unsigned), 4: Field("queueItemId", text)},
    "log": {
        1: Field("time", time),
        2: Field("deviceInfo", part(_DEVICE)),
        3: Field("level", word("INFO", "WARNING", "ERROR")),
        4: Field("code", word(*_CODES)),
        5: Field("description", text),
        6: Field("context", pair(text), many=True),
    },
    "status": {
        **_COMMON,
        5: Field("margin", signed),
        6: Field("externalPowerSource", truth),
        7: Field("batteryLevelUnavailable", truth),
        8: Field("batteryLevel", real),
    },
    "location": {**_COMMON, 4: Field("location", part(_LOCATION))},
    "integration": {
        **_COMMON,
        4: Field("integrationName", text),
        5: Field("eventType", text),
        6: Field("object", struct),
    },
}
