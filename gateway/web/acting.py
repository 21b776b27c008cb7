"""Acting: which requests of people the page passes on, and with which fields.

They are the requests of the ``set`` topics; the daemon reads, checks and answers them as if they
had come over MQTT. The author is who is signed in, whatever the request says.
"""

from collections.abc import Mapping
from typing import Final

from gateway.web.accounts import Who

_COMMON: Final = ("reason", "for")
ACTS: Final[Mapping[str, tuple[str, ...]]] = {
    "acknowledge": ("alert",),
    "override": ("hold", "force", "value"),
    "mode": ("mode", "policy"),
    "maintenance": ("on", "flag"),
    "stop": ("on",),
}
GUEST: Final = "page"
"""The author where nobody has to sign in."""


def fields_of(name: str, told: object, who: Who) -> dict[str, object] | str:
    """What is asked of the daemon; a text says why nothing is."""
    if not isinstance(told, dict):
        return "should be a JSON object"
    strange = sorted(set(told) - {*ACTS[name], *_COMMON})
    if strange:
        return f"unknown key {str(strange[0])[:40]!r}"
    if not all(isinstance(value, str | int | float | None) for value in told.values()):
        return "values should be texts, numbers, true or false"
    reason = told.get("reason")
    if _loosens(name, told) and not (isinstance(reason, str) and reason.strip()):
        return "say why: reason is missing"
    return {**told, "author": who.name or GUEST}


def _loosens(name: str, told: Mapping[str, object]) -> bool:
    """What overrides the gateway needs a reason; what calms, or ends an override, does not."""
    if name in ("override", "maintenance", "stop"):
        return told.get("hold", told.get("on", True)) is not False
    return name == "mode" and told.get("mode") != "file"
