"""What the user says about a PostgreSQL server, and the same in the words of libpq."""

import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway.core.batches import Stream
from gateway.errors import SinkUnavailableError

_SYSTEM_CA: Final = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    host: str
    """Of the server; several with commas: the first that may be written to is taken. A folder:
    that of the server's Unix socket."""
    port: int = 5432
    database: str = "edge"
    username: str = "edge"
    """Whom it lets in."""
    password_file: str = ""
    """File with the password, in its first line; read at each connect."""
    schema: str = "edge"
    """Of the tables; made if it is missing and the user may."""
    tls: bool = True
    """The server's certificate and name are checked; false: no TLS at all."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key, readable by us alone."""
    connect_timeout_s: float = 10.0
    """So long a connection may take."""
    timeout_s: float = 30.0
    """Of each step of a transaction; COPY has a second more for each kilobyte."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z_][a-z0-9_]{0,62}", self.schema):
            raise ValueError("schema: a word of small letters, digits and _")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file come together")
        if self.connect_timeout_s <= 0 or self.timeout_s <= 0:
            raise ValueError("a time-out is more than 0")


def words(settings: Settings, stream: Stream) -> Mapping[str, Any]:
    """Keywords of libpq (PostgreSQL 16, 34.1.2); it always sets TCP_NODELAY.

    Raises:
        SinkUnavailableError: the password cannot be read.
    """
    limit_ms = int(settings.timeout_s * 1000)
    limits = {
        "search_path": settings.schema,
        "lock_timeout": limit_ms,
        "statement_timeout": 10 * limit_ms,  # COPY takes as long as the line does
        "idle_in_transaction_session_timeout": limit_ms,
    }
    made = {
        "host": settings.host,
        "port": settings.port,
        "dbname": settings.database,
        "user": settings.username,
        "application_name": f"edge-gateway {stream.gateway} {stream.lane}",
        "connect_timeout": max(2, round(settings.connect_timeout_s)),
        "target_session_attrs": "read-write",
        "gssencmode": "disable",
        "keepalives_idle": 10,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": limit_ms,
        "client_encoding": "UTF8",
        "options": " ".join(f"-c {name}={value}" for name, value in limits.items()),
        **_tls(settings),
    }
    if settings.password_file:
        made["password"] = _password(settings.password_file)
    return made


def _tls(settings: Settings) -> dict[str, object]:
    if not settings.tls:
        return {"sslmode": "disable"}
    system = ssl.get_default_verify_paths().cafile or _SYSTEM_CA
    words: dict[str, object] = {
        "sslmode": "verify-full",
        "sslrootcert": settings.ca_file or (system if Path(system).exists() else "system"),
        "ssl_min_protocol_version": "TLSv1.2",
    }
    if settings.cert_file:
        words |= {"sslcert": settings.cert_file, "sslkey": settings.key_file}
    return words


def _password(file: str) -> str:
    with suppress(OSError, UnicodeError):
        return Path(file).read_text("utf-8").partition("\n")[0].rstrip("\r")
    raise SinkUnavailableError(f"{file}: the password cannot be read", 30.0)
