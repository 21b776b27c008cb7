"""Frames between the daemon and its inference worker: a JSON header and a block of numbers.

magic (4 bytes), length of the header, length of the block (big-endian, 4 bytes each), header,
block. The block is float64 in the machine's own order: both ends run on the same machine.
"""

import json
import struct
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

MAGIC: Final = b"egw1"
HEAD: Final = struct.Struct(">4sII")
MAX_HEADER_BYTES: Final = 4 * 1024 * 1024
MAX_BLOCK_BYTES: Final = 128 * 1024 * 1024


class FrameError(ValueError):
    """The other end does not speak this protocol."""


class Frame(NamedTuple):
    """One message, either way."""

    header: Mapping[str, Any]
    block: bytes | bytearray = b""
    descriptors: tuple[int, ...] = ()
    """Open files that came with it; whoever received them closes them."""


def encode(header: Mapping[str, object], block: bytes | bytearray = b"") -> bytes:
    """The bytes of a frame."""
    text = json.dumps(header, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((HEAD.pack(MAGIC, len(text), len(block)), text, block))


def sizes(head: bytes | bytearray) -> tuple[int, int]:
    """Length of header and block, from the first ``HEAD.size`` bytes of a frame.

    Raises:
        FrameError: wrong magic, or a length out of bounds.
    """
    magic, header, block = HEAD.unpack(head)
    if magic != MAGIC or header > MAX_HEADER_BYTES or block > MAX_BLOCK_BYTES:
        raise FrameError(f"no frame begins with {bytes(head)!r}")
    return header, block


def decode(data: bytes | bytearray) -> Frame | None:
    """The frame that these bytes are, or None while they are too few.

    Raises:
        FrameError: they can never be one frame.
    """
    if len(data) < HEAD.size:
        return None
    header, block = sizes(data[: HEAD.size])
    start = HEAD.size + header
    if len(data) < start + block:
        return None
    if len(data) > start + block:
        raise FrameError("bytes behind a frame")
    return Frame(parse(data[HEAD.size : start]), bytes(data[start:]))


def parse(header: bytes | bytearray) -> Mapping[str, Any]:
    """The header of a frame, from its bytes.

    Raises:
        FrameError: it is no JSON object.
    """
    try:
        tree = json.loads(header)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"a header that is no JSON: {error}") from error
    if not isinstance(tree, dict):
        raise FrameError("a header that is no object")
    return tree
