"""Times and ids as the bridges write them. The wall clock is an argument."""

from datetime import UTC, datetime
from random import Random

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def _seconds(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms // 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def milli(at_ms: int) -> str:
    """``2026-05-04T03:02:01.123Z``: JavaScript's ``toISOString``, Zigbee2MQTT's ISO_8601."""
    return f"{_seconds(at_ms)}.{at_ms % 1000:03d}Z"


def nano_offset(at_ms: int, random: Random) -> str:
    """``2026-05-04T03:02:01.123456789+00:00``: ChirpStack."""
    return f"{_seconds(at_ms)}.{at_ms % 1000:03d}{random.randrange(10**6):06d}+00:00"


def nano_z(at_ms: int, random: Random) -> str:
    """``2026-05-04T03:02:01.123456789Z``: The Things Stack."""
    return f"{_seconds(at_ms)}.{at_ms % 1000:03d}{random.randrange(10**6):06d}Z"


def uuid(random: Random) -> str:
    """A random UUID, version 4, from the given source of chance."""
    digits = f"{random.getrandbits(128):032x}"
    variant = "89ab"[random.randrange(4)]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def ulid(at_ms: int, random: Random) -> str:
    """26 characters, sortable by time: The Things Stack's correlation ids end in one."""
    number = (at_ms & (2**48 - 1)) << 80 | random.getrandbits(80)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))
