"""What stands for a value: a variable of the environment, a credential of systemd.

A credential is a secret. A key that names a file (``password_file``) is given its path, so that the
secret is no part of the settings; only a user's name, and a secret that a plug-in takes by value,
is what the credential holds. What is shown anywhere else can be no credential.
"""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from gateway.config.tree import Mark, Reference, Scalar

RUNNING: Final = Path("/run/credentials/edge-gateway.service")
"""Where systemd puts them while the service runs: for commands that people give beside it."""
MAX_BYTES: Final = 65_536
_VARIABLE: Final = re.compile(r"([A-Za-z_][A-Za-z0-9_]{0,127})(?:[ \t]+(.*))?", re.DOTALL)
_CREDENTIAL: Final = re.compile(r"(?!\.\.?$)[A-Za-z0-9_.@-]{1,128}", re.ASCII)
_BY_VALUE: Final = re.compile(r"(.*_)?(username|user|password|passphrase|secret|token|key)")
_SECRET: Final = re.compile(
    r"(.*_)?(password|passwd|passphrase|pass|secret|token|key|credentials?|pin|psk|sas)(_.*)?",
    re.IGNORECASE,
)
"""Variables that are named like secrets are none that may be shown."""


class UnmetError(ValueError):
    """A reference leads nowhere; ``hint`` says what helps."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


def variable(said: str, mark: Mark, environment: Mapping[str, str], *, quoted: bool) -> Scalar:
    """What ``!env NAME`` or ``!env NAME default`` stands for.

    Raises:
        UnmetError: it is not set and has no default, or cannot be a value.
    """
    found = _VARIABLE.fullmatch(said.strip())
    if found is None:
        raise UnmetError("!env takes the name of a variable, and a default after a space")
    name, default = found[1], (found[2] or "").strip()
    text = environment.get(name, "")
    hidden = _SECRET.fullmatch(name) is not None
    if not text and not default:
        why = "is empty" if name in environment else "is not set"
        hint = f"set it for the service (Environment=), or give a default: !env {name} <default>"
        raise UnmetError(f"the environment variable {name} {why}", hint)
    _sayable(text, f"the environment variable {name}")
    named = Reference("environment", name, hidden, by_default=not text)
    return Scalar(text or default, mark, quoted, named)


def credential(said: str, mark: Mark, key: str, environment: Mapping[str, str]) -> Scalar:
    """What ``!credential NAME`` stands for at a key: its path at ``*_file``, else what it holds.

    Raises:
        UnmetError: there is none of that name, or this key can be no secret.
    """
    name = said.strip()
    if not _CREDENTIAL.fullmatch(name):
        raise UnmetError("!credential takes the name of a credential, which is no path")
    path = folder(environment) / name
    if not path.is_file():
        hint = (
            f"systemd gives it to the service: LoadCredential={name}:<file>; in a shell set"
            " CREDENTIALS_DIRECTORY"
        )
        raise UnmetError(f"there is no credential {name} in {path.parent}", hint)
    if key.endswith("_file"):
        where = Reference("credential", name, hidden=False, is_path=True)
        return Scalar(str(path), mark, quoted=True, reference=where)
    if not _BY_VALUE.fullmatch(key):
        message = f"{key!r} can be no credential: it is shown in logs and in health"
        raise UnmetError(message, "use !env, or a key that ends with _file")
    held = Reference("credential", name, hidden=True)
    return Scalar(_line(path, name), mark, quoted=True, reference=held)


def folder(environment: Mapping[str, str]) -> Path:
    """Where credentials lie: systemd says so to the service."""
    return Path(environment.get("CREDENTIALS_DIRECTORY") or RUNNING)


def _line(path: Path, name: str) -> str:
    """The one line that a credential holds."""
    try:
        with path.open("rb") as opened:
            text = opened.read(MAX_BYTES + 1).decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise UnmetError(f"credential {name} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UnmetError(f"credential {name} is not UTF-8") from None
    if not text:
        raise UnmetError(f"credential {name} is empty")
    _sayable(text, f"credential {name}")
    return text


def _sayable(text: str, what: str) -> None:
    """No value holds line breaks, control characters or bytes that are no text."""
    if len(text) > MAX_BYTES or not all(one.isprintable() for one in text):
        raise UnmetError(f"{what} holds more than one line of text")


def environment() -> Mapping[str, str]:
    """The variables of this process."""
    return os.environ
