"""A gateway of a fleet with a planted fault: ``python -m tests.fakes.fleet_faults FAULT run ...``.

``no fence``: each member has a commander's name of its own, so the broker ends nobody's connection,
and whoever slept commands on. ``no books``: nobody listens to what the others commanded.
"""

import sys
from typing import Any

from gateway.cli.main import main
from gateway.core.fleet import Fleet
from gateway.daemon.books import Books
from gateway.daemon.commander import Commander


def _no_fence() -> None:
    fenced, heard = Fleet.client_id, Commander.heard
    Fleet.client_id = lambda self, slot: f"{fenced(self, slot)}-{self.me}"

    def deaf(self: Commander, name: str, payload: bytes) -> None:
        if not self.seat.holding:
            heard(self, name, payload)

    Commander.heard = deaf
    made = Commander.__init__

    def patient(self: Commander, *args: Any) -> None:
        made(self, *args)
        object.__setattr__(self._broker, "keepalive_s", 60)

    Commander.__init__ = patient


def _no_books() -> None:
    Books.told = lambda *_args, **_more: None
    Books.seen = lambda *_args: None


FAULTS = {"no fence": _no_fence, "no books": _no_books}

if __name__ == "__main__":
    FAULTS[sys.argv.pop(1)]()
    main()
