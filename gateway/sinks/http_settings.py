"""What the user says about an HTTP endpoint."""

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from gateway.sinks.http_line import Place


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    url: str
    """Of the receiver: ``https://host:port/path``, without ``/v1/...``; or of a foreign one."""
    receiver: bool = True
    """false: no receiver of ours; what it acknowledges counts as taken."""
    token_file: str = ""
    """File with the bearer token, in its first line; read at each connect."""
    token_header: str = ""
    """Of a foreign endpoint: the header that carries that line as it is, ``X-Api-Key`` perhaps;
    empty: ``Authorization: Bearer``."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    proxy: str = ""
    """``http://host:port`` of a proxy; the environment is not asked."""
    connect_timeout_s: float = 10.0
    """So long a connection may take."""
    timeout_s: float = 30.0
    """From the first byte sent of a request to the last byte of its answer; a second more for each
    kilobyte of a batch, so that a slow line has its time."""

    def __post_init__(self) -> None:
        place = place_of(self.url)
        if self.receiver and ("?" in place.path or self.token_header):
            raise ValueError("a query in url, and token_header, are for receiver: false")
        if not re.fullmatch(r"[A-Za-z0-9-]*", self.token_header):
            raise ValueError("token_header is a name of letters, digits and -")
        if self.proxy and place_of(self.proxy).tls:
            raise ValueError("proxy: only http:// is known")
        if self.key_file and not self.cert_file:
            raise ValueError("key_file needs cert_file")
        if self.connect_timeout_s <= 0 or self.timeout_s <= 0:
            raise ValueError("a time-out is more than 0")


def place_of(url: str) -> Place:
    """What a URL names.

    Raises:
        ValueError: it is none, or not of HTTP.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r}: a URL begins with http:// or https:// and a host")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("a URL of a sink has no user, password or fragment")
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = f"{parts.path or '/'}?{parts.query}" if parts.query else parts.path.rstrip("/")
    return Place(parts.hostname, port, path, secure)
