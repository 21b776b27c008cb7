"""The one strict JSON loader: what it returns can be mapped, stored and published as it is.

RFC 8259 leaves holes that the standard library fills generously: it accepts NaN, Infinity, 1e400,
UTF-16, duplicate keys and lone surrogates, and raises RecursionError on deep nesting. Here a number
that is none spoils one value (``INVALID``); everything else that is wrong refuses the message.

Nearly every message is beyond doubt: what orjson read from it, it writes back byte for byte, so no
key came twice, and no number is beyond it. That takes a third of the time of the strict reading,
which is asked about all others.
"""

import json
import math
import re
from codecs import BOM_UTF8
from typing import Final, cast, final

import orjson

from gateway.core.messages import Tree
from gateway.errors import DecodeError

MAX_BYTES: Final = 262_144
MAX_DEPTH: Final = 32
MAX_KEYS: Final = 5_000

_MAX_FLOAT = 1.7976931348623157e308
_INT_DIGITS = 18
"""So many characters always fit SQLite's 64-bit INTEGER."""
_SPACE = b" \t\n\r"
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@final
class Invalid:
    """Stands where a number was no number: NaN, Infinity, 1e400."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "INVALID"


INVALID: Final = Invalid()


def load(
    payload: bytes,
    *,
    max_bytes: int = MAX_BYTES,
    max_depth: int = MAX_DEPTH,
    max_keys: int = MAX_KEYS,
) -> Tree:
    """Read a JSON document; integers of 64 bits and more come back as floats.

    Args:
        payload: strict UTF-8; one byte order mark is dropped.
        max_bytes: refused before it is parsed.
        max_depth: levels of objects and arrays.
        max_keys: members of all objects together.

    Raises:
        DecodeError: ``size``, ``utf8``, ``json``, ``depth`` or ``keys``.
    """
    if len(payload) <= max_bytes and (plain := _plain(payload)) is not None:
        if len(payload) > 5 * max_keys or payload.count(b"{") + payload.count(b"[") > max_depth:
            _limit(plain, max_depth, max_keys)
        return plain
    source = text(payload, max_bytes=max_bytes)
    try:
        tree: Tree = _DECODER.decode(source)
    except RecursionError:
        raise DecodeError("depth", f"more than {max_depth} levels") from None
    except ValueError as error:
        raise DecodeError("json", str(error)) from None
    # Upper bounds that cost next to nothing; a member takes five characters: "":0,
    if len(source) > 5 * max_keys or source.count("{") + source.count("[") > max_depth:
        _limit(tree, max_depth, max_keys)
    if "\\u" in source and _SURROGATE.search(source):
        _refuse_lone_surrogates(tree)
    return tree


def _plain(payload: bytes) -> Tree:
    """The document if it is beyond doubt; None if it is not, or ``null``."""
    try:
        tree = orjson.loads(payload)
        # integers beyond 53 bits are refused, too
        if orjson.dumps(tree, option=orjson.OPT_STRICT_INTEGER) != payload.rstrip(_SPACE):
            return None
    except (orjson.JSONDecodeError, orjson.JSONEncodeError):
        return None
    return cast("Tree", tree)


def text(payload: bytes, *, max_bytes: int = MAX_BYTES) -> str:
    """Read strict UTF-8; one byte order mark is dropped.

    Raises:
        DecodeError: ``size`` or ``utf8``.
    """
    if len(payload) > max_bytes:
        raise DecodeError("size", f"{len(payload)} bytes, more than {max_bytes}")
    try:
        return payload.removeprefix(BOM_UTF8).decode()
    except UnicodeDecodeError as error:
        raise DecodeError("utf8", f"byte {error.start}: {error.reason}") from None


def _object(pairs: list[tuple[str, Tree]]) -> dict[str, Tree]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise DecodeError("keys", f"duplicate key {twice[:64]!r}")
    return members


def _float(number: str) -> Tree:
    value = float(number)
    return value if -_MAX_FLOAT <= value <= _MAX_FLOAT else INVALID


def _int(number: str) -> Tree:
    if len(number) <= _INT_DIGITS:
        return int(number)
    if len(number) <= _INT_DIGITS + 2 and -(2**63) <= (exact := int(number)) < 2**63:
        return exact
    value = float(number)
    return value if math.isfinite(value) else INVALID


def _constant(name: str) -> Tree:
    del name
    return INVALID


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_float, parse_int=_int, parse_constant=_constant
)


def _limit(tree: Tree, max_depth: int, max_keys: int) -> None:
    """Walk level by level, so that no depth can exhaust the stack."""
    level = [tree]
    keys = 0
    for _ in range(max_depth + 1):
        objects = [node for node in level if isinstance(node, dict)]
        keys += sum(map(len, objects))
        if keys > max_keys:
            raise DecodeError("keys", f"more than {max_keys} keys")
        arrays = [node for node in level if isinstance(node, list)]
        if not objects and not arrays:
            return
        level = [child for node in objects for child in node.values()]
        level += [child for node in arrays for child in node]
    raise DecodeError("depth", f"more than {max_depth} levels")


def _refuse_lone_surrogates(tree: Tree) -> None:
    """They parse, but no database and no broker can encode them."""
    try:
        json.dumps(tree, ensure_ascii=False, default=repr).encode()
    except UnicodeEncodeError:
        raise DecodeError("utf8", "lone surrogate in a string") from None
