"""Wishes: what a person asks for on a ``set`` topic, read and refused in clear words."""

from collections.abc import Collection, Mapping
from typing import Final, NamedTuple

from gateway.core import durations, times
from gateway.core.interventions import GATEWAY, MAINTENANCE, Kind, Terms
from gateway.core.requests import Request, RequestError
from gateway.core.verdicts import Mode

FILE: Final = "file"
"""The mode that takes an override away."""
MAX_TEXT: Final = 200
UNKNOWN: Final = "unknown"
"""The author of a message that names none."""

_COMMON: Final = frozenset({"author", "reason", "for", "until"})
_KEYS: Final[Mapping[str, frozenset[str]]] = {
    "override": frozenset({"hold", "force", "value"}),
    "mode": frozenset({"mode", "policy"}),
    "acknowledge": frozenset({"alert"}),
    "maintenance": frozenset({"on", "flag"}),
    "stop": frozenset({"on"}),
}
NAMES: Final = frozenset(_KEYS)
"""What can be set."""


class Times(NamedTuple):
    """What a wish's time is held against."""

    terms: Mapping[Kind, Terms]
    now_ms: int
    clock_ok: bool


class Wish(NamedTuple):
    """What is to become of something."""

    kind: Kind
    asset: str
    on: bool
    """False: it is to end."""
    author: str
    reason: str
    for_ms: int | None = None
    value: str = ""
    """Mode, action, flag, or the alert's decision."""
    policy: str = ""
    number: float | None = None
    """Of a forced action."""


def read(request: Request, asset: str, times_: Times) -> Wish:
    """Read what somebody asks of an asset, or of the gateway.

    Raises:
        RequestError: it says what is wrong.
    """
    fields, name = request.fields, request.name
    strange = sorted(fields.keys() - _KEYS[name] - _COMMON)
    if strange:
        known = ", ".join(sorted(_KEYS[name] | _COMMON))
        raise RequestError(f"unknown key {strange[0][:40]!r}; there are {known}, transaction")
    wish = _READ[name](fields, asset)._replace(
        author=_text(fields, "author") or UNKNOWN, reason=_text(fields, "reason")
    )
    return wish._replace(for_ms=_for_ms(fields, wish, times_)) if wish.on else wish


def _override(fields: Mapping[str, object], asset: str) -> Wish:
    if ("hold" in fields) == ("force" in fields):
        raise RequestError('say either "hold": true or false, or "force": an action')
    if "hold" in fields:
        if "value" in fields:
            raise RequestError('"value" goes with "force"')
        return _wish(Kind.HOLD, asset, on=_flag(fields, "hold"))
    number = fields.get("value")
    if number is not None and (isinstance(number, bool) or not isinstance(number, int | float)):
        raise RequestError(f"value should be a number, not {number!r}"[:MAX_TEXT])
    action = _text(fields, "force")
    if not action:
        raise RequestError("force should name an action")
    return _wish(Kind.FORCE, asset, value=action)._replace(
        number=None if number is None else float(number)
    )


def _mode(fields: Mapping[str, object], asset: str) -> Wish:
    word, known = fields.get("mode"), [*(mode.value for mode in Mode), FILE]
    if word not in known:
        raise RequestError(f"mode should be one of {', '.join(known)}, not {word!r}"[:MAX_TEXT])
    policy = _text(fields, "policy")
    if policy and asset == GATEWAY:
        raise RequestError("policy goes with the mode of an asset")
    return _wish(Kind.MODE, asset, on=word != FILE, value=str(word))._replace(policy=policy)


def _acknowledge(fields: Mapping[str, object], asset: str) -> Wish:
    return _wish(Kind.ACKNOWLEDGE, asset, value=_text(fields, "alert"))


def _maintenance(fields: Mapping[str, object], asset: str) -> Wish:
    flag = _text(fields, "flag") or MAINTENANCE
    return _wish(Kind.MAINTENANCE, asset, on=_flag(fields, "on"), value=flag)


def _stop(fields: Mapping[str, object], asset: str) -> Wish:
    if fields.keys() & {"for", "until"}:
        raise RequestError('a stop does not end by itself: end it with "on": false')
    return _wish(Kind.STOP, asset, on=_flag(fields, "on"))


_READ: Final = {
    "override": _override,
    "mode": _mode,
    "acknowledge": _acknowledge,
    "maintenance": _maintenance,
    "stop": _stop,
}


def _wish(kind: Kind, asset: str, *, on: bool = True, value: str = "") -> Wish:
    return Wish(kind, asset, on, "", "", value=value)


def _flag(fields: Mapping[str, object], key: str) -> bool:
    value = fields.get(key)
    if not isinstance(value, bool):
        raise RequestError(f"{key} should be true or false, not {value!r}"[:MAX_TEXT])
    return value


def _text(fields: Mapping[str, object], key: str) -> str:
    """A text of one line; empty when it is not there."""
    value = fields.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise RequestError(f"{key} should be a text, not {value!r}"[:MAX_TEXT])
    if len(value) > MAX_TEXT or not value.isprintable():
        raise RequestError(f"{key} should be one line of at most {MAX_TEXT} characters")
    return value.strip()


def _for_ms(fields: Mapping[str, object], wish: Wish, held: Times) -> int | None:
    """How long it is to hold, as asked or as the file says."""
    terms = held.terms.get(wish.kind)
    given = _given(fields, held)
    if terms is None:
        if given is not None:
            raise RequestError("a forced action is done at once: it has no time")
        return None
    if given is not None and given > terms.most_ms:
        most = durations.render(terms.most_ms)
        raise RequestError(f"at most {most} (people.{wish.kind.value}.most)")
    return terms.default_ms if given is None else given


def _given(fields: Mapping[str, object], held: Times) -> int | None:
    span, until = _text(fields, "for"), _text(fields, "until")
    if span and until:
        raise RequestError("say either for or until")
    if span:
        try:
            return durations.parse(span)
        except ValueError as error:
            raise RequestError(f"for: {error}") from error
    if not until:
        return None
    if not held.clock_ok:
        raise RequestError("the gateway's clock is not set yet: say for instead of until")
    at_ms = times.parse(until, "iso8601")
    if at_ms is None:
        raise RequestError(f"until should be a time like 2026-01-31T18:00:00Z, not {until!r}")
    if at_ms <= held.now_ms:
        raise RequestError(f"until is over: {until}")
    return at_ms - held.now_ms


def known(word: str, names: Collection[str], what: str) -> None:
    """Refuse a name that does not exist.

    Raises:
        RequestError: it names those that do.
    """
    if word not in names:
        there = ", ".join(sorted(names)[:20]) or "none"
        raise RequestError(f"no {what} {word!r}; there are {there}")
