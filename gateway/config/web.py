"""The file's section about the page: where it listens, and who may what."""

import ipaddress
import re
from pathlib import Path
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import AfterValidator, Field

from gateway.config.scalars import OneOrMore
from gateway.config.schema import Section
from gateway.config.watching import Listen, WebSettings

PORT: Final = 8090
_LISTEN: Final = re.compile(
    r"(?:(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):)?([0-9]{1,5})", re.ASCII
)
_MOST_PORT: Final = 65_535


class Place(NamedTuple):
    """Where to listen."""

    host: str
    port: int

    @property
    def loopback(self) -> bool:
        """Only this machine reaches it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def place(text: str) -> Place:
    """Read ``127.0.0.1:8090``, ``[::]:8090`` or ``8090``.

    Raises:
        ValueError: it is none.
    """
    found = _LISTEN.fullmatch(text)
    if found is None or int(found[3]) > _MOST_PORT:
        raise ValueError("should be an address and a port, like 127.0.0.1:8090 or [::]:8090")
    return Place(found[1] or found[2] or "127.0.0.1", int(found[3]))


def listening(text: str) -> str:
    """A place, as it was written.

    Raises:
        ValueError: it is none.
    """
    place(text)
    return text


class WebTlsSection(Section):
    """The certificate that browsers are shown."""

    cert_file: str
    """PEM, with what lies between it and its authority."""
    key_file: str
    """Its key, PEM."""


def listen_of(text: str, tls: WebTlsSection | None, here: Path) -> Listen:
    """A place to listen, with its certificate; relative paths are relative to the file."""
    if tls is None:
        return Listen(*place(text))
    return Listen(*place(text), here / tls.cert_file, here / tls.key_file)


class WebSection(Section):
    """The page in a browser, on this machine only unless it says otherwise. The extra ``[web]``."""

    listen: Annotated[str, AfterValidator(listening)] = f"127.0.0.1:{PORT}"
    """Address and port. Beyond this machine it needs ``password_file`` and ``tls``."""
    password_file: str | None = None
    """File with one line per person, made by ``edge-gateway password``; then nothing is shown to
    anybody who did not sign in."""
    guest: Literal["viewer", "operator"] = "viewer"
    """Without ``password_file``: what whoever reaches the page may. An operator acknowledges,
    holds, overrides and stops; on loopback that is everybody with an account on this machine."""
    tls: WebTlsSection | None = None
    """Serve HTTPS."""
    hosts: Annotated[tuple[str, ...], OneOrMore()] = ()
    """Further names under which browsers reach it (a proxy's, say); addresses, ``localhost`` and
    this machine's name are known. A request for another name is refused."""
    unprotected: bool = False
    """Listen beyond this machine without a password, or without TLS: something in front of it (a
    proxy, a VPN) does what the page does not."""
    clients: Annotated[int, Field(ge=1, le=2_000)] = 64
    """Most pages that are open at one time; one more waits until another is closed."""


def web_of(section: WebSection | None, here: Path) -> WebSettings | None:
    """The settings; relative paths are relative to the file."""
    if section is None:
        return None
    return WebSettings(
        listen=listen_of(section.listen, section.tls, here),
        password_file=here / section.password_file if section.password_file else None,
        guest=section.guest,
        hosts=section.hosts,
        clients=section.clients,
    )
