"""The last word of a training script: a signed package, where a key is named."""

import argparse
from dataclasses import dataclass
from pathlib import Path

from gateway.models import signature
from gateway.models.files import MANIFEST


@dataclass(frozen=True, slots=True)
class Keys:
    """What packages are signed with."""

    secret: Path | None = None
    """None: they are not."""
    made: Path | None = None
    """The public key of a pair that was made just now."""

    def sign(self, package: Path) -> None:
        """Write ``manifest.sig``, and say so.

        Raises:
            PackageError: the key cannot be used, or others could have read it.
        """
        if self.secret is None:
            return
        signed = signature.sign((package / MANIFEST).read_bytes(), self.secret)
        (package / signature.SIGNATURE).write_bytes(signed)
        print(f"{package}: signed with {self.secret}")
        if self.made is not None:
            print(f"{self.made}: its public key, for the gateways (models.NAME.trust)")


def add_options(parser: argparse.ArgumentParser) -> None:
    """``--sign KEY`` or ``--new-key NAME``."""
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--sign", type=Path, metavar="KEY", help="sign with this secret key")
    either.add_argument(
        "--new-key", type=Path, metavar="NAME", help="make NAME.key and NAME.pub, and sign with it"
    )


def keys(options: argparse.Namespace) -> Keys:
    """The keys that were asked for, before anything is trained; a new pair is made here.

    Raises:
        OSError: there is no such key; or a new one is there already, or cannot be written.
    """
    if options.sign is not None:
        options.sign.stat()
    if options.new_key is None:
        return Keys(options.sign)
    name: Path = options.new_key
    secret, public = (name.with_name(name.name + end) for end in (".key", ".pub"))
    signature.write(signature.generate(), secret, public)
    return Keys(secret, public)
