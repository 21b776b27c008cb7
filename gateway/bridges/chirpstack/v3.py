"""Events of ChirpStack v3 in the shape of v4, so that the user's paths are the same.

Source: brocaar/chirpstack-docs docs/application-server/integrations/{events,mqtt}.md. There are two
JSON forms: protobuf JSON writes devEUI in base64 and the object as JSON in a string, JSON v3 writes
devEUI in hex and the object as an object. The documents mix the two, so both are read anywhere.
"""

import re
from base64 import b64decode
from collections.abc import Iterator

from gateway.core.documents import load
from gateway.core.messages import Tree
from gateway.errors import DecodeError

_HEX = re.compile(r"[0-9a-fA-F]{16}")
_BASE64 = re.compile(r"[0-9a-zA-Z+/]{11}=")


def eui(value: Tree) -> str:
    """Give an EUI as 16 lower-case hex digits; empty when it is none."""
    if not isinstance(value, str):
        return ""
    if _HEX.fullmatch(value):
        return value.lower()
    return b64decode(value).hex() if _BASE64.fullmatch(value) else ""


def modern(tree: dict[str, Tree]) -> dict[str, Tree]:
    """Write an event of v3 as v4 would; an event of v4 comes back as it is."""
    if "deviceInfo" in tree or "devEUI" not in tree:
        return tree
    info = {
        "devEui": eui(tree["devEUI"]),
        "deviceName": tree.get("deviceName"),
        "applicationId": tree.get("applicationID"),
        "deviceProfileName": tree.get("deviceProfileName"),
    }
    changed = {**tree, "deviceInfo": info, "rxInfo": list(_receptions(tree.get("rxInfo")))}
    if isinstance(tree.get("objectJSON"), str):
        changed["object"] = _object(str(tree["objectJSON"]))
    if "type" in tree and "error" in tree:
        changed |= {"level": "ERROR", "code": tree["type"], "description": tree["error"]}
    return changed


def _receptions(entries: Tree) -> Iterator[Tree]:
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, dict):
            yield {**entry, "snr": entry.get("loRaSNR", 0), "gwTime": entry.get("time")}


def _object(text: str) -> Tree:
    """A codec that wrote nonsense spoils its object, not the event."""
    try:
        return load(text.encode())
    except (DecodeError, UnicodeEncodeError):
        return None
