"""The key that signs audit checkpoints: Ed25519 (RFC 8032), PEM (PKCS 8), for its owner alone.

Made at the first start where the user names none. Its public half lies beside it (``audit.pub``,
base64 of its 32 bytes, one line), so that ``audit verify`` needs no secret. ``cryptography`` reads
the key files that are written in another way than ours.
"""

import base64
import binascii
import hashlib
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final, Self

from gateway.adapters import ed25519
from gateway.errors import GatewayError

NAME: Final = "audit.key"
PUBLIC: Final = ".pub"
MAX_BYTES: Final = 4_096
_PKCS8: Final = bytes.fromhex("302e020100300506032b657004220420")
"""What stands before the 32 bytes of a secret key: RFC 8410, section 7."""
_PEM: Final = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----")
_OTHERS: Final = stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH


class KeyFileError(GatewayError):
    """A key file cannot be used; the message says what to do."""


class SigningKey:
    """A secret key in use."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.public = _text(ed25519.public_of(secret))
        """Base64 of the public key's 32 bytes."""

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a key.

        Raises:
            KeyFileError: it is not there, is no such key, or others may read it.
        """
        try:
            mode = path.stat().st_mode
            content = path.read_bytes()[:MAX_BYTES]
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}") from error
        if mode & _OTHERS:
            raise KeyFileError(f"{path}: others may read or change it: chmod 600 {path}")
        return cls(_ours(content) or _foreign(path, content))

    @classmethod
    def make(cls, path: Path) -> Self:
        """Make a key and its public half; whole on the disk before either has its name.

        Raises:
            KeyFileError: they cannot be written.
        """
        secret = os.urandom(ed25519.SECRET_BYTES)
        made = cls(secret)
        begin, end = _PEM
        try:
            _write(path, f"{begin}\n{_text(_PKCS8 + secret)}\n{end}\n".encode(), 0o600)
            made.publish(path)
        except OSError as error:
            raise KeyFileError(f"{path}: {error.strerror}") from error
        return made

    def publish(self, path: Path) -> None:
        """Write the public half beside the secret one.

        Raises:
            OSError: it cannot be written.
        """
        _write(path.with_suffix(PUBLIC), f"{self.public}\n".encode(), 0o644)

    def sign(self, content: bytes) -> str:
        """The signature, base64."""
        return _text(ed25519.sign(self._secret, content))


def _ours(content: bytes) -> bytes | None:
    """The 32 secret bytes of a key file as it is written here; None for any other file."""
    text = " ".join(content.decode("ascii", "replace").split())
    begin, end = _PEM
    if not (text.startswith(begin) and text.endswith(end)):
        return None
    raw = _raw(text.removeprefix(begin).removesuffix(end).replace(" ", ""), 48)
    return raw.removeprefix(_PKCS8) if raw and raw.startswith(_PKCS8) else None


def _foreign(path: Path, content: bytes) -> bytes:
    """The 32 secret bytes of any other key file.

    Raises:
        KeyFileError: it is no such key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        secret = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise KeyFileError(f"{path}: no secret key: {error}"[:300]) from error
    if not isinstance(secret, Ed25519PrivateKey):
        raise KeyFileError(f"{path}: no Ed25519 key")
    return secret.private_bytes_raw()


def own(path: Path) -> tuple[SigningKey, bool]:
    """The gateway's own key, and whether it had to be made.

    One that cannot be read (a power cut while it was made) is set aside: a gateway without
    checkpoints would be worse than one with a new key, which the chain records.

    Raises:
        KeyFileError: no key can be made.
    """
    if path.exists():
        with suppress(KeyFileError):
            key = SigningKey.load(path)
            if public_of(path.with_suffix(PUBLIC)) != key.public:
                with suppress(OSError):
                    key.publish(path)
            return key, False
        with suppress(OSError):
            path.rename(path.with_suffix(".bad"))
    return SigningKey.make(path), True


def public_of(path: Path) -> str:
    """A public key from its file: base64 of 32 bytes, or PEM; empty when it is none."""
    try:
        words = path.read_bytes()[:MAX_BYTES].decode("ascii", "replace").strip()
    except OSError:
        return ""
    if "-----BEGIN" not in words:
        return words if is_public(words) else ""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(words.encode())
    except (ValueError, UnsupportedAlgorithm):
        return ""
    return _text(key.public_bytes_raw()) if isinstance(key, Ed25519PublicKey) else ""


def is_public(words: str) -> bool:
    """Whether this is a public key itself: base64 of 32 bytes."""
    return _raw(words, 32) is not None


def holds(content: bytes, signature: str, public: str) -> bool:
    """Whether a signature (base64) is by a public key (base64) over these bytes."""
    key, said = _raw(public, ed25519.PUBLIC_BYTES), _raw(signature, ed25519.SIGNATURE_BYTES)
    if key is None or said is None:
        return False
    try:
        return ed25519.holds(key, said, content)
    except ValueError:  # these bytes are no key
        return False


def fingerprint(public: str) -> str:
    """A short name of a public key: the beginning of the SHA-256 of its 32 bytes."""
    raw = _raw(public, 32)
    return "ed25519:" + (hashlib.sha256(raw).hexdigest()[:16] if raw else "?")


def _raw(words: str, size: int) -> bytes | None:
    try:
        raw = base64.b64decode(words, validate=True)
    except (ValueError, binascii.Error):
        return None
    return raw if len(raw) == size else None


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _write(path: Path, content: bytes, mode: int) -> None:
    new = path.with_name(path.name + ".new")
    new.unlink(missing_ok=True)
    handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(handle)
    new.rename(path)
