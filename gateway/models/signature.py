"""Detached Ed25519 signatures (RFC 8032) over the exact bytes of ``manifest.json``.

The manifest holds the hash of every other file, so that one signature covers the package. The file
``manifest.sig`` is the 64 bytes alone; keys are PEM (PKCS 8, SubjectPublicKeyInfo), so that openssl
reads and writes the same: ``openssl pkeyutl -verify -pubin -inkey key.pub -rawin -in manifest.json
-sigfile manifest.sig``. ``cryptography`` is imported where it is needed: it costs 41 ms.
"""

import hashlib
import os
import stat
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.errors import PackageError
from gateway.models.files import MANIFEST, read, refused

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

SIGNATURE: Final = "manifest.sig"
SIGNATURE_BYTES: Final = 64
MAX_KEY_BYTES: Final = 4096
_OTHERS: Final = 0o077
_PARTS: Final = (
    "exceptions",
    "hazmat.primitives.asymmetric.ed25519",
    "hazmat.primitives.serialization",
)
_FETCH: Final = "fetch the package again, or have it signed: edge-gateway model sign"


class Keys(NamedTuple):
    """A new pair, both PEM."""

    secret: bytes
    public: bytes


def generate() -> Keys:
    """Make a pair of keys."""
    from cryptography.hazmat.primitives import serialization as form
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    secret = key.private_bytes(form.Encoding.PEM, form.PrivateFormat.PKCS8, form.NoEncryption())
    return Keys(
        secret,
        key.public_key().public_bytes(form.Encoding.PEM, form.PublicFormat.SubjectPublicKeyInfo),
    )


def write(keys: Keys, secret: Path, public: Path) -> None:
    """Write a pair; the secret one for its owner alone. Neither file may be there yet.

    Raises:
        OSError: one of them is there, or cannot be written.
    """
    if public.exists():
        raise FileExistsError(17, "File exists", str(public))
    for path, content, mode in ((secret, keys.secret, 0o600), (public, keys.public, 0o644)):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)


def sign(manifest: bytes, secret: Path) -> bytes:
    """The signature of a manifest.

    Raises:
        PackageError: the key cannot be used, or others could have read it.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = read(secret.parent, secret.name, max_bytes=MAX_KEY_BYTES)
    mode = secret.stat().st_mode
    if mode & _OTHERS:
        found, advice = (
            stat.filemode(mode),
            f"chmod 600 {secret}; if others read it, make a new one",
        )
        raise refused(secret.name, "", "a key that only its owner can read", found, advice)
    try:
        key = load_pem_private_key(content, None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _no_key(secret.name, "secret", str(error)) from error
    if not isinstance(key, Ed25519PrivateKey):
        raise _no_key(secret.name, "secret", type(key).__name__)
    return key.sign(manifest)


def public_key(path: Path) -> str:
    """A public key from its file, checked, as the PEM text that ``check`` takes.

    Raises:
        PackageError: it is missing, or no Ed25519 public key.
    """
    content = read(path.parent, path.name, max_bytes=MAX_KEY_BYTES)
    pem = content.decode("ascii", "replace")
    _parsed(pem, path.name)
    return pem


def check(manifest: bytes, signature: bytes | None, pem: str) -> None:
    """Hold a manifest against its signature.

    Raises:
        PackageError: there is none, or it is not by that key over these bytes.
    """
    from cryptography.exceptions import InvalidSignature

    expected = f"a signature by {fingerprint(pem)}"
    if signature is None:
        raise refused(SIGNATURE, "", expected, "none", _FETCH)
    if len(signature) != SIGNATURE_BYTES:
        found = f"{len(signature)} bytes, not {SIGNATURE_BYTES}"
        raise refused(SIGNATURE, "", expected, found, _FETCH)
    try:
        _parsed(pem, "trust").verify(signature, manifest)
    except InvalidSignature as error:
        found = f"one by another key, or over another {MANIFEST}"
        raise refused(SIGNATURE, "", expected, found, _FETCH) from error


def prepare() -> None:
    """Import now what ``check`` needs: later no file can be read."""
    for part in _PARTS:
        import_module(f"cryptography.{part}")


def fingerprint(pem: str) -> str:
    """A short name of a public key: the beginning of the SHA-256 of its 32 bytes."""
    return "ed25519:" + hashlib.sha256(_parsed(pem, "trust").public_bytes_raw()).hexdigest()[:16]


def _parsed(pem: str, file: str) -> "Ed25519PublicKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    if "PRIVATE KEY" in pem:
        raise _no_key(file, "public", "a secret key, which belongs on no gateway")
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm) as error:
        raise _no_key(file, "public", str(error)) from error
    if not isinstance(key, Ed25519PublicKey):
        raise _no_key(file, "public", type(key).__name__)
    return key


def _no_key(file: str, kind: str, found: str) -> PackageError:
    advice = "make a pair with: edge-gateway model keygen NAME"
    return refused(file, "", f"an Ed25519 {kind} key (PEM)", found[:120], advice)
