"""Probes of a broker: is it there, does it keep what it should, and whom does it let do what?

What is published is harmless: on our own topics something that the gateway refuses, on the topics
of devices an order that says nothing, to a device that does not exist.
"""

import os
from collections.abc import Iterator
from typing import Final

from gateway import registry
from gateway.cli.doctor_call import Call
from gateway.cli.doctor_finding import Finding, Patient
from gateway.core.counts import counted
from gateway.core.ports import Bridge, Order
from gateway.core.requests import REQUESTS, SETS
from gateway.errors import EncodeError

QUEUED: Final = 1_200
"""More than the 1,000 that mosquitto keeps where nobody says otherwise."""
NOBODY: Final = "edge-gateway-doctor"
"""The device that does not exist."""
DROPPED: Final = "$SYS/broker/publish/messages/dropped"
"""mosquitto's own count; retained."""
QUIET_S: Final = 1.0
"""What is retained comes at once."""
_ANY_ID: Final = "00000000-0000-7000-8000-000000000000"


def reachable(patient: Patient) -> Iterator[Finding]:
    """Whether we come in, and what it speaks."""
    with Call(patient.broker, patient.wait_s) as call:
        if not call.connected:
            why = call.state.last_error or "no answer"
            cure = "host, port, username, password_file, tls; is the broker running?"
            yield Finding("broker-reachable", "error", f"{patient.title}: {why}", cure)
        elif call.state.protocol != "5":
            what = f"{patient.title}: it speaks MQTT {call.state.protocol} only: a refused command"
            cure = "a broker that speaks MQTT 5; its rights cannot be probed from here"
            yield Finding("broker-protocol", "warning", f"{what} looks like a sent one", cure)
        else:
            yield Finding("broker-reachable", "ok", f"{patient.title}: connected, MQTT 5")


def sessions(patient: Patient) -> Iterator[Finding]:
    """Whether it keeps a session, and its queue, while a client is away."""
    name = f"edge-doctor-{os.urandom(6).hex()}"
    topic = f"{patient.settings.base}/doctor/{name}"
    with Call(patient.broker, patient.wait_s, topic, name=name, keep_s=60) as call:
        if not call.connected:
            return
    with Call(patient.broker, patient.wait_s) as call:
        call.publish([topic] * 5, qos=0)
        refused = [one for one in call.publish([topic] * QUEUED) if one]
    with Call(patient.broker, patient.wait_s, topic, name=name) as call:
        kept = call.state.session_present
        heard = call.hear(QUEUED + 5, patient.wait_s) if kept else []
    if refused:
        what = f"{patient.title}: its queue cannot be probed: {refused[0]} on {topic}"
        yield Finding("broker-own-rights", "error", what, _OWN)
        return
    if not kept:
        what = (
            f"{patient.title}: it forgot our session: what comes while the gateway is away is lost"
        )
        yield Finding("broker-session", "error", what, "persistence true, in its configuration")
        return
    sure = sum(message.qos == 1 for message in heard)
    yield from _queue(patient, sure, len(heard) - sure)


def _queue(patient: Patient, sure: int, unsure: int) -> Iterator[Finding]:
    if sure < QUEUED:
        what = f"{patient.title}: of {QUEUED} messages to a client that is away it kept {sure}"
        cure = "max_queued_messages 100000, max_queued_bytes 67108864"
        yield Finding("broker-queue", "warning", what, cure)
    if not unsure:
        what = f"{patient.title}: it keeps no QoS 0 messages for a client that is away"
        cure = "queue_qos0_messages true: Zigbee2MQTT and most devices publish with QoS 0"
        yield Finding("broker-queue-qos0", "warning", what, cure)
    if sure >= QUEUED and unsure:
        what = f"{patient.title}: it keeps our session and {QUEUED} messages and more"
        yield Finding("broker-session", "ok", what)


def dropped(patient: Patient) -> Iterator[Finding]:
    """Whether it has dropped messages, where it counts them and lets us read that."""
    with Call(patient.broker, patient.wait_s, DROPPED) as call:
        told = call.hear(1, QUIET_S) if call.connected else []
    count = told[0].payload.decode("ascii", "replace") if told else ""
    if count.isdecimal() and int(count):
        lost = counted(int(count), "message")
        what = f"{patient.title}: it has dropped {lost} since it started"
        cure = "max_queued_messages 100000; a client that is away for good: remove its session"
        yield Finding("broker-dropped", "warning", what, cure)
    elif count:
        yield Finding("broker-dropped", "ok", f"{patient.title}: it has dropped no message")


def strangers(patient: Patient) -> Iterator[Finding]:
    """Whether somebody who is not us may decide what people decide, or move devices."""
    who = patient.other.username or "anybody without a name"
    topics = [*_set_topics(patient), *device_topics(patient)]
    with Call(patient.other, patient.wait_s) as call:
        if not call.connected:
            what = f"{patient.title}: {who} does not come in: {call.state.last_error}"
            yield Finding("broker-strangers", "ok", what)
            return
        if call.state.protocol != "5":
            return  # a refusal cannot be seen
        said = call.publish(topics)
    open_ = [topic for topic, reason in zip(topics, said, strict=True) if not reason]
    if open_:
        what = f"{patient.title}: {who} may publish on {', '.join(open_[:4])}"
        cure = "allow_anonymous false, a password_file and an acl_file: config/mosquitto.acl"
        yield Finding("broker-strangers", "error", what, cure)
    else:
        what = f"{patient.title}: {who} comes in, and may command nothing"
        yield Finding("broker-strangers", "ok", what)


_OWN: Final = "rights of the gateway's user: config/mosquitto.acl"


def own_rights(patient: Patient) -> Iterator[Finding]:
    """Whether our own user may say and order what it has to, and not more."""
    base = patient.settings.base
    own = [f"{base}/response/doctor", f"{base}/asset/doctor/doctor"] if patient.ours else []
    needed = [*own, f"{base}/pulse/{NOBODY}", *device_topics(patient)]
    spare = [f"edge/{NOBODY}/stop/set", f"zigbee2mqtt/bridge/request/{NOBODY}"]
    with Call(patient.broker, patient.wait_s) as call:
        if not call.connected or call.state.protocol != "5":
            return
        lacking = _refused(call, needed)
        too_much = [topic for topic in spare if topic not in _refused(call, spare)]
    if lacking:
        what = f"{patient.title}: our user may not publish on {', '.join(lacking[:4])}"
        yield Finding("broker-own-rights", "error", what, _OWN)
    if too_much:
        what = f"{patient.title}: our user may publish where it need not: {', '.join(too_much)}"
        yield Finding("broker-too-much", "warning", what, _OWN)
    if not lacking and not too_much:
        what = f"{patient.title}: our user may do what it has to, and not more"
        yield Finding("broker-own-rights", "ok", what)


def _refused(call: Call, topics: list[str]) -> list[str]:
    return [one for one, why in zip(topics, call.publish(topics), strict=True) if why]


def retained(patient: Patient) -> Iterator[Finding]:
    """Whether a command lies retained: it would be done again at each connect of whoever hears."""
    ours = [f"{patient.settings.base}/{one}" for one in (REQUESTS, *SETS)] if patient.ours else []
    filters = [*ours, *device_topics(patient, real=True)]
    with Call(patient.broker, patient.wait_s, *filters) as call:
        if not call.connected:
            return
        found = [message.topic for message in call.hear(QUEUED, QUIET_S) if message.retain]
    for topic in found:
        what = f"{patient.title}: a command lies retained on {topic}"
        yield Finding("retained-command", "error", what, f"mosquitto_pub -r -n -t '{topic}'")
    if not found:
        yield Finding("retained-command", "ok", f"{patient.title}: no command lies retained")


def _set_topics(patient: Patient) -> list[str]:
    asset = next(iter(patient.settings.assets), NOBODY)
    names = ("override", "mode", "acknowledge", "maintenance")
    of_asset = [f"asset/{asset}/{name}/set" for name in names]
    topics = [*of_asset, "stop/set", "mode/set", "request/doctor"]
    return [f"{patient.settings.base}/{one}" for one in topics] if patient.ours else []


def device_topics(patient: Patient, *, real: bool = False) -> list[str]:
    """The command topics of the file's actions on this broker, of a device that does not exist."""
    settings, found = patient.settings, []
    for asset in settings.assets.values():
        for action in asset.actions.values():
            source = settings.sources[action.source]
            if source.broker != patient.broker.name:
                continue
            bridge: Bridge = registry.find("bridges", source.kind)(source.name, source.settings)
            order = Order(_ANY_ID, action.device, action.said(0.0), 1 << 42, options=action.options)
            try:
                topics = [message.topic for message in bridge.encode(order)]
            except EncodeError:
                continue  # it needs the registry first
            told = [topic if real else topic.replace(action.device, NOBODY) for topic in topics]
            found += [topic for topic in told if real or NOBODY in topic]
    return sorted(set(found))
