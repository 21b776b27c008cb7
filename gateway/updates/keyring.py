"""The author's keys: Ed25519, PEM, one file each, which only their owner may read."""

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from gateway.errors import ConfigError

ENDING: Final = ".pem"
_OTHERS: Final = stat.S_IRWXG | stat.S_IRWXO


class Keyring:
    """The secret keys in some folders."""

    def __init__(self, folders: Sequence[Path], passphrase: bytes | None = None) -> None:
        """New keys are made in the first folder, encrypted where there is a passphrase.

        Raises:
            ConfigError: a key cannot be read, or others can read it.
        """
        self._folders = folders
        self._passphrase = passphrase
        self._signers = {
            signer.public_key.keyid: signer
            for file in sorted(_files(folders))
            for signer in (_load(file, passphrase),)
        }

    def make(self, name: str) -> CryptoSigner:
        """A new key in a file of its own.

        Raises:
            ConfigError: there is one of that name already, or it cannot be written.
        """
        file = self._file(name)
        secret = Ed25519PrivateKey.generate()
        locked = BestAvailableEncryption(self._passphrase) if self._passphrase else NoEncryption()
        data = secret.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, locked)
        try:
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as opened:
                opened.write(data)
        except OSError as error:
            raise ConfigError(f"{file}: {error.strerror}") from error
        signer = CryptoSigner(secret)
        self._signers[signer.public_key.keyid] = signer
        return signer

    def named(self, name: str) -> str:
        """The id of the key in a file of this name.

        Raises:
            ConfigError: there is none.
        """
        for file in _files(self._folders):
            if file.stem == name:
                return _load(file, self._passphrase).public_key.keyid
        raise ConfigError(f"there is no key {name}{ENDING} here")

    def replace(self, name: str, by: str) -> None:
        """Give a key's name to another key; the old one's file is set aside, and not read again."""
        keyid = self.named(name)
        for file in list(_files(self._folders)):
            if file.stem == name:
                file.rename(file.with_name(f"{name}.{keyid[:8]}.retired"))
        self._file(by).rename(self._file(name))

    def drop(self, name: str) -> None:
        """Delete a key that was made and is not used."""
        self._file(name).unlink(missing_ok=True)

    def _file(self, name: str) -> Path:
        return self._folders[0] / f"{name}{ENDING}"

    def of(self, keyids: Iterable[str]) -> list[CryptoSigner]:
        """Those of these keys that are here."""
        return [self._signers[keyid] for keyid in keyids if keyid in self._signers]


def _files(folders: Sequence[Path]) -> Iterator[Path]:
    for folder in folders:
        yield from folder.glob(f"*{ENDING}")


def _load(file: Path, passphrase: bytes | None) -> CryptoSigner:
    try:
        if file.stat().st_mode & _OTHERS:
            raise ConfigError(f"{file}: others can read it: chmod 600")
        data = file.read_bytes()
        locked = b"ENCRYPTED" in data
        return CryptoSigner(load_pem_private_key(data, passphrase if locked else None))
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}") from error
    except (ValueError, TypeError) as error:
        advice = "give its passphrase with --passphrase-file" if passphrase is None else ""
        raise ConfigError(f"{file}: {error}; {advice}".removesuffix("; ")) from error
