"""Hidden rows: what is left of records, alerts and health when names must not leave the site.

Nothing passes because nobody thought of it: of each kind of body the fields that may leave are
listed, each with what may be said in it. Words (labels, actions, models) pass only when they have
the shape of a word and no name of the site is in them; texts that people read never pass.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from gateway.core import audit
from gateway.core.pseudonyms import Pseudonyms
from gateway.core.verdicts import PERSON

Body = Mapping[str, Any]
Told = dict[str, object]

_WORD: Final = re.compile(r"[A-Za-z0-9_.:+-]{1,64}")
_VOTES: Final = re.compile(r"\d+ of \d+")


class Names:
    """The names of a site, and how they are hidden."""

    def __init__(self, pseudonyms: Pseudonyms, known: Iterable[str]) -> None:
        """``known``: sources, devices and assets, as they are called here."""
        self.pseudonyms = pseudonyms
        words = sorted({re.escape(name) for name in known if name}, key=len, reverse=True)
        inside = "|".join(words) or r"(?!)"
        self._known = re.compile(rf"(?<![^\W_])(?:{inside})(?![^\W_])", re.IGNORECASE)

    def word(self, value: object, *own: str) -> str | None:
        """A word in which no name is, nor one of ``own``; None otherwise."""
        if not isinstance(value, str) or not _WORD.fullmatch(value) or self._known.search(value):
            return None
        low = value.lower()
        return None if any(name and name.lower() in low for name in own) else value


Rule = Callable[[Names, Body, str], object]
"""What is said in one field of a body; None: nothing."""


def _word(names: Names, body: Body, field: str) -> object:
    own = (str(body.get(name) or "") for name in ("asset", "source", "device"))
    return names.word(body.get(field), *own)


def _first_word(names: Names, body: Body, field: str) -> object:
    """Reasons begin with one word of ours; what follows is for people."""
    told = str(body.get(field) or "")
    return _word(names, {**body, field: told.split(":", 1)[0].strip()}, field) if told else None


def _number(_names: Names, body: Body, field: str) -> object:
    value = body.get(field)
    return value if isinstance(value, int | float) else None


def _numbers(_names: Names, body: Body, field: str) -> object:
    """Numbers by metric or property; texts can be names."""
    found = body.get(field)
    if not isinstance(found, Mapping):
        return None
    return {name: one for name, one in found.items() if isinstance(one, int | float)}


def _pair(_names: Names, body: Body, field: str) -> object:
    found = body.get(field)
    sound = isinstance(found, list) and all(isinstance(one, int | float) for one in found)
    return found if sound else None


def _asset(names: Names, body: Body, field: str) -> object:
    return names.pseudonyms.asset(str(body.get(field) or "")) or None


def _source(names: Names, body: Body, field: str) -> object:
    return names.pseudonyms.of("source", str(body.get(field) or "")) or None


def _device(names: Names, body: Body, field: str) -> object:
    source, device = str(body.get("source") or ""), str(body.get(field) or "")
    return names.pseudonyms.device(source, device) or None


def _policy(names: Names, body: Body, field: str) -> object:
    """``pump-7/policy/0``: the asset in front under its pseudonym."""
    asset, policy = str(body.get("asset") or ""), str(body.get(field) or "")
    rest = policy.removeprefix(f"{asset}/")
    sound = asset and rest != policy and re.fullmatch(r"[a-z_]+(?:/\d+)?", rest)
    return f"{names.pseudonyms.asset(asset)}/{rest}" if sound else None


def _who(names: Names, body: Body, field: str) -> object:
    """Which rung, or who; a person is not named."""
    told = str(body.get(field) or "")
    return "person" if told.startswith(PERSON) else _word(names, body, field)


def _votes(_names: Names, body: Body, field: str) -> object:
    told = str(body.get(field) or "")
    return told if _VOTES.fullmatch(told) else None


def _verdict(names: Names, body: Body, field: str) -> object:
    found = body.get(field)
    return _told(names, found, _VERDICT) if isinstance(found, Mapping) else None


_VERDICT: Final[Mapping[str, Rule]] = {
    "asset": _asset,
    "at_ms": _number,
    "rung": _who,
    "label": _word,
    "score": _number,
    "level": _number,
    "interval": _pair,
    "coverage": _number,
    "model_version": _word,
    "model_hash": _word,
    "inputs": _numbers,
    "cause": _first_word,
}
_BODIES: Final[Mapping[str, Mapping[str, Rule]]] = {
    audit.Kind.DECISION: {
        "asset": _asset,
        "policy": _policy,
        "event": _word,
        "mode": _word,
        "action": _word,
        "value": _number,
        "refused": _first_word,
        "votes": _votes,
        "verdict": _verdict,
    },
    audit.Kind.COMMAND: {
        "decision_id": _word,
        "asset": _asset,
        "source": _source,
        "device": _device,
        "action": _word,
        "set": _numbers,
        "mode": _word,
        "state": _word,
        "reason": _first_word,
        "by": _who,
        "attempt": _number,
        "deadline_ms": _number,
        "created_at_ms": _number,
        "expires_at_ms": _number,
        "sent_at_ms": _number,
        "ended_at_ms": _number,
    },
    audit.Kind.FEEDBACK: {
        "asset": _asset,
        "verdict": _word,
        "label": _word,
        "decided": _word,
        "since_ms": _number,
        "until_ms": _number,
    },
    audit.Kind.INTERVENTION: {
        "asset": _asset,
        "id": _word,
        "change": _word,
        "kind": _word,
        "for_s": _number,
    },
    audit.Kind.CLOCK: {"boot": _word, "offset_ms": _number, "until_mono_ms": _number},
    audit.Kind.RETENTION: {"rows": _number, "until": _number, "reason": _word},
    audit.Kind.SECURITY: {"event": _word, "source": _source, "device": _device, "rows": _number},
    audit.Kind.GATEWAY: {"event": _word, "version": _word},
    audit.Kind.CONFIGURATION: {"event": _word},
    audit.Kind.MODEL: {"event": _word},
    audit.Kind.KEY: {"public_key": lambda _names, body, field: body.get(field)},
    audit.Kind.GENESIS: {"epoch": _word},
    audit.Kind.SALVAGE: {"epoch": _word},
    "alert": {"kind": _word},
}
_IDS: Final = frozenset({audit.Kind.DECISION, audit.Kind.COMMAND, audit.Kind.FEEDBACK})
"""Records whose subject is an id of ours, which says nothing."""


def _told(names: Names, body: Body, rules: Mapping[str, Rule]) -> Told:
    told = {field: rule(names, body, field) for field, rule in rules.items() if field in body}
    return {field: value for field, value in told.items() if value is not None}


def body(names: Names, kind: str, found: Body) -> Told:
    """What may leave of a body of this kind; nothing of one that nobody listed."""
    return _told(names, found, _BODIES.get(kind, {}))


def subject(names: Names, kind: str, told: str) -> str:
    """What may leave of what a record is about."""
    return told if kind in _IDS and names.word(told) else ""


_STORE: Final = ("state", "bytes", "free_disk_bytes", "rows")
_WORKER: Final = ("state", "restarts", "rss_bytes")
_AUDIT: Final = ("seq", "checkpoint")


def health(found: Body) -> Told:
    """What of a health document names nothing: states, sizes and counts."""
    told: Told = {name: found[name] for name in ("state", "clock_ok") if name in found}
    problems = found.get("problems")
    if isinstance(problems, list):
        told["problems"] = len(problems)
    for part, names in (("store", _STORE), ("worker", _WORKER), ("audit", _AUDIT)):
        inner = found.get(part)
        if isinstance(inner, Mapping):
            told[part] = {name: inner[name] for name in names if name in inner}
    return told
