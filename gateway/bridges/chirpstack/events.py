"""What each event means.

Source: chirpstack api/proto/integration/integration.proto; chirpstack-docs integrations/events.md.
The whole event is the document of an uplink, so a path reads ``object.temperature``. Identity is
the devEUI of the body: names and applications change.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from gateway.core import receptions, times
from gateway.core.framecounts import FrameCounts
from gateway.core.messages import (
    Device,
    Event,
    Evidence,
    Message,
    Origin,
    Presence,
    Result,
    Roster,
    Tree,
    Uplink,
)

DEVICES = 10_000
_DETAIL = 300


class Sender(NamedTuple):
    """What an event tells of its device."""

    application: str
    model: str
    downlink_class: str


class Events:
    """The readers of events, and what they learn of the devices."""

    def __init__(self) -> None:
        """Know no device: ChirpStack retains nothing."""
        self.counts = FrameCounts()
        self._senders: dict[str, Sender] = {}
        self._readers = {
            "up": self._up,
            "join": self._join,
            "ack": self._ack,
            "txack": self._txack,
            "log": self._log,
            "error": self._log,
            "status": self._status,
            "location": self._plain,
            "integration": self._plain,
        }
        self.names = frozenset(self._readers)

    def read(
        self, event: str, eui: str, message: Message, tree: dict[str, Tree]
    ) -> Sequence[Event]:
        """Read one event of one device."""
        news = self._readers[event](eui, message, tree)
        sender = _sender(tree)
        if sender is None or self._senders.get(eui) == sender or not self._room(eui):
            return news
        self._senders[eui] = sender
        return (Roster((_device(eui, sender),), complete=False), *news)

    def sender(self, eui: str) -> Sender | None:
        """What is known of a device."""
        return self._senders.get(eui)

    def device(self, eui: str) -> Device | None:
        """What is known of a device, as an entry of a registry."""
        sender = self._senders.get(eui)
        return None if sender is None else _device(eui, sender)

    def _room(self, eui: str) -> bool:
        return eui in self._senders or len(self._senders) < DEVICES

    def _up(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        count = tree.get("fCnt", 0)  # before 4.1 a zero was left out
        address = tree.get("devAddr")
        link = receptions.best(tree.get("rxInfo"))
        frame = None
        if type(count) is int:
            frame = count
            session = address if isinstance(address, str) else ""
            missed = self.counts.missed(eui, session, count, message.received_mono_ms)
            if missed is not None:
                link["missed_frames"] = missed
        return (_uplink(eui, tree, link, frame),)

    def _join(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        del message, tree
        self.counts.restart(eui)
        return (Presence(eui, online=True),)

    def _ack(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        """A missing ``acknowledged`` is false: the device did not acknowledge."""
        del message
        done = tree.get("acknowledged") is True
        evidence = Evidence.CONFIRMED if done else Evidence.FAILED
        detail = "" if done else "not acknowledged"
        return (Result(evidence, _item(tree), eui, detail=detail),)

    def _txack(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        del message
        return (Result(Evidence.SENT, _item(tree), eui),)

    def _log(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        """Only a refused downlink is news; ``DOWNLINK_GATEWAY`` names no queue item."""
        del message
        context, code = tree.get("context"), _text(tree, "code")
        item = _text(context, "queue_item_id") if isinstance(context, dict) else ""
        if tree.get("level") != "ERROR" or not (item or code.startswith("DOWNLINK_")):
            return ()
        detail = f"{code}: {_text(tree, 'description')}"[:_DETAIL]
        return (Result(Evidence.FAILED, item, eui, detail=detail),)

    def _status(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        del message
        level = tree.get("batteryLevel")
        unknown = tree.get("batteryLevelUnavailable") is True
        powered = tree.get("externalPowerSource") is True
        known = type(level) in {int, float} and not unknown and not powered
        return (_uplink(eui, tree, {"battery": level} if known else {}, None),)  # type: ignore[dict-item]  # a number, as tested

    def _plain(self, eui: str, message: Message, tree: dict[str, Tree]) -> Sequence[Event]:
        del message
        return (_uplink(eui, tree, {}, None),)


_ENVELOPE = frozenset(
    {
        "adr",
        "applicationID",
        "applicationName",
        "confirmed",
        "deduplicationId",
        "devAddr",
        "devEUI",
        "deviceInfo",
        "deviceName",
        "dr",
        "eventType",
        "fCnt",
        "fPort",
        "integrationName",
        "joinServerContext",
        "objectJSON",
        "publishedAt",
        "regionConfigId",
        "relayRxInfo",
        "rxInfo",
        "tags",
        "time",
        "txInfo",
    }
)
"""What version 4 and version 3 say around the decoded ``object``."""


def _uplink(
    eui: str, tree: dict[str, Tree], link: Mapping[str, float], frame: int | None
) -> Uplink:
    at_ms, origin = _time(tree)
    aside = _ENVELOPE | {"data"} if "object" in tree else _ENVELOPE
    return Uplink(
        eui, tree, at_ms, origin, dedup=_key(eui, tree), link=link, frame=frame, aside=aside
    )


def _time(tree: Mapping[str, Tree]) -> tuple[int | None, Origin]:
    """``time`` may be a gateway's clock, which may be wrong; ``nsTime`` (4.6) is not."""
    entries = [entry for entry in _list(tree, "rxInfo") if isinstance(entry, dict)]
    for origin, values in (
        (Origin.SERVER, [entry["nsTime"] for entry in entries if "nsTime" in entry]),
        (Origin.SERVER, (tree.get("time"), tree.get("publishedAt"))),
        (Origin.GATEWAY, [entry.get("gwTime") for entry in entries]),
    ):
        for value in values:
            at_ms = times.parse(value, "iso8601")
            if at_ms is not None:
                return at_ms, origin
    return None, Origin.NONE


def _key(eui: str, tree: Mapping[str, Tree]) -> str | None:
    """The server's key, else one of ours; the counter alone starts again and names no uplink."""
    key = _text(tree, "deduplicationId")
    if key:
        return key
    time = _text(tree, "time") or _first_reception(tree)
    return f"{eui}|{_text(tree, 'devAddr')}|{tree.get('fCnt', 0)}|{time}" if time else None


def _first_reception(tree: Mapping[str, Tree]) -> str:
    for entry in _list(tree, "rxInfo"):
        if isinstance(entry, dict):
            return _text(entry, "gwTime") or _text(entry, "uplinkID")
    return ""


def _sender(tree: Mapping[str, Tree]) -> Sender | None:
    info = tree.get("deviceInfo")
    if not isinstance(info, dict):
        return None
    downlink_class = _text(info, "deviceClassEnabled").removeprefix("CLASS_")
    return Sender(_text(info, "applicationId"), _text(info, "deviceProfileName"), downlink_class)


def _device(eui: str, sender: Sender) -> Device:
    return Device(
        eui,
        address=eui,
        model=sender.model,
        battery=sender.downlink_class == "A",
        downlink_class=sender.downlink_class,
    )


def _item(tree: Mapping[str, Tree]) -> str:
    """The queue item; version 3 names none, and what names none is not ours."""
    return _text(tree, "queueItemId") or "unnamed"


def _text(tree: Mapping[str, Tree], key: str) -> str:
    value = tree.get(key)
    return value if isinstance(value, str) else ""


def _list(tree: Mapping[str, Tree], key: str) -> list[Tree]:
    value = tree.get(key)
    return value if isinstance(value, list) else []
