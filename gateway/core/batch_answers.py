"""What a receiver says to a batch, in JSON: the body of an HTTP answer, and a cursor topic.

HTTP, ``200`` and ``409``::

    {"cursor":{"seq":42,"position":"report:9001"},"refused":[{"seq":41,"reason":"type: value"}],
     "rows_per_s":null,"wait_s":0}

MQTT, retained on ``<topic>/<gateway>/cursor/<lane>`` (docs/sinks/mqtt.md): the same, flat, and
with the epoch, since one topic serves every database that the gateway ever had::

    {"epoch":"6f0c...","seq":42,"position":"report:9001","refused":[],"rows_per_s":null,"wait_s":0}

A payload that is no batch cannot be refused by its numbers; then the topic says what and why,
beside the cursor as it stands: ``"rejected":{"crc":3632233996,"reason":"gzip: ..."}``.
"""

import json
from collections.abc import Mapping
from math import isfinite
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from gateway.core.batches import Answer, Cursor, Refused, Stream
from gateway.core.compact import compact
from gateway.errors import DecodeError

MOST_BYTES: Final = 4 * 1024 * 1024
"""Of an answer; a longer one is none."""
LONGEST_WAIT_S: Final = 3_600.0
"""A receiver that says more is not believed."""


class Rejected(NamedTuple):
    """A payload that is no batch."""

    crc: int
    """CRC-32 of the payload, as zlib's."""
    reason: str


class CursorMessage(NamedTuple):
    """What a cursor topic says."""

    epoch: str
    """Of the stream; empty: nothing of this gateway was ever taken in this lane."""
    answer: Answer
    rejected: Rejected | None = None


def response(answer: Answer) -> bytes:
    """The body of an HTTP answer."""
    cursor = {"seq": answer.cursor.seq, "position": answer.cursor.position}
    return compact({"cursor": cursor, **_rest(answer)}).encode()


def read_response(body: bytes) -> Answer:
    """Read the body of an HTTP answer.

    Raises:
        DecodeError: it is none; a proxy's page, for one.
    """
    tree = _tree(body)
    return _answer(tree.get("cursor"), tree)


def key(id_: str) -> str:
    """The id of a batch as a header of HTTP can carry it: ASCII, JSON's escapes."""
    return json.dumps(id_)[1:-1]


def topic_of(base: str, what: str, stream: Stream) -> str:
    """The topic of a stream: ``what`` is ask, batch or cursor; names are percent-encoded."""
    return f"{base}/{quote(stream.gateway, safe='')}/{what}/{quote(stream.lane, safe='')}"


def ask(stream: Stream) -> bytes:
    """How far are you? On the topic ``ask``."""
    return compact(stream._asdict()).encode()


def read_ask(payload: bytes) -> Stream:
    """Whose cursor is asked for.

    Raises:
        DecodeError: nobody's.
    """
    tree = _tree(payload)
    names = tuple(str(tree.get(name) or "") for name in Stream._fields)
    if not all(names):
        raise DecodeError("shape", "no stream is named")
    return Stream(*names)


def cursor_message(message: CursorMessage) -> bytes:
    """The payload of a cursor topic."""
    tree: dict[str, object] = {"epoch": message.epoch, **message.answer.cursor._asdict()}
    tree |= _rest(message.answer)
    if message.rejected is not None:
        tree["rejected"] = message.rejected._asdict()
    return compact(tree).encode()


def read_cursor_message(payload: bytes) -> CursorMessage:
    """Read the payload of a cursor topic.

    Raises:
        DecodeError: it is none.
    """
    tree = _tree(payload)
    rejected = tree.get("rejected")
    if isinstance(rejected, dict):
        said = Rejected(_whole(rejected.get("crc")), str(rejected.get("reason", "")))
        return CursorMessage(str(tree.get("epoch", "")), _answer(tree, tree), said)
    return CursorMessage(str(tree.get("epoch", "")), _answer(tree, tree))


def _rest(answer: Answer) -> dict[str, object]:
    return {
        "refused": [one._asdict() for one in answer.refused],
        "rows_per_s": answer.rows_per_s,
        "wait_s": answer.wait_s,
    }


def _tree(body: bytes) -> Mapping[str, Any]:
    try:
        tree = json.loads(body) if len(body) <= MOST_BYTES else None
    except (ValueError, RecursionError) as error:
        raise DecodeError("json", f"no answer of a receiver: {error}") from error
    if not isinstance(tree, dict):
        raise DecodeError("shape", "no answer of a receiver: not an object, or too long")
    return tree


def _answer(cursor: object, tree: Mapping[str, Any]) -> Answer:
    """The nouns of an answer, held to their types: a wrong cursor would lose rows."""
    if not isinstance(cursor, dict):
        raise DecodeError("shape", "no answer of a receiver: it has no cursor")
    seq, position, refused = cursor.get("seq"), cursor.get("position"), tree.get("refused", [])
    if type(seq) is not int or seq < 0 or type(position) is not str or type(refused) is not list:
        raise DecodeError("shape", "no answer of a receiver: its cursor is none")
    rows_per_s = _number(tree.get("rows_per_s"))
    wait_s = min(_number(tree.get("wait_s")) or 0.0, LONGEST_WAIT_S)
    told = tuple(_refused(one) for one in refused)
    return Answer(Cursor(seq, position), told, rows_per_s or None, wait_s)


def _refused(one: object) -> Refused:
    if not isinstance(one, dict) or type(one.get("seq")) is not int:
        raise DecodeError("shape", "no answer of a receiver: a refused row has no number")
    return Refused(one["seq"], str(one.get("reason", "")))


def _whole(value: object) -> int:
    return value if isinstance(value, int) else -1


def _number(value: object) -> float | None:
    """A duration or a rate; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if value < 1e12 and isfinite(value) and value >= 0 else None  # noqa: PLR2004
