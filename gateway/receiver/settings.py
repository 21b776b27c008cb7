"""What a receiver is told on its command line."""

from dataclasses import dataclass
from pathlib import Path

from gateway.adapters.mqtt_settings import Broker


@dataclass(frozen=True, slots=True)
class Http:
    """Where it listens."""

    host: str
    port: int
    token_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    client_ca_file: Path | None = None
    """Only clients with a certificate of these authorities are let in."""


@dataclass(frozen=True, slots=True)
class Settings:
    """One receiver."""

    store: str
    """Path of a SQLite file, or ``postgresql://...``."""
    http: Http | None
    brokers: tuple[Broker, ...] = ()
    topic: str = "edge-sync"
    rows_per_s: float | None = None
