"""Probes of the bridges behind a broker: their settings, and how they publish."""

from collections.abc import Iterator
from typing import Final

from gateway.cli.decode import decoded
from gateway.cli.doctor_call import Call
from gateway.cli.doctor_finding import Finding, Patient
from gateway.core.messages import Roster

MOST: Final = 50
"""Messages that show how a bridge publishes."""
QUIET_S: Final = 1.0
_IDS: Final = (
    ("advanced.last_seen", "zigbee-last-seen"),
    ("advanced.cache_state", "zigbee-cache"),
    ("availability", "zigbee-availability"),
    ("advanced.output", "zigbee-output"),
    ("device_options.qos", "bridge-qos"),
)
"""By how a warning of Zigbee2MQTT's own settings begins."""
_ONLY_ZERO: Final = frozenset({"thethings"})
"""It has no other QoS: nothing can be done about it."""


def zigbee(patient: Patient) -> Iterator[Finding]:
    """Whether Zigbee2MQTT tells when a device was heard, and which is gone."""
    settings = patient.settings
    for source in decoded(settings):
        entry = settings.sources[source.name]
        if entry.kind != "zigbee2mqtt" or entry.broker != patient.broker.name:
            continue
        topic = f"{entry.settings.base.strip('/')}/bridge/info"
        with Call(patient.broker, patient.wait_s, topic) as call:
            heard = call.hear(1, QUIET_S) if call.connected else []
            connected = call.connected
        events = [one for message in heard for one in source.bridge.decode(message)]
        rosters = [one for one in events if isinstance(one, Roster)]
        if not rosters and connected:
            what = f"source {source.name}: nothing is retained on {topic}"
            cure = "is it running, with this mqtt.base_topic, without mqtt.force_disable_retain?"
            yield Finding("zigbee-info", "warning", what, cure)
        warnings = [warning for one in rosters for warning in one.warnings]
        for warning in warnings:
            what, _, cure = warning.partition("; ")
            yield Finding(_id(what), "warning", f"source {source.name}: {what}", cure)
        if rosters and not warnings:
            what = f"source {source.name}: Zigbee2MQTT's settings are as the gateway needs them"
            yield Finding("zigbee-last-seen", "ok", what)


def _id(warning: str) -> str:
    return next((id_ for start, id_ in _IDS if warning.startswith(start)), "zigbee-info")


def qos(patient: Patient) -> Iterator[Finding]:
    """With which QoS the bridges publish: what comes with 0 is lost while nobody listens."""
    settings = patient.settings
    for source in decoded(settings):
        entry = settings.sources[source.name]
        if entry.broker != patient.broker.name or entry.kind in _ONLY_ZERO:
            continue
        filters = [one.filter for one in source.bridge.subscriptions()]
        with Call(patient.broker, patient.wait_s, *filters) as call:
            heard = call.hear(MOST, QUIET_S) if call.connected else []
        live = [one for one in heard if "/bridge/" not in one.topic]
        zero = sum(one.qos == 0 for one in live)
        if zero:
            what = f"source {source.name}: {zero} of {len(live)} messages came with QoS 0"
            cure = "let it publish with QoS 1 (Zigbee2MQTT: device_options.qos: 1)"
            yield Finding("bridge-qos", "warning", what, cure)
        elif live:
            yield Finding("bridge-qos", "ok", f"source {source.name}: it publishes with QoS 1")
