"""What the user says about a NATS server. No client of it here: checking a file must stay cheap."""

from dataclasses import dataclass
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may set for a sink of this kind."""

    url: tuple[str, ...]
    """``tls://host:4222`` or ``nats://host:4222`` (no TLS); several: the first that answers."""
    stream: str = "EDGE"
    """JetStream's name of the stream; made if it is missing and we may."""
    subject: str = "edge"
    """What the subjects begin with."""
    domain: str = ""
    """JetStream's domain of the stream: ours is a leaf node, and the stream is in its hub."""
    creds_file: str = ""
    """File of ``nsc`` with a JWT and its seed."""
    nkey_file: str = ""
    """File with the seed of an nkey."""
    token_file: str = ""
    """File with a token, in its first line."""
    username: str = ""
    """Whom it lets in."""
    password_file: str = ""
    """File with the password of ``username``, in its first line."""
    ca_file: str = ""
    """PEM file of the authorities to trust; empty: those of the system."""
    cert_file: str = ""
    """PEM file of our client certificate; empty: none is shown."""
    key_file: str = ""
    """PEM file of its key; empty: the key is in ``cert_file``."""
    connect_timeout_s: float = 10.0
    """So long a connection may take."""
    timeout_s: float = 30.0
    """Until a batch is answered; it has a second more for each kilobyte."""

    def __post_init__(self) -> None:
        for url in self.url:
            parts = urlsplit(url)
            if parts.scheme not in ("nats", "tls") or not parts.hostname:
                raise ValueError(f"{url!r}: a URL begins with nats:// or tls:// and a host")
            if parts.username or parts.password:
                raise ValueError("a URL of a sink has no user and no password")
        if not self.url:
            raise ValueError("url: at least one")
        if not self.subject.replace(".", "").replace("_", "").replace("-", "").isalnum():
            raise ValueError("subject: words of letters, digits, - and _ with dots between")
        ways = (self.creds_file, self.nkey_file, self.token_file, self.username)
        if sum(map(bool, ways)) > 1:
            raise ValueError("one of creds_file, nkey_file, token_file and username")
        if self.connect_timeout_s <= 0 or self.timeout_s <= 0:
            raise ValueError("a time-out is more than 0")
