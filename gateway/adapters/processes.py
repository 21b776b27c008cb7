"""What holds for every process beside the daemon: its environment and its memory."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

KEPT: Final = ("PATH", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "HOME", "TMPDIR")
"""Of our environment every one sees these: no secrets, no notify socket, no credentials."""


def environment(*also: str, **own: str) -> Mapping[str, str]:
    """What a process of this very package sees.

    Args:
        also: names of our environment that it sees, too.
        own: what is said to it alone.
    """
    kept = {name: os.environ[name] for name in (*KEPT, *also) if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).resolve().parents[2]), **own}


def resident_bytes(pid: int) -> int:
    """Memory that a process has in use; 0 when it is gone."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text("ascii").split()[1]
    except (OSError, IndexError):
        return 0
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
