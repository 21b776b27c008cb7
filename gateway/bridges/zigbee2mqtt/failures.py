"""Failed commands: Zigbee2MQTT tells of them in its log alone.

Source: zigbee2mqtt lib/extension/publish.ts. The text is searched, never anchored: the logger puts
``z2m: `` before it, or a namespace beside it. Every publish is logged too, with the payload inside;
those lines are of level info and are never read.
"""

import re
from collections.abc import Mapping

from gateway.core.messages import Evidence, Result, Tree

_FAILURES = tuple(
    re.compile(text, re.DOTALL)
    for text in (
        r"Publish 'set' '(?P<key>[^']*)' to '(?P<device>.+?)' failed: '?(?P<detail>.*?)'?$",
        r"No converter available for (?:'set' )?'(?P<key>[^']*)' on '(?P<device>.+?)'(?::|$)",
        r"Entity '(?P<device>.+?)' is unknown",
        r"Cannot publish to unsupported device '(?P<device>.+?)'$",
        r"Device '(?P<device>.+?)' has no endpoint '",
    )
)
_PUBLISHED = "MQTT publish: topic"
_DETAIL = 300


def logged(tree: Tree) -> Result | None:
    """Read a line of ``bridge/logging`` (2.x)."""
    if not isinstance(tree, dict) or tree.get("level") != "error":
        return None
    return _failure(tree.get("message"))


def logged_1x(tree: Tree) -> Result | None:
    """Read a line of ``bridge/log`` (1.x), which names the device beside the text."""
    if not isinstance(tree, dict) or tree.get("type") != "zigbee_publish_error":
        return None
    found = _failure(tree.get("message"))
    meta = tree.get("meta")
    name = meta.get("friendly_name") if isinstance(meta, dict) else None
    if not isinstance(name, str):
        return found
    if found is not None:
        return Result(Evidence.FAILED, device=name, key=found.key, detail=found.detail)
    if "'get'" in str(tree.get("message")):
        return None
    return Result(Evidence.FAILED, device=name, detail=str(tree.get("message"))[:_DETAIL])


def _failure(message: Tree) -> Result | None:
    if not isinstance(message, str) or _PUBLISHED in message:
        return None
    for pattern in _FAILURES:
        match = pattern.search(message)
        if match is not None:
            return _result(match.groupdict(), message)
    return None


def _result(found: Mapping[str, str | None], message: str) -> Result:
    return Result(
        Evidence.FAILED,
        device=found["device"] or "",
        key=found.get("key") or "",
        detail=(found.get("detail") or message)[:_DETAIL],
    )
