"""TLS towards a cloud: its certificate and name are always checked."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tls:
    """Whom to trust, and what to show."""

    ca_file: str = ""
    """PEM file of authorities; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    alpn: Sequence[str] = ()
    """Protocols to name in the handshake (RFC 7301), for a port that serves several."""


class _Handshake(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave that to the garbage collector.

    It would also wait for the handshake as long as the keep-alive, which may be an hour.
    """

    patience_s = 30.0

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as inherited
        self.settimeout(self.patience_s)
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def context(tls: Tls, patience_s: float) -> ssl.SSLContext:
    """What we demand and show; the files are read now, so a renewed one needs no restart.

    ``patience_s``: for the handshake.

    Raises:
        OSError: a file cannot be read, or is not what it should be.
    """
    made = ssl.create_default_context(cafile=tls.ca_file or None)
    made.sslsocket_class = type("_Patient", (_Handshake,), {"patience_s": patience_s})
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file:
        made.load_cert_chain(tls.cert_file, tls.key_file or None)
    if tls.alpn:
        made.set_alpn_protocols(list(tls.alpn))
    return made
