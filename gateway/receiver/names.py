"""What may be a name of a stream or a position: a text that every database can hold."""

from collections.abc import Iterable
from typing import Final

from gateway.core.batches import Header, Stream

MOST_NAME: Final = 256
MOST_POSITION: Final = 4_096
LAST_SEQ: Final = 2**62


def is_sound(stream: Stream) -> bool:
    """Whether this can be a stream at all."""
    return all(stream) and _texts(stream, MOST_NAME)


def fits(header: Header) -> bool:
    """Whether its names, its position and its numbers can be stored."""
    position = _texts([header.position], MOST_POSITION)
    return is_sound(header.stream) and position and header.last < LAST_SEQ


def _texts(texts: Iterable[str], most: int) -> bool:
    """Neither too long, nor with a zero byte or half a character, which JSON's escapes can say."""
    return all(
        len(text) <= most
        and "\0" not in text
        and (text.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in text))
        for text in texts
    )
