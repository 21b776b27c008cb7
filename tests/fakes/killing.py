"""The real daemon, but it ends itself by SIGKILL when it passes a point that a file names.

Run as ``python killing.py run --config FILE``. The file ``armed`` in its folder names the point;
``passed`` gets every point that was passed; while there is a file ``refuse``, the limits refuse.

A point is ``made FROM>STEP`` (the step was taken, in memory only), ``storing STATE`` (the batch
with it is about to be written), ``written STATE`` (its rows are, but nothing is committed),
``stored STATE`` (committed, and nobody knows yet), or one of ``WIRE``.
"""

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.core.commands import TRANSITIONS, State, Step

ARMED, PASSED, REFUSE = Path("armed"), Path("passed"), Path("refuse")
BRIEF = frozenset({State.PROPOSED, State.CHECKED})
"""States that no row ever has: a command leaves them in the same breath."""
NEVER = frozenset({(State.CHECKED, Step.REFUSE)})
"""Moves that the table allows and nothing makes: limits are asked before ``check``."""
WIRE = ("publishing", "handed over", "on the wire", "answered")
"""Before the publish; when the network thread has it; written to the socket, before the PUBACK is
read; when the PUBACK is known."""


def moves() -> list[tuple[State, Step]]:
    """Every move of the table that can be made."""
    every = [(state, step) for state, steps in TRANSITIONS.items() for step in steps]
    return [move for move in every if move not in NEVER]


def points() -> list[str]:
    """Every point, from the table."""
    kept = [state for state in State if state not in BRIEF]
    return [
        *(f"made {state.value}>{step.value}" for state, step in moves()),
        *(f"{when} {state.value}" for when in ("storing", "written", "stored") for state in kept),
        *WIRE,
    ]


def passes(point: str) -> None:
    """End here, if this is the point."""
    with PASSED.open("a") as passed:
        passed.write(point + "\n")
    if ARMED.exists() and ARMED.read_text() == point:
        ARMED.unlink()
        os.kill(os.getpid(), signal.SIGKILL)


def _order(outgoing: Any) -> bool:
    return bool(outgoing.topic.endswith("/command/down"))


def watch_steps() -> None:
    """Every module that moves commands does so past us."""
    from gateway.core import commands

    real = commands.step

    def step(command: Any, what: Step, **changes: object) -> Any:
        moved = real(command, what, **changes)
        passes(f"made {command.state.value}>{what.value}")
        return moved

    for name, module in list(sys.modules.items()):
        if name.startswith("gateway.") and getattr(module, "step", None) is real:
            module.step = step  # type: ignore[attr-defined]


def watch_store() -> None:
    from gateway.store import writer

    commit, upsert = writer.Store.commit, writer.upsert

    def passing(when: str, batch: Any) -> None:
        for command in batch.commands:
            passes(f"{when} {command.state.value}")

    def storing(self: Any, batch: Any) -> Any:
        passing("storing", batch)
        committed = commit(self, batch)
        passing("stored", batch)
        return committed

    def written(connection: Any, batch: Any) -> None:
        upsert(connection, batch)
        passing("written", batch)

    writer.Store.commit, writer.upsert = storing, written  # type: ignore[method-assign,assignment]


def watch_wire() -> None:
    from gateway.adapters.mqtt_paho import StockConnection
    from gateway.daemon.act import Act
    from gateway.daemon.links import Link

    publish, send, delivered = Link.publish, StockConnection.send, Act._delivered

    def publishing(self: Any, outgoing: Any, **more: Any) -> None:
        if _order(outgoing):
            passes("publishing")
        publish(self, outgoing, **more)
        if _order(outgoing):
            passes("handed over")

    def sending(self: Any, outgoing: Any, *rest: Any) -> int:
        number = send(self, outgoing, *rest)
        if _order(outgoing):
            while self.want_write():
                self.loop_write()
            passes("on the wire")
        return number

    def answered(self: Any, *rest: Any) -> None:
        passes("answered")
        delivered(self, *rest)

    Link.publish = publishing  # type: ignore[method-assign,assignment]
    StockConnection.send = sending  # type: ignore[method-assign]
    Act._delivered = answered  # type: ignore[method-assign]


def watch_limits() -> None:
    """Limits that refuse at the last moment, whenever we want."""
    from gateway.daemon.permits import Permits

    for name in ("decided", "again"):
        real = getattr(Permits, name)

        def asked(self: Any, one: Any, real: Callable[..., str] = real) -> str:
            return real(self, one) or ("planted" if REFUSE.exists() else "")

        setattr(Permits, name, asked)


# -- faults that the rig must find ----------------------------------------------------------------


def publish_first() -> None:
    """A daemon that publishes, then stores."""
    from gateway.daemon.act import Act

    real = Act._send

    async def send(self: Any, ready: Any) -> None:
        for command, outgoing in ready:
            for one in outgoing:
                self._link(command).publish(one, expires_s=30.0, done=lambda *_: None)
        import asyncio

        await asyncio.sleep(0.2)  # it is on the wire
        self._publish = lambda *_: None
        await real(self, ready)

    Act._send = send  # type: ignore[method-assign]


def send_again() -> None:
    """A daemon that sends what it finds unanswered."""
    from dataclasses import replace

    from gateway.daemon.act import Act

    real = Act.restore

    def restore(self: Any, commands: Any) -> None:
        real(self, [replace(c, state=State.STORED, sent_mono_ms=None) for c in commands])

    Act.restore = restore  # type: ignore[method-assign]


def forget() -> None:
    """A daemon that takes up nothing."""
    from gateway.store.writer import Store

    Store.open_commands = lambda _self: []  # type: ignore[method-assign]


FAULTS: dict[str, Callable[[], None]] = {
    "publish first": publish_first,
    "send again": send_again,
    "forget": forget,
}


def main() -> None:
    fault = os.environ.get("KILLING_FAULT", "")
    import gateway.daemon.app
    from gateway.cli.main import main as run

    del gateway
    if fault:
        FAULTS[fault]()
    watch_steps()
    watch_store()
    watch_wire()
    watch_limits()
    run()


if __name__ == "__main__":
    main()
