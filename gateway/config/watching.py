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
class WebSettings:
    """Where the page listens, and who may what."""

    host: str
    port: int
    password_file: Path | None = None
    guest: Literal["viewer", "operator"] = "viewer"
    """The role of whoever did not sign in; only without ``password_file``."""
    cert_file: Path | None = None
    key_file: Path | None = None
    hosts: tuple[str, ...] = ()
    clients: int = 64


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """Where Prometheus asks."""

    host: str
    port: int
    token_file: Path | None = None
    """Who asks shows this; None: nobody has to."""
    cert_file: Path | None = None
    key_file: Path | None = None
