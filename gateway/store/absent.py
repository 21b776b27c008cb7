"""Imports without what they would bring along and do not need."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def absent(*names: str) -> Iterator[None]:
    """Let modules not yet imported look as if they were not installed.

    sqlite-utils imports numpy and pandas where they are, and needs neither here; the daemon would
    keep them in memory for good, numpy alone with 15 MB.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None: cannot be imported
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
