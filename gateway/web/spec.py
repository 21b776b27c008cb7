"""The spec: what the daemon tells the process of the page at its start, as one line of JSON.

The process must not read the user's file: what checks that takes 20 MB of memory.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True, slots=True)
class Spec:
    """Where it listens, who may what, and what there is to be shown."""

    gateway: str
    name: str
    host: str
    port: int
    parent: int
    """The daemon's process id."""
    database: str
    file: str
    """The user's file."""
    accounts: str = ""
    """The file of people and their passwords; empty: nobody signs in."""
    guest: str = "viewer"
    """The role of whoever did not sign in; only without ``accounts``."""
    cert_file: str = ""
    key_file: str = ""
    hosts: tuple[str, ...] = ()
    """Further names under which browsers reach it."""
    clients: int = 64
    """Most pages that are told what changes."""
    fleet: bool = False
    assets: Mapping[str, Any] = field(default_factory=dict)
    """Asset -> ``name``, ``metrics``, ``actions`` and ``policies``, as the file has them."""

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes | str) -> Self:
        """Read what ``line`` wrote.

        Raises:
            ValueError, TypeError, KeyError: it is none.
        """
        told = json.loads(line)
        return cls(**{**told, "hosts": tuple(told["hosts"])})
