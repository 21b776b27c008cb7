"""Protobuf: the wire format, and how each type of field is read.

Source: protobuf.dev, "Encoding" and "ProtoJSON Format". A table says which fields of a message are
read and how; all others are skipped by their wire type. The outcome has the shape of proto3 JSON:
defaults are omitted, bytes are base64, times are RFC 3339.
"""

from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from struct import unpack
from typing import NamedTuple

from gateway.core.messages import Tree
from gateway.errors import DecodeError

_DEPTH = 32
_Wire = int | bytes


class Field(NamedTuple):
    """One field of a message."""

    name: str
    read: Callable[[_Wire, int], Tree]
    many: bool = False
    """A list of values, or, when ``read`` gives a pair, a map."""


def message(payload: bytes, fields: Mapping[int, Field], depth: int) -> dict[str, Tree]:
    """Read a message.

    Raises:
        DecodeError: ``protobuf`` or ``depth``.
    """
    if depth > _DEPTH:
        raise DecodeError("depth", f"more than {_DEPTH} levels")
    tree: dict[str, Tree] = {}
    for number, value in _wire(payload):
        field = fields.get(number)
        if field is None:
            continue
        read = field.read(value, depth)
        if not field.many:
            tree[field.name] = read
        elif isinstance(read, tuple):
            members = tree.setdefault(field.name, {})
            members.update([read])  # type: ignore[attr-defined]  # made in the line above
        else:
            tree.setdefault(field.name, []).append(read)  # type: ignore[attr-defined]  # likewise
    return tree


def _wire(payload: bytes) -> Iterator[tuple[int, _Wire]]:
    """Give (field number, varint or bytes); the widths of wire types 1 and 5 are 8 and 4."""
    at = 0
    while at < len(payload):
        tag, at = _varint(payload, at)
        kind = tag & 7
        if kind == 0:
            value, at = _varint(payload, at)
            yield tag >> 3, value
            continue
        if kind == 2:  # noqa: PLR2004 - length-delimited
            width, at = _varint(payload, at)
        else:
            width = {1: 8, 5: 4}.get(kind, -1)
        if width < 0 or at + width > len(payload):
            raise DecodeError("protobuf", f"byte {at}: neither JSON nor protobuf")
        yield tag >> 3, payload[at : at + width]
        at += width


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(payload):
            break
        byte = payload[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # noqa: PLR2004 - the continuation bit
            return value, at
    raise DecodeError("protobuf", f"byte {at}: neither JSON nor protobuf")


def _bytes(value: _Wire) -> bytes:
    if isinstance(value, int):
        raise DecodeError("protobuf", "a number where bytes belong")
    return value


def _int(value: _Wire) -> int:
    if not isinstance(value, int):
        raise DecodeError("protobuf", "bytes where a number belongs")
    return value


def signed(value: _Wire, depth: int) -> Tree:
    """int32: negative numbers are sign-extended to 64 bits."""
    del depth
    number = _int(value) & 0xFFFF_FFFF
    return number - (1 << 32) if number >> 31 else number


def unsigned(value: _Wire, depth: int) -> Tree:
    """uint32 and uint64."""
    del depth
    return _int(value)


def truth(value: _Wire, depth: int) -> Tree:
    """Read a bool."""
    del depth
    return _int(value) != 0


def text(value: _Wire, depth: int) -> Tree:
    """Read a string."""
    del depth
    try:
        return _bytes(value).decode()
    except UnicodeDecodeError:
        raise DecodeError("protobuf", "text that is not UTF-8") from None


def base64(value: _Wire, depth: int) -> Tree:
    """Read bytes."""
    del depth
    return b64encode(_bytes(value)).decode()


def real(value: _Wire, depth: int) -> Tree:
    """A float or a double; what is not finite has no place in JSON."""
    del depth
    width = len(_bytes(value))
    if width not in {4, 8}:
        raise DecodeError("protobuf", "bytes where a number belongs")
    number: float = unpack("<f" if width == 4 else "<d", _bytes(value))[0]  # noqa: PLR2004
    if abs(number) == float("inf") or number != number:  # noqa: PLR0124 - NaN is not itself
        return None
    return float(f"{number:.7g}") if width == 4 else number  # noqa: PLR2004


def time(value: _Wire, depth: int) -> Tree:
    """google.protobuf.Timestamp, to the microsecond."""
    parts = message(_bytes(value), {1: Field("s", unsigned), 2: Field("ns", signed)}, depth + 1)
    seconds, nanos = parts.get("s", 0), parts.get("ns", 0)
    try:
        moment = datetime.fromtimestamp(int(str(seconds)), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{int(str(nanos)) % 1_000_000_000:09d}+00:00"


def word(*names: str) -> Callable[[_Wire, int], Tree]:
    """An enum; a number without a name stays a number, in text."""

    def read(value: _Wire, depth: int) -> Tree:
        del depth
        return dict(enumerate(names)).get(_int(value), str(value))

    return read


def part(fields: Mapping[int, Field]) -> Callable[[_Wire, int], Tree]:
    """A message inside a message."""
    return lambda value, depth: message(_bytes(value), fields, depth + 1)


def pair(read: Callable[[_Wire, int], Tree]) -> Callable[[_Wire, int], Tree]:
    """One entry of a map."""
    fields = {1: Field("key", text), 2: Field("value", read)}

    def entry(value: _Wire, depth: int) -> Tree:
        found = message(_bytes(value), fields, depth + 1)
        return found.get("key", ""), found.get("value", "")

    return entry


def struct(value: _Wire, depth: int) -> Tree:
    """google.protobuf.Struct: every number is a double."""
    found = message(_bytes(value), {1: Field("object", pair(_value), many=True)}, depth + 1)
    return found.get("object", {})


def _value(value: _Wire, depth: int) -> Tree:
    """google.protobuf.Value: the one member that is there."""
    return next(reversed(message(_bytes(value), _VALUE, depth + 1).values()), None)


def _list(value: _Wire, depth: int) -> Tree:
    found = message(_bytes(value), {1: Field("list", _value, many=True)}, depth + 1)
    return found.get("list", [])


def _null(value: _Wire, depth: int) -> Tree:
    del value, depth
    return None


_VALUE = {
    1: Field("null", _null),
    2: Field("number", real),
    3: Field("text", text),
    4: Field("bool", truth),
    5: Field("struct", struct),
    6: Field("list", _list),
}
