"""What Azure IoT Hub wants to hear: user name, topic and token, as its MQTT documents say."""

import base64
import binascii
import hmac
from hashlib import sha256
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from gateway.core.batches import Stream
from gateway.errors import SinkUnavailableError
from gateway.sinks.mqtt_pieces import Piece

API_VERSION: Final = "2021-04-12"


def username(host: str, device: str) -> str:
    """Of a device of a hub."""
    return f"{host}/{device}/?api-version={API_VERSION}"


def key_of(device: str, file: str) -> bytes:
    """The key of a device, from a file with lines ``<device> <key in base64>``.

    Raises:
        SinkUnavailableError: the file cannot be read, or has no key for it.
    """
    try:
        lines = (line.split() for line in Path(file).read_text("utf-8").splitlines())
        keys = {line[0]: line[1] for line in lines if len(line) == 2}  # noqa: PLR2004  # a pair
        return base64.b64decode(keys[device], validate=True)
    except (OSError, UnicodeError, binascii.Error) as error:
        raise SinkUnavailableError(f"{file}: {error}") from error
    except KeyError:
        raise SinkUnavailableError(f"{file}: has no line '{device} <key>'") from None


def token(host: str, device: str, key: bytes, expires_at_s: int) -> str:
    """A shared access signature for one device, until then."""
    resource = quote(f"{host}/devices/{device}", safe="")
    digest = hmac.digest(key, f"{resource}\n{expires_at_s}".encode(), sha256)
    signature = quote(base64.b64encode(digest).decode(), safe="")
    return f"SharedAccessSignature sr={resource}&sig={signature}&se={expires_at_s}"


def topic(device: str, stream: Stream, piece: Piece, content_type: str) -> str:
    """Where a device may publish: whose rows these are is in the property bag.

    ``$.mid`` is the message id, ``$.ct`` and ``$.ce`` say that the body is JSON, so that the hub
    can route by what is in it.
    """
    bag = {
        "$.mid": f"{stream.epoch}-{stream.lane}-{piece.first}-{piece.last}",
        "$.ct": content_type,
        **({"$.ce": "utf-8"} if "json" in content_type else {}),
        **stream._asdict(),
        "first": str(piece.first),
        "last": str(piece.last),
    }
    return f"devices/{device}/messages/events/{urlencode(bag, quote_via=quote, safe='')}"
