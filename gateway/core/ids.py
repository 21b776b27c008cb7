"""Ids that sort by time and stay unique across restarts: UUID version 7 (RFC 9562, 5.7)."""

from uuid import UUID

RANDOM_BYTES = 10
"""How many random bytes ``new_id`` wants."""


def new_id(now_ms: int, randomness: bytes) -> str:
    """An id made at ``now_ms``; ``randomness`` keeps ids of one millisecond apart."""
    value = (now_ms & (1 << 48) - 1) << 80 | int.from_bytes(randomness[:RANDOM_BYTES], "big")
    value = value & ~(0xF << 76) | 0x7 << 76
    value = value & ~(0x3 << 62) | 0x2 << 62
    return str(UUID(int=value))
