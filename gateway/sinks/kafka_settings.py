"""What the user says about a Kafka cluster, and the same in the words of librdkafka."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from gateway.core.batches import Stream
from gateway.errors import SinkUnavailableError

MOST_BYTES: Final = 1_000_000
"""Of a message: brokers take 1,048,588 bytes unless told otherwise (``message.max.bytes``)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    brokers: tuple[str, ...]
    """``host:9092``; the others of the cluster are found by themselves."""
    topic: str = "edge"
    """Where the batches go."""
    transactions: bool = True
    """Each batch is a transaction, and a sender that was replaced cannot write any more. false: for
    brokers that have none; what a frozen broker still had to do may then come twice."""
    look_back: int = 1_000
    """Most messages of a partition in which our last batch is looked for."""
    tls: bool = True
    """The brokers' certificates and names are checked; false: no TLS at all."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key."""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    """Of SASL, where there is a ``username``."""
    username: str = ""
    """Whom it lets in."""
    password_file: str = ""
    """File with the password, in its first line; read at each connect."""
    connect_timeout_s: float = 10.0
    """So long a connection may take."""
    timeout_s: float = 30.0
    """Until a batch is answered."""

    def __post_init__(self) -> None:
        if not self.brokers or not all(_is_place(broker) for broker in self.brokers):
            raise ValueError("brokers: at least one host:port")
        if bool(self.cert_file) != bool(self.key_file):
            raise ValueError("cert_file and key_file come together")
        if bool(self.username) != bool(self.password_file):
            raise ValueError("username and password_file come together")
        if self.connect_timeout_s <= 0 or self.timeout_s < 1:
            raise ValueError("a time-out is more than 0, and timeout_s at least 1")
        if self.look_back < 1:
            raise ValueError("look_back: at least 1")


def words(settings: Settings, failed: Callable[[Any], None]) -> dict[str, Any]:
    """What producer and consumer have in common.

    Raises:
        SinkUnavailableError: the password cannot be read.
    """
    known: dict[str, Any] = {
        "bootstrap.servers": ",".join(settings.brokers),
        "client.id": "edge-gateway",
        "socket.nagle.disable": True,
        "socket.keepalive.enable": True,
        "socket.connection.setup.timeout.ms": max(1000, int(settings.connect_timeout_s * 1000)),
        "reconnect.backoff.max.ms": 1_000,
        "error_cb": failed,
        "log_level": 0,  # what is wrong comes by error_cb; librdkafka would write to stderr
        "security.protocol": _protocol(settings),
    }
    if settings.tls:
        known |= {
            name: file
            for name, file in (
                ("ssl.ca.location", settings.ca_file),
                ("ssl.certificate.location", settings.cert_file),
                ("ssl.key.location", settings.key_file),
            )
            if file
        }
    if settings.username:
        known |= {
            "sasl.mechanism": settings.mechanism,
            "sasl.username": settings.username,
            "sasl.password": _password(settings.password_file),
        }
    return known


def producing(settings: Settings, stream: Stream) -> dict[str, Any]:
    """What only the producer is told."""
    limit_ms = int(settings.timeout_s * 1000)
    known: dict[str, Any] = {
        "enable.idempotence": True,
        "acks": "all",
        "linger.ms": 0,
        "message.max.bytes": MOST_BYTES + 4_096,
        "message.timeout.ms": limit_ms,
        "request.timeout.ms": limit_ms,
    }
    if settings.transactions:
        # Whoever has the name last has it alone: the broker ends what an older producer began.
        known |= {"transactional.id": f"edge-gateway/{stream}", "transaction.timeout.ms": limit_ms}
    return known


def consuming(settings: Settings, stream: Stream) -> dict[str, Any]:
    """What only the consumer is told."""
    return {
        "group.id": f"edge-gateway/{stream}",
        "enable.auto.commit": False,
        "enable.partition.eof": True,
        "auto.offset.reset": "earliest",
        "isolation.level": "read_committed" if settings.transactions else "read_uncommitted",
        "fetch.wait.max.ms": 50,
    }


def _protocol(settings: Settings) -> str:
    return ("SASL_" if settings.username else "") + ("SSL" if settings.tls else "PLAINTEXT")


def _is_place(broker: str) -> bool:
    host, _, port = broker.rpartition(":")
    return bool(host) and port.isdecimal() and "," not in broker and "/" not in broker


def _password(file: str) -> str:
    try:
        return Path(file).read_text("utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeError) as error:
        raise SinkUnavailableError(f"the password cannot be read: {error}", 30.0) from error
