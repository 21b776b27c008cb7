"""Feedback: what a person says of a decision, and the label that follows for training."""

from dataclasses import dataclass
from typing import Final

from gateway.core.requests import Request, RequestError
from gateway.core.verdicts import NORMAL

RIGHT, WRONG = "right", "wrong"
MAX_TEXT: Final = 500
DEFAULT_SPAN_MS: Final = 300_000
"""The period of a decision whose explanation does not say how far back it looks."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The decision that it is about."""

    id: str
    asset: str
    event: str
    label: str
    at_ms: int
    span_ms: int
    """How far back what it rests on reaches; 0: not known."""


def read(request: Request, decided: Decided) -> dict[str, object]:
    """The body of the record of what somebody says.

    Raises:
        RequestError: it says nothing that can be recorded.
    """
    verdict = request.fields.get("verdict")
    if verdict not in (RIGHT, WRONG):
        raise RequestError(f"verdict should be {RIGHT} or {WRONG}")
    label = _label(decided, verdict == RIGHT, _text(request, "label"))
    return {
        "asset": decided.asset,
        "verdict": verdict,
        "why": _text(request, "why"),
        "label": label,
        "author": _text(request, "author"),
        "decided": decided.label,
        "since_ms": decided.at_ms - (decided.span_ms or DEFAULT_SPAN_MS),
        "until_ms": decided.at_ms,
    }


def _label(decided: Decided, right: bool, given: str) -> str:  # noqa: FBT001  # one of two words
    """What the asset really was: as said, else what follows from right or wrong.

    Raises:
        RequestError: nothing follows.
    """
    if given:
        return given
    if right:
        return decided.label
    if decided.label != NORMAL and decided.event in ("raised", "repeated"):
        return NORMAL
    raise RequestError(f"it said {decided.label!r}: add the label that would have been right")


def _text(request: Request, key: str) -> str:
    value = request.fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_TEXT:
        raise RequestError(f"{key} should be a text of at most {MAX_TEXT} characters")
    return value.strip()
