"""What the daemon tells the process of the metrics at its start, as one line of JSON."""

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class ScrapeSpec:
    """Where it listens, and what who asks must show."""

    host: str
    port: int
    parent: int
    """The daemon's process id."""
    token_file: str = ""
    cert_file: str = ""
    key_file: str = ""

    def line(self) -> bytes:
        """As it is sent."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes | str) -> Self:
        """Read what ``line`` wrote.

        Raises:
            ValueError, TypeError: it is none.
        """
        return cls(**json.loads(line))
