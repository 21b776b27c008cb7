"""The protobuf wire format, read without a schema and without the ``onnx`` package.

Source: protobuf.dev/programming-guides/encoding. Stricter than the usual readers where those
differ among themselves (over-long varints, tags beyond 32 bits, groups): what two readers could
understand differently is refused.
"""

import re
from collections.abc import Iterator
from typing import Final

VARINT: Final = 0
FIXED64: Final = 1
BYTES: Final = 2
FIXED32: Final = 5
MAX_TAG: Final = 2**32 - 1
MAX_VARINT_BYTES: Final = 10
MAX_FIELDS: Final = 1_000_000
"""About a second of this walk; 10,000 nodes have 0.2 million."""


class WireError(ValueError):
    """These bytes are not a protobuf message that everybody reads alike."""


class Wire:
    """Walks messages; one object per file, so that the number of fields is bounded over all."""

    def __init__(self, max_fields: int = MAX_FIELDS) -> None:
        self._left = max_fields

    def fields(
        self, data: memoryview, skip: re.Pattern[bytes] | None = None
    ) -> Iterator[tuple[int, int | memoryview]]:
        """Yield (field number, value) in order; fixed-width values are yielded as their bytes.

        Args:
            data: one message.
            skip: whole fields that nobody asks for, passed over in one step: a forest is a
                million of them.

        Raises:
            WireError: the bytes are cut short, malformed or too many.
        """
        position, end = 0, len(data)
        while position < end:
            if skip is not None and (match := skip.match(data, position)):
                position = match.end()
                continue
            self._left -= 1
            if self._left < 0:
                raise WireError("too many fields")
            tag, position = _varint(data, position)
            number, wire = tag >> 3, tag & 7
            if tag > MAX_TAG or number == 0:
                raise WireError("a field number out of range")
            if wire == VARINT:
                value, position = _varint(data, position)
                yield number, value
                continue
            start, position = _span(data, position, wire)
            if position > end:
                raise WireError("a field that is cut short")
            yield number, data[start:position]


def _span(data: memoryview, position: int, wire: int) -> tuple[int, int]:
    if wire == BYTES:
        size, start = _varint(data, position)
        return start, start + size
    if wire == FIXED32:
        return position, position + 4
    if wire == FIXED64:
        return position, position + 8
    raise WireError(f"wire type {wire}")


def _varint(data: memoryview, position: int) -> tuple[int, int]:
    value = 0
    for index in range(position, min(position + MAX_VARINT_BYTES, len(data))):
        byte = data[index]
        value |= (byte & 0x7F) << (7 * (index - position))
        if byte < 0x80:  # noqa: PLR2004  # the continuation bit
            if value >= 1 << 64:
                raise WireError("a number beyond 64 bits")
            return value, index + 1
    raise WireError("a number that does not end")


def number(value: int | memoryview) -> int:
    """A signed 64-bit varint (int32, int64 and enums of ONNX).

    Raises:
        WireError: it is no varint.
    """
    if not isinstance(value, int):
        raise WireError("bytes in place of a number")
    return value - (1 << 64) if value >= 1 << 63 else value


def numbers(value: int | memoryview) -> list[int]:
    """The numbers of one occurrence of a repeated varint field, packed or not.

    Raises:
        WireError: they are cut short.
    """
    if isinstance(value, int):
        return [number(value)]
    found, position = [], 0
    while position < len(value):
        item, position = _varint(value, position)
        found.append(number(item))
    return found


def message(value: int | memoryview) -> memoryview:
    """The bytes of a nested message, or of a bytes field.

    Raises:
        WireError: it is a number.
    """
    if isinstance(value, int):
        raise WireError("a number in place of bytes")
    return value


def text(value: int | memoryview) -> str:
    """A string field.

    Raises:
        WireError: it is no UTF-8.
    """
    try:
        return str(message(value), "utf-8")
    except UnicodeDecodeError as error:
        raise WireError("text that is not UTF-8") from error
