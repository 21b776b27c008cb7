"""Settings of what watches the gateway: the log, the page, Prometheus."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class Log:
    """What is written, and how."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text", "otel"] = "auto"
    recorder_bytes: int = 512 * 1024
    """Of the flight recorder; 0: there is none."""


@dataclass(frozen=True, slots=True)
class Listen:
    """Where a server of ours listens, and the certificate that it shows."""

    host: str
    port: int
    cert_file: Path | None = None
    """None: it does not speak TLS."""
    key_file: Path | None = None


@dataclass(frozen=True, slots=True)
class WebSettings:
    """The page, and who may what."""

    listen: Listen
    password_file: Path | None = None
    guest: Literal["viewer", "operator"] = "viewer"
    """The role of whoever did not sign in; only without ``password_file``."""
    hosts: tuple[str, ...] = ()
    clients: int = 64


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Metrics for Prometheus."""

    listen: Listen
    token_file: Path | None = None
    """Who asks shows this; None: nobody has to."""
