"""What proves to a NATS server who we are, and to us who it is; read again at each connect."""

import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from gateway.sinks.nats_settings import Settings


def proofs(settings: Settings) -> dict[str, Any]:
    """Words of ``nats.connect``.

    Raises:
        OSError: a file cannot be read.
        UnicodeError: it is not text.
    """
    ways: dict[str, tuple[str, Callable[[str], str]]] = {
        "user_credentials": (settings.creds_file, _itself),
        "nkeys_seed": (settings.nkey_file, _itself),
        "token": (settings.token_file, _first_line),
        "user": (settings.username, str),
        "password": (settings.password_file, _first_line),
    }
    return {name: read(given) for name, (given, read) in ways.items() if given}


def tls(settings: Settings, url: str) -> dict[str, Any]:
    """The same for TLS; certificates and names are always checked.

    Raises:
        OSError: a file cannot be read, or is not what it should be.
    """
    parts = urlsplit(url)
    if parts.scheme != "tls":
        return {}
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file or None)
    return {"tls": context, "tls_hostname": parts.hostname}


def _itself(file: str) -> str:
    """Its path; it is there and readable, or there is an error that names it."""
    with Path(file).open("rb"):
        return file


def _first_line(file: str) -> str:
    return Path(file).read_text("utf-8").partition("\n")[0].strip()
