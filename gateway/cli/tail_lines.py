"""How what happens looks on one line: readings, verdicts, decisions, commands, events."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any, Final, NamedTuple

from gateway.cli.decode import Decoded, decoded
from gateway.config.settings import Settings
from gateway.core.documents import load
from gateway.core.messages import Message
from gateway.core.topics import matches
from gateway.errors import DecodeError

WIDEST: Final = 400
_TOLD: Final = {"state": "verdict", "decision": "decision", "command": "command", "alert": "alert"}
_EXTRA: Final = frozenset({"v", "ts", "event"})


class Line(NamedTuple):
    """One thing that happened."""

    kind: str
    about: str
    """The asset, or ``source/device``, or the topic."""
    text: str
    document: Mapping[str, Any]
    """The same for programs."""
    weak: bool = False
    """It is not good: a reading that is not used, a refusal, a failure."""


class Lines:
    """Makes lines of messages; remembers what was said last, so that a repetition is none."""

    def __init__(self, settings: Settings, wanted: str, *, raw: bool) -> None:
        """``wanted``: an asset of the file, else a topic filter; empty: everything."""
        self._base = settings.base
        self._asset = wanted if wanted in settings.assets else ""
        self._filter = "" if self._asset else wanted
        self._raw = raw
        self._sources = decoded(settings)
        self._last: dict[str, str] = {}

    def of(self, message: Message) -> Iterator[Line]:
        """Everything of a message that is wanted."""
        if self._filter and not _takes(self._filter, message.topic):
            return
        below = message.topic.removeprefix(f"{self._base}/")
        if self._raw:
            yield _raw(message)
        elif below != message.topic:
            yield from self._ours(below, message)
        elif not message.retain:
            for source in self._sources:
                if source.takes(message.topic):
                    yield from self._said(source, message)

    def _said(self, source: Decoded, message: Message) -> Iterator[Line]:
        """A device's message: its readings, together where one asset owns them."""
        owners: dict[str, list[dict[str, Any]]] = {}
        for one in source.lines(message):
            if one["kind"] == "reading":
                owner = one.get("asset") or f"{one['source']}/{one['device']}"
                owners.setdefault(owner, []).append(one)
            elif one["kind"] in ("reject", "presence") and not self._asset:
                yield _event_of_bridge(one)
        for owner, readings in owners.items():
            if self._asset in ("", owner):
                text = ", ".join(map(_reading, readings))
                bad = any(one["quality"] != "good" for one in readings)
                yield Line("reading", owner, text, {"readings": readings}, weak=bad)

    def _ours(self, below: str, message: Message) -> Iterator[Line]:
        match below.split("/"):
            case ["asset", asset, name] if name in _TOLD and self._asset in ("", asset):
                tree = _document(message.payload)
                text = _WORDS[name](tree) if tree else ""
                if text and self._last.get(below) != text:
                    self._last[below] = text if name in ("state", "alert") else ""
                    weak = tree.get("label") not in (None, "normal", "idle") or bool(
                        tree.get("refused") or tree.get("state") == "failed"
                    )
                    yield Line(_TOLD[name], asset, text, tree, weak=weak)
            case ["event"] if not self._asset:
                tree = _document(message.payload)
                rest = {key: one for key, one in tree.items() if key not in _EXTRA}
                yield Line("event", str(tree.get("event", "")), _pairs(rest), tree)


def rendered(line: Line, at_ms: int, *, colours: bool) -> str:
    """A line for people: local time, what, about what."""
    clock = datetime.fromtimestamp(at_ms / 1000).astimezone().strftime("%H:%M:%S")
    text = _plain(f"{clock}  {line.kind:9} {line.about}  {line.text}")[:WIDEST]
    start = _COLOURS.get(line.kind, "") or ("\x1b[33m" if line.weak else "")
    return f"{start}{text}\x1b[0m" if colours and start else text


def document(line: Line, at_ms: int) -> str:
    """A line for programs: one JSON object."""
    told = {"at_ms": at_ms, "kind": line.kind, "about": line.about, **line.document}
    return json.dumps(told, ensure_ascii=False)


_COLOURS: Final = {"decision": "\x1b[1m", "command": "\x1b[36m", "reject": "\x1b[31m"}


def _takes(wanted: str, topic: str) -> bool:
    """A filter, or the beginning of a topic."""
    return matches(wanted, topic) or topic.startswith(wanted.rstrip("/") + "/")


def _raw(message: Message) -> Line:
    payload = message.payload.decode("utf-8", "backslashreplace")
    told = {"topic": message.topic, "payload": payload, "qos": message.qos}
    text = f"{payload}{'  (retained)' if message.retain else ''}"
    return Line("message", message.topic, text, told | {"retain": message.retain})


def _event_of_bridge(one: dict[str, Any]) -> Line:
    about = f"{one['source']}/{one.get('device', '')}".rstrip("/")
    told = {key: value for key, value in one.items() if key not in ("kind", "source", "device")}
    return Line(one["kind"], about, _pairs(told), one, weak=True)


def _reading(one: Mapping[str, Any]) -> str:
    value = one["value"]
    shown = f"{value:.6g}" if isinstance(value, float) else str(value)
    unit = f" {one['unit']}" if one["unit"] else ""
    return f"{one['metric']} {shown}{unit}{'' if one['quality'] == 'good' else _why(one)}"


def _why(one: Mapping[str, Any]) -> str:
    return f" ({one['quality']}: {one['reason']})"


def _document(payload: bytes) -> dict[str, Any]:
    try:
        tree = load(payload)
    except DecodeError:
        return {}
    return tree if isinstance(tree, dict) else {}


def _state(tree: Mapping[str, Any]) -> str:
    score = tree.get("score")
    shown = f", score {score:.3g}" if isinstance(score, int | float) else ""
    raised = ", alert raised" if tree.get("alert") else ""
    return f"{tree.get('label')} by {tree.get('rung')}{shown}{raised}"


def _decision(tree: Mapping[str, Any]) -> str:
    then = tree.get("action")
    done = f" -> {tree.get('mode')}: {then}" if then else ""
    votes = f" ({tree['votes']})" if tree.get("votes") else ""
    refused = f", refused: {tree['refused']}" if tree.get("refused") else ""
    return f"{tree.get('event')} {tree.get('label')}{votes}{done}{refused}"


def _command(tree: Mapping[str, Any]) -> str:
    given = _pairs(tree.get("set") or {})
    why = tree.get("evidence") or tree.get("reason")
    return (
        f"{tree.get('action')} {tree.get('state')}: {given} to {tree.get('source')}/"
        f"{tree.get('device')}{f' ({why})' if why else ''}"
    )


def _alert(tree: Mapping[str, Any]) -> str:
    return f"{tree.get('state')} {tree.get('label') or ''}".strip()


_WORDS: Final = {"state": _state, "decision": _decision, "command": _command, "alert": _alert}


def _pairs(tree: Mapping[str, Any]) -> str:
    return " ".join(f"{key}={value}" for key, value in tree.items() if value not in (None, ""))


def _plain(text: str) -> str:
    """What devices say must not move the cursor."""
    return "".join(letter if letter.isprintable() else "�" for letter in text)
