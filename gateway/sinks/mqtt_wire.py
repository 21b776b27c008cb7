"""Where an MQTT sink connects to, and as whom."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gateway.core.batches import Stream
from gateway.errors import SinkUnavailableError
from gateway.sinks.tls import Tls


class Dialled(Protocol):
    """The fields that the settings of all MQTT sinks share."""

    @property
    def host(self) -> str:
        """The broker's name or address."""
        ...

    @property
    def port(self) -> int:
        """0: the usual one."""
        ...

    @property
    def tls(self) -> bool:
        """Whether it has to prove itself."""
        ...

    @property
    def ca_file(self) -> str:
        """Authorities to trust."""
        ...

    @property
    def cert_file(self) -> str:
        """Our certificate."""
        ...

    @property
    def key_file(self) -> str:
        """Its key."""
        ...

    @property
    def timeout_s(self) -> float:
        """For each step."""
        ...

    @property
    def keepalive_s(self) -> int:
        """Most silence."""
        ...


@dataclass(frozen=True, slots=True)
class Wire:
    """What a link needs to know."""

    host: str
    port: int
    client_id: str
    tls: Tls | None = None
    five: bool = True
    """MQTT 5, else 3.1.1."""
    username: str = ""
    password: str | None = None
    keepalive_s: int = 60
    timeout_s: float = 30.0
    """For each step; sent bytes that nobody confirms for so long end the connection, too."""
    window: int = 20
    """Most publishes without an answer."""


def check(settings: Dialled) -> None:
    """Look whether the shared fields fit together.

    Raises:
        ValueError: they do not.
    """
    if not settings.host:
        raise ValueError("host is empty")
    if not 0 <= settings.port <= 65_535:  # noqa: PLR2004  # TCP's ports
        raise ValueError("port is 1 to 65535")
    if settings.key_file and not settings.cert_file:
        raise ValueError("key_file needs cert_file")
    if not settings.tls and (settings.ca_file or settings.cert_file):
        raise ValueError("ca_file and cert_file mean nothing with tls: false")
    if settings.timeout_s <= 0 or not 5 <= settings.keepalive_s <= 65_535:  # noqa: PLR2004  # MQTT
        raise ValueError("timeout_s is more than 0, and keepalive_s is 5 to 65535")


def port(settings: Dialled) -> int:
    """What is meant by 0."""
    return settings.port or (8883 if settings.tls else 1883)


def tls(settings: Dialled, alpn: Sequence[str] = ()) -> Tls | None:
    """How the broker is to prove itself, and we to it."""
    if not settings.tls:
        return None
    return Tls(settings.ca_file, settings.cert_file, settings.key_file, alpn)


def client_id(given: str, settings: Dialled, topic: str, stream: Stream) -> str:
    """One for each lane of each sink: a broker ends the older of two connections with one id.

    Without a given one it is made from all that makes a stream to somewhere, and is the same in
    the next process: what a killed one left behind is ended at once.
    """
    if given:
        return f"{given}-{stream.lane}"
    where = f"{settings.host}:{port(settings)}/{topic}"
    digest = hashlib.blake2s(where.encode(), digest_size=4).hexdigest()
    return f"edge-sync-{stream.gateway}-{stream.lane}-{digest}"


def first_line(file: str) -> str | None:
    """A secret: the first line of a file, read at each connect; None without a file.

    Raises:
        SinkUnavailableError: it cannot be read.
    """
    if not file:
        return None
    try:
        return Path(file).read_text("utf-8").split("\n", 1)[0].strip()
    except (OSError, UnicodeError) as error:
        raise SinkUnavailableError(f"{file}: {error}") from error
