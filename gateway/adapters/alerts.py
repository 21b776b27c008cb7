"""Alerts: letters to people, handed to Apprise by a child process, from a thread of their own.

The thread starts one child per letter and waits for it, so a service that hangs holds up other
letters for ``LIMIT_S`` at most, and the daemon never.
"""

import json
import queue
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

LIMIT_S: Final = 60.0
"""A child that takes longer is killed: the letter did not arrive, as far as anybody can tell."""
WAITING: Final = 16
"""Letters that wait for the one before them; more are refused, and tried again later."""


class Parcel(NamedTuple):
    """One letter to one address."""

    key: str
    """Whose it is; comes back with the outcome."""
    to_file: str
    line: int
    title: str
    body: str


def deliver(parcel: Parcel, limit_s: float = LIMIT_S) -> str:
    """Send it now, and wait; why it did not arrive, empty when it did."""
    asked = {name: getattr(parcel, name) for name in ("to_file", "line", "title", "body")}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gateway.adapters.alert_child"],
            input=json.dumps(asked).encode(),
            capture_output=True,
            timeout=limit_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"no answer within {limit_s:g} s"
    except OSError as error:
        return str(error)
    try:
        return str(json.loads(done.stdout)["error"])
    except (ValueError, KeyError, TypeError):
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        return f"the process ended with {done.returncode}: {last[:200]}"


class Courier:
    """The thread; every method may be called from any other."""

    def __init__(self, on_outcome: Callable[[str, str], None]) -> None:
        """``on_outcome(key, error)`` is called from the thread; it must not raise."""
        self._on_outcome = on_outcome
        self._waiting: queue.Queue[Parcel] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def send(self, parcel: Parcel) -> bool:
        """Take a parcel; False when too many wait."""
        if self._thread is None:  # a daemon that never has news needs no thread
            self._thread = threading.Thread(target=self._run, name="alerts", daemon=True)
            self._thread.start()
        try:
            self._waiting.put_nowait(parcel)
        except queue.Full:
            return False
        return True

    def _run(self) -> None:
        while True:
            parcel = self._waiting.get()
            self._on_outcome(parcel.key, deliver(parcel))
