"""What proves to a broker who we are, and to us who it is; read again at each connect."""

import ssl
from pathlib import Path

from gateway.adapters.mqtt_settings import Tls


class _Handshake(ssl.SSLSocket):
    """Closes itself when the handshake fails; paho would leave that to the garbage collector."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # as inherited
        try:
            super().do_handshake(block)
        except OSError:
            self.close()
            raise


def tls_context(tls: Tls) -> ssl.SSLContext:
    """What we demand and show.

    Raises:
        OSError: a file cannot be read, or is not what it should be.
    """
    context = ssl.create_default_context(cafile=tls.ca_file or None)
    context.sslsocket_class = _Handshake
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if tls.cert_file:
        context.load_cert_chain(tls.cert_file, tls.key_file or None)
    return context


def password(file: str) -> str | None:
    """The first line of a password file.

    Raises:
        OSError: it cannot be read.
        UnicodeError: it is not text.
    """
    return Path(file).read_text("utf-8").rstrip("\r\n") if file else None
