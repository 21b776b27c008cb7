"""The process: one thread per lane of each sink, and one that reports to the daemon.

What it is told comes as lines on its standard input: the spec, then ``{"clock_ok": ...}`` whenever
that changes. What it tells goes out as lines of JSON: an ``event`` when something is news, and once
a second the ``lanes`` where they changed. It ends when its input does, or with SIGTERM.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from gateway import registry
from gateway.adapters.pseudonym_key import open_pseudonyms
from gateway.core import choices
from gateway.core.batches import Lane as Name
from gateway.core.batches import Stream
from gateway.core.pseudonyms import Pseudonyms
from gateway.core.sync_pace import Now, Patience
from gateway.errors import GatewayError
from gateway.store.sync_entries import Key
from gateway.store.sync_ledger import Ledger
from gateway.sync.book import Book
from gateway.sync.cutter import Cutter
from gateway.sync.lane import Lane
from gateway.sync.pacing import Pacing
from gateway.sync.spec import SinkSpec, Spec
from gateway.sync.supply import Supply

REPORT_S: Final = 1.0
END_S: Final = 1.0
"""How long lanes may take to end; a call that hangs is left hanging."""
LONGEST_S: Final = 5.0
"""A lane looks up at least so often."""
_KNOWN: Final = ("seq", "position", "sent", "refused", "skipped", "lost")

Say = Callable[[dict[str, Any]], None]


class Clock:
    """The machine's clocks; whether the wall clock is right the daemon says."""

    def __init__(self) -> None:
        """Nobody has said it yet."""
        self.ok = False

    def now(self) -> Now:
        """This moment."""
        mono_ms = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000_000
        return Now(time.time_ns() // 1_000_000, mono_ms, self.ok)


@dataclass(frozen=True, slots=True)
class Shared:
    """What all lanes use."""

    spec: Spec
    ledger: Ledger
    names: Pseudonyms | None
    clock: Clock
    say: Say
    stop: threading.Event


class Worker:
    """One lane in a thread of its own; begun anew when it fails, and only it."""

    def __init__(self, shared: Shared, sink: SinkSpec, name: Name, pacing: Pacing) -> None:
        """Nothing is opened yet."""
        self._shared = shared
        self._sink = sink
        self._name = name
        self._pacing = pacing
        self._lane: Lane | None = None
        self._patience = Patience(random.random)
        self._error = ""
        self.key = Key(sink.name, name.value)
        self.thread = self._thread()

    def _thread(self) -> threading.Thread:
        return threading.Thread(target=self._run, name="/".join(self.key), daemon=True)

    def look(self) -> None:
        """From the main thread: begin anew when it ended, but not at once."""
        if self.thread.is_alive() or self._patience.wait(self._shared.clock.now()).ms:
            return
        self.thread = self._thread()
        self.thread.start()

    def failed(self, error: BaseException | str) -> None:
        """It ended with an error."""
        self._error = str(error) or type(error).__name__
        self._patience.failed(self._shared.clock.now())
        self.close()

    def close(self) -> None:
        """End a call that hangs."""
        lane = self._lane
        if lane is not None:
            lane.close()

    def _run(self) -> None:
        shared = self._shared
        try:
            cutter = Cutter(
                Path(shared.spec.database), self._sink.chosen(), self._name, shared.names
            )
            try:
                self._lane = lane = self._made(cutter)
                while not shared.stop.is_set():
                    wait_ms = lane.step()
                    self._error = ""
                    if wait_ms:
                        shared.stop.wait(min(wait_ms / 1000, LONGEST_S))
            finally:
                self.close()
                cutter.close()
        except (GatewayError, ValueError) as error:
            self.failed(error)
            self._tell("sync_lane_failed", error=str(error))

    def _made(self, cutter: Cutter) -> Lane:
        shared, sink = self._shared, self._sink
        supply = Supply(self.key, cutter, shared.ledger, sink.backfill)
        book = Book(shared.spec.gateway, shared.ledger, supply, lambda: os.urandom(4).hex())
        settings = sink.made()
        kind: Any = registry.find("sinks", sink.kind)

        def make(stream: Stream) -> Any:
            return kind(settings, stream)

        patience = Patience(random.random)
        parts = (make, book, self._pacing, patience, shared.clock, self._tell, sink.every_ms)
        return Lane(self._name, *parts)

    def _tell(self, event: str, /, **keys: object) -> None:
        self._shared.say({"event": event, **self.key._asdict(), **keys})

    def document(self) -> dict[str, Any]:
        """How it gets on."""
        state, now = self._shared.ledger.state(self.key), self._shared.clock.now()
        lane = self._lane
        told = {
            "sink": self.key.sink,
            "lane": self.key.lane,
            "kind": self._sink.kind,
            "bytes_today": self._pacing.today(now),
            "budget": self._sink.budget,
            **{name: getattr(state, name) for name in _KNOWN},
        }
        if lane is None:
            return told | {"state": "failed" if self._error else "rest", "error": self._error}
        figures = lane.figures
        return told | {
            "state": figures.state,
            "connected": figures.connected,
            "waits": figures.waits,
            "error": self._error or figures.error,
            "left": figures.left,
            "rows_per_s": round(figures.rate(now.mono_ms), 1),
            "done_s": figures.done_s(now.mono_ms),
        }


def workers(shared: Shared) -> Iterator[Worker]:
    """One for each lane that has something to carry."""
    for sink in shared.spec.sinks:
        pacing = Pacing(sink.name, sink.allowance(), shared.ledger)
        for name in choices.lanes(sink.chosen()):
            if name is not Name.BACKFILL or sink.backfill != "none":
                yield Worker(shared, sink, name, pacing)


def run(spec: Spec) -> None:
    """Send until told to stop.

    Raises:
        GatewayError: the ledger cannot be used, or a sink is none.
    """
    stop, clock, lock = threading.Event(), Clock(), threading.Lock()

    def say(told: dict[str, Any]) -> None:
        with lock:
            sys.stdout.write(json.dumps(told, ensure_ascii=False) + "\n")
            sys.stdout.flush()

    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C on the terminal is for the daemon
    ledger = Ledger.open(Path(spec.ledger), clock.now().at_ms)
    every = list(workers(Shared(spec, ledger, _names(spec), clock, say, stop)))
    threading.excepthook = lambda gone: _died(gone, every)
    threading.Thread(target=_listen, args=(clock, stop), name="ear", daemon=True).start()
    _report(every, stop, say)
    _end(every, ledger)


def _names(spec: Spec) -> Pseudonyms | None:
    """Pseudonyms, where a cloud gets them."""
    if not any(sink.chosen().pseudonyms for sink in spec.sinks):
        return None
    named = Path(spec.key_file) if spec.key_file else None
    return open_pseudonyms(named, Path(spec.own_key_file))


def _died(gone: threading.ExceptHookArgs, every: list[Worker]) -> None:
    """A sink of somebody's had a bug: it costs its lane."""
    sys.__excepthook__(gone.exc_type, gone.exc_value or gone.exc_type(), gone.exc_traceback)
    for worker in every:
        if worker.thread is gone.thread:
            worker.failed(gone.exc_value or gone.exc_type.__name__)


def _listen(clock: Clock, stop: threading.Event) -> None:
    """What the daemon says; when it says no more, it is gone."""
    for line in sys.stdin:
        clock.ok = bool(json.loads(line).get("clock_ok", clock.ok))
    stop.set()


def _report(every: list[Worker], stop: threading.Event, say: Say) -> None:
    """Once a second, where something changed."""
    before: list[dict[str, Any]] = []
    while True:
        for worker in every:
            worker.look()
        lanes = [worker.document() for worker in every]
        if lanes != before:
            say({"lanes": lanes})
            before = lanes
        if stop.wait(REPORT_S):
            return


def _end(every: list[Worker], ledger: Ledger) -> None:
    """End in order, but not later than ``END_S``: what hangs in a network call stays there."""
    until = time.monotonic() + END_S
    for worker in every:
        worker.close()
    for worker in every:
        worker.thread.join(max(0.0, until - time.monotonic()))
    ledger.close()
    sys.stdout.flush()
    os._exit(0)
