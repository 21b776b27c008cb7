"""Requests: what people and programs ask of the running gateway, over MQTT.

``<base>/request/<name>`` holds a JSON object (or nothing); ``<base>/response/<name>`` answers with
``status`` (``ok`` or ``error``), ``data`` or ``error``, and the request's own ``transaction``, as
Zigbee2MQTT does. An MQTT 5 request may name a response topic and correlation data (MQTT 5, 4.10):
it is answered there too.

What people decide has topics of its own, so that a broker's access list can tell who may:
``<base>/asset/<id>/<name>/set`` and, of the whole gateway, ``<base>/<name>/set``. They are answered
in the same way.
"""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from gateway.core import documents
from gateway.core.messages import Message
from gateway.core.topic_tree import Document, head
from gateway.errors import DecodeError

MAX_BYTES: Final = 8_192
LATE: Final = "asked while the gateway was away: ask again"
MAX_TOPIC: Final = 256
_RESPONSE_TOPIC: Final = 0x08
_CORRELATION_DATA: Final = 0x09
_SIZES: Final = {0x01: 1, 0x02: 4, 0x23: 2}
"""Payload format, message expiry, topic alias: properties of fixed size (MQTT 5, 2.2.2.2)."""
_TEXTS: Final = {0x03: 1, _RESPONSE_TOPIC: 1, _CORRELATION_DATA: 1, 0x26: 2}
"""Content type and ours: one string of 2 + n bytes; a user property is two."""


REQUESTS: Final = "request/#"
RESPONSES: Final = "response/+"
SETS: Final = ("asset/+/+/set", "+/set")
"""Filters of our own, below the base."""


class Asked(NamedTuple):
    """What a topic of ours is about."""

    name: str
    """``model``, ``override``."""
    asset: str = ""
    """Empty: the gateway."""
    sets: bool = False
    """A person decides something: a ``set`` topic."""


def asked(topic: str, base: str) -> Asked | None:
    """What a topic is about; None when nothing is asked there."""
    if not topic.startswith(base + "/"):
        return None
    match topic.removeprefix(base + "/").split("/"):
        case ["request", *rest]:
            return Asked("/".join(rest))
        case ["asset", asset, name, "set"]:
            return Asked(name, asset, sets=True)
        case [name, "set"]:
            return Asked(name, sets=True)
    return None


class Request(NamedTuple):
    """What somebody asks."""

    name: str
    """The end of its topic: ``model``, ``calibrate``; of a ``set`` topic the word before."""
    fields: Mapping[str, object]
    """The JSON object, without ``transaction``."""
    transaction: object = None
    """Given back as it came."""
    reply_to: str = ""
    """The MQTT 5 response topic; empty without one."""
    correlation: bytes = b""
    asset: str = ""
    """Named by its topic."""
    dup: bool = False
    """The broker delivered it before, or tried to."""
    late: bool = False
    """The broker kept it while we were away."""

    def text(self, key: str) -> str:
        """A field that must be a text.

        Raises:
            RequestError: it is missing, or something else.
        """
        value = self.fields.get(key)
        if not isinstance(value, str) or not value:
            raise RequestError(f"{key} should be a text, not {value!r}"[:200])
        return value


class Response(NamedTuple):
    """What is said to it: data, or why there is none."""

    data: Mapping[str, object]
    error: str = ""


class RequestError(Exception):
    """The request cannot be done; the message says why, to whoever asked."""


def read(message: Message, about: Asked) -> Request:
    """Read a request.

    Raises:
        RequestError: it is none, or may not be one.
    """
    try:
        tree = documents.load(message.payload, max_bytes=MAX_BYTES) if message.payload else {}
    except DecodeError as error:
        raise RequestError(f"not JSON: {error}") from error
    if not isinstance(tree, dict):
        raise RequestError("should be a JSON object")
    fields = {key: value for key, value in tree.items() if key != "transaction"}
    to, correlation = reply(message.properties)
    transaction = tree.get("transaction")
    if not isinstance(transaction, str | int | float | None):
        raise RequestError("transaction should be a text or a number")
    return Request(
        *(about.name, fields, transaction, to, correlation),
        *(about.asset, message.dup),
    )


def unread(message: Message, about: Asked) -> Request:
    """What can be answered of a message that was no request."""
    return Request(about.name, {}, None, *reply(message.properties), about.asset)


def reply(properties: bytes) -> tuple[str, bytes]:
    """Response topic and correlation data of a PUBLISH's properties; empty what is not there."""
    found = {_RESPONSE_TOPIC: b"", _CORRELATION_DATA: b""}
    at = 0
    while at < len(properties):
        kind = properties[at]
        at += 1
        if kind in _SIZES:
            at += _SIZES[kind]
            continue
        if kind not in _TEXTS:  # a subscription identifier, which we never ask for
            break
        for _ in range(_TEXTS[kind]):
            size = int.from_bytes(properties[at : at + 2], "big")
            if kind in found:
                found[kind] = properties[at + 2 : at + 2 + size]
            at += 2 + size
    topic = found[_RESPONSE_TOPIC].decode("utf-8", "replace")
    return topic, found[_CORRELATION_DATA]


def may_answer(topic: str, filters: Iterable[str]) -> bool:
    """Whether a response topic may be written to: never near a device.

    Whoever may ask us may not, through us, write where the sources live: a topic whose first level
    a source listens to is refused, and so is what no topic can be.
    """
    first = topic.split("/", 1)[0]
    bad = not first or first.startswith("$") or len(topic) > MAX_TOPIC
    if bad or any(sign in topic for sign in "+#\0\ufffd"):
        return False
    return not any(each.split("/", 1)[0] in (first, "+", "#") for each in filters)


def is_response(topic: str, base: str) -> bool:
    """An answer on a topic below the base."""
    return topic.startswith(f"{base}/response/")


def answered(payload: bytes) -> tuple[str, Response]:
    """Transaction and response of what ``document`` wrote; an empty transaction: of nobody here."""
    try:
        tree = documents.load(payload, max_bytes=MAX_BYTES)
    except DecodeError:
        return "", Response({})
    told = tree if isinstance(tree, dict) else {}
    transaction, data = told.get("transaction"), told.get("data")
    error = "" if told.get("status") == "ok" else str(told.get("error") or "refused")
    return (
        transaction if isinstance(transaction, str) else "",
        Response(data if isinstance(data, dict) else {}, error),
    )


def document(request: Request, response: Response, now_ms: int) -> Document:
    """``response/<name>``, not retained."""
    said: Document = {"status": "error" if response.error else "ok"}
    if response.error:
        said["error"] = response.error
    else:
        said["data"] = dict(response.data)
    if response.error and request.asset:
        said["asset"] = request.asset
    if request.transaction is not None:
        said["transaction"] = request.transaction
    return head(now_ms) | said
