"""Until when a certificate holds, read from its DER (RFC 5280, 4.1): the ``ssl`` module tells not.

``Certificate { tbsCertificate { [0] version, serial, signature, issuer, validity {from, to}, ...``
"""

import base64
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

_PEM: Final = re.compile(r"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _VERSION, _UTC_TIME = 0x30, 0xA0, 0x17
_LONG: Final = 0x80
_PIVOT: Final = 50
"""A year of two digits below this is of the 21st century (RFC 5280, 4.1.2.5.1)."""


def ends(pem: str) -> list[datetime]:
    """The ends of all certificates of a PEM text; what cannot be read is left out."""
    found = []
    for block in _PEM.findall(pem):
        try:
            found.append(_end(base64.b64decode("".join(block.split()), validate=True)))
        except (ValueError, IndexError):
            continue
    return found


def _end(der: bytes) -> datetime:
    """The ``notAfter`` of one certificate.

    Raises:
        ValueError, IndexError: it is none.
    """
    (whole,) = _parts(der)
    tbs = list(_parts(whole[1]))[0]  # noqa: RUF015 - an IndexError where there is none
    fields = [one for one in _parts(tbs[1]) if one[0] != _VERSION]
    tag, validity = fields[3]
    if tag != _SEQUENCE:
        raise ValueError("no validity")
    kind, text = list(_parts(validity))[1]
    said = text.decode("ascii")
    if kind == _UTC_TIME:
        said = ("20" if int(said[:2]) < _PIVOT else "19") + said
    return datetime.strptime(said, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def _parts(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tags and contents one after another."""
    at = 0
    while at < len(data):
        tag, size = data[at], data[at + 1]
        at += 2
        if size & _LONG:
            count = size & ~_LONG
            size = int.from_bytes(data[at : at + count], "big")
            at += count
        if at + size > len(data):
            raise ValueError("cut off")
        yield tag, data[at : at + size]
        at += size
