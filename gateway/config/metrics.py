"""The file's section about metrics for Prometheus: where it asks, and what it must show."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import AfterValidator

from gateway.config.schema import Section
from gateway.config.watching import MetricsSettings
from gateway.config.web import WebTlsSection, listen_of, listening

PORT: Final = 9464


class MetricsSection(Section):
    """Metrics for Prometheus at ``/metrics``, on this machine only unless it says otherwise."""

    listen: Annotated[str, AfterValidator(listening)] = f"127.0.0.1:{PORT}"
    """Address and port. Beyond this machine it needs ``token_file`` and ``tls``."""
    token_file: str | None = None
    """File with the token that Prometheus shows (``authorization: {credentials_file: ...}``)."""
    tls: WebTlsSection | None = None
    """Serve HTTPS."""
    unprotected: bool = False
    """Listen beyond this machine without a token, or without TLS: something in front of it (a
    proxy, a VPN) does what this does not."""


def metrics_of(section: MetricsSection | None, here: Path) -> MetricsSettings | None:
    """The settings; relative paths are relative to the file."""
    if section is None:
        return None
    return MetricsSettings(
        listen=listen_of(section.listen, section.tls, here),
        token_file=here / section.token_file if section.token_file else None,
    )
