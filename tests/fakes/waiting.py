"""Waiting for something to become true, with a deadline."""

import time
from collections.abc import Callable

import pytest

PATIENCE_S = 60.0
"""Only a test that fails waits this long; a busy machine may need much of it."""


def wait_until(condition: Callable[[], object], what: str, deadline_s: float = PATIENCE_S) -> None:
    """Look again and again until it is true, for as long as the deadline allows.

    A document that has not come yet, or has not all of its keys yet, is not the end of it.
    """
    until = time.monotonic() + deadline_s
    pause_s, missing = 0.002, ""
    while True:
        try:
            if condition():
                return
            missing = ""
        except LookupError as error:
            missing = f"; at last there was no {error}"
        if time.monotonic() > until:
            pytest.fail(f"waited {deadline_s} s: {what}{missing}")
        time.sleep(pause_s)
        pause_s = min(1.2 * pause_s, 0.02)  # looking takes time from what is waited for


def let_pass(seconds: float) -> None:
    """Let real time pass, for what only time can bring about."""
    until = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= until, "time passes", seconds + 5)
