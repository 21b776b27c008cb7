"""What devices say.

Source: lorawan-stack-docs doc/content/integrations/other-integrations/mqtt and .../data-formats.

The document of an uplink is its ``uplink_message``, so a path reads
``decoded_payload.temperature`` or, vendor-neutral and preferred,
``normalized_payload[0].air.temperature``. An uplink that carries several measurements of different
times becomes one uplink per measurement, each with its own ``normalized_payload[0]``.
"""

from collections.abc import Iterator, Mapping

from gateway.core import times
from gateway.core.messages import Origin, Reason, Tree, Uplink

_ENVELOPE = frozenset(
    {
        "attributes",
        "confirmed",
        "consumed_airtime",
        "decoded_payload_warnings",
        "f_cnt",
        "f_port",
        "last_battery_percentage",
        "locations",
        "network_ids",
        "normalized_payload_warnings",
        "packet_error_rate",
        "received_at",
        "rx_metadata",
        "session_key_id",
        "settings",
        "version_ids",
    }
)
"""What stands around the decoded payloads."""


def uplinks(
    device: str,
    tree: Mapping[str, Tree],
    part: dict[str, Tree],
    link: Mapping[str, float],
    frame: int | None,
) -> Iterator[Uplink]:
    """Give the older measurements of an uplink first, then the rest of it with the newest one."""
    reason = Reason.SIMULATED if tree.get("simulated") is True else Reason.OK
    key = _key(tree, part)
    timed = _timed(part.get("normalized_payload"))
    if len({at_ms for at_ms, _ in timed}) > 1:
        for at, (at_ms, measurement) in enumerate(timed[:-1]):
            yield Uplink(
                device,
                {"normalized_payload": [measurement]},
                at_ms,
                Origin.SAMPLE,
                f"{key}#{at}" if key else None,
                reason,
                frame=frame,
            )
        part = {**part, "normalized_payload": [timed[-1][1]]}
    newest = (timed[-1][0], Origin.SAMPLE) if timed else received(part, tree)
    decoded = "decoded_payload" in part or "normalized_payload" in part
    aside = _ENVELOPE | {"frm_payload"} if decoded else _ENVELOPE
    yield Uplink(device, part, *newest, key, reason, link=link, frame=frame, aside=aside)


def _timed(measurements: Tree) -> list[tuple[int, Tree]]:
    """The measurements that have a time of their own, oldest first; none unless all have."""
    if not isinstance(measurements, list):
        return []
    found = []
    for measurement in measurements:
        time = measurement.get("time") if isinstance(measurement, dict) else None
        at_ms = times.parse(time, "iso8601")
        if at_ms is None:
            return []
        found.append((at_ms, measurement))
    return sorted(found, key=lambda pair: pair[0])


def received(part: Mapping[str, Tree], tree: Mapping[str, Tree]) -> tuple[int | None, Origin]:
    """A gateway's time with GPS behind it, else the network server's, else the application's."""
    gps = any(isinstance(entry, dict) and "gps_time" in entry for entry in _list(part))
    gateway = part_of(part, "settings").get("time") if gps else None
    for value, origin in (
        (gateway, Origin.GATEWAY),
        (part.get("received_at"), Origin.SERVER),
        (tree.get("received_at"), Origin.SERVER),
    ):
        at_ms = times.parse(value, "iso8601")
        if at_ms is not None:
            return at_ms, origin
    return None, Origin.NONE


def fresh(part: dict[str, Tree], frame: int | None, link: dict[str, float]) -> dict[str, Tree]:
    """Drop a battery level that belongs to an older frame; note one that belongs to this."""
    battery = part.get("last_battery_percentage")
    if not isinstance(battery, dict):
        return part
    level = battery.get("value", 0)
    if battery.get("f_cnt", 0) != frame:
        return {key: value for key, value in part.items() if key != "last_battery_percentage"}
    if type(level) is int or type(level) is float:
        link["battery"] = level
    return part


def _key(tree: Mapping[str, Tree], part: Mapping[str, Tree]) -> str | None:
    """The id the stack gave the uplink, else the frame's own."""
    for start in ("gs:uplink:", "as:up:"):
        found = [one for one in ids(tree) if one.startswith(start)]
        if found:
            return min(found)
    session = text(part, "session_key_id")
    eui = text(part_of(tree, "end_device_ids"), "dev_eui")
    return f"{eui}|{session}|{part.get('f_cnt', 0)}" if eui and session else None


def _list(part: Mapping[str, Tree]) -> list[Tree]:
    entries = part.get("rx_metadata")
    return entries if isinstance(entries, list) else []


def ids(tree: Mapping[str, Tree]) -> list[str]:
    """The correlation ids of an event or of a part of it."""
    found = tree.get("correlation_ids")
    return [one for one in found if isinstance(one, str)] if isinstance(found, list) else []


def part_of(tree: Mapping[str, Tree], key: str) -> dict[str, Tree]:
    """A part of an event; empty when it is not there."""
    value = tree.get(key)
    return value if isinstance(value, dict) else {}


def text(tree: Mapping[str, Tree], key: str) -> str:
    """A text of an event; empty when it is not there."""
    value = tree.get(key)
    return value if isinstance(value, str) else ""
