"""MQTT 5 properties of a PUBLISH, from paho's objects to bytes and the other way round."""

from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.core.ports import Outgoing


def packed(message: MQTTMessage) -> bytes:
    """The properties of a message as they came, without their length."""
    given: Properties | None = message.properties
    if given is None or given.isEmpty():  # type: ignore[no-untyped-call]  # paho's gap
        return b""
    whole: bytes = given.pack()  # type: ignore[no-untyped-call]  # as above
    start = next(at for at, byte in enumerate(whole) if byte < 128) + 1  # noqa: PLR2004  # a varint
    return whole[start:]


def wanted(outgoing: Outgoing, expires_s: float | None) -> Properties | None:
    """What a PUBLISH of ours must say besides its topic; None when it is nothing."""
    if expires_s is None and not outgoing.correlation and not outgoing.reply_to:
        return None
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
    if expires_s is not None:
        properties.MessageExpiryInterval = max(1, int(expires_s))
    if outgoing.correlation:
        properties.CorrelationData = outgoing.correlation
    if outgoing.reply_to:
        properties.ResponseTopic = outgoing.reply_to
    return properties


def delayed(delay_s: int) -> Properties:
    """What a will must say that is not to be published at once (MQTT 5, 3.1.3.2.2)."""
    properties = Properties(PacketTypes.WILLMESSAGE)  # type: ignore[no-untyped-call]  # paho's gap
    properties.WillDelayInterval = delay_s
    return properties
