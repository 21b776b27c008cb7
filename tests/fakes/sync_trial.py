"""One trial of one sink: a sender that is killed again and again, its engine, too, and a bad line.

At the end the engine is read: every reading once, none twice, each stream in its order.
"""

import json
import random
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.fakes.clouds import CLOUDS, Cloud
from tests.fakes.sync_senders import Child, Dishonest, Sender


@dataclass(slots=True)
class Outcome:
    """What came of it."""

    sink: str
    rows: int
    seed: int
    fault: str = ""
    seconds: float = 0.0
    sender_kills: int = 0
    engine_kills: int = 0
    line: dict[str, int] = field(default_factory=dict)
    """What was done to the line, and how often."""
    streams: int = 0
    """In which the rows came: lanes."""
    finished: bool = False
    """The sender says that it has sent everything."""
    sent: int = 0
    """As its counters have it."""
    found: int = 0
    lost: int = 0
    double: int = 0
    in_order: bool = True

    @property
    def good(self) -> bool:
        counted = (self.found, self.lost, self.double) == (self.rows, 0, 0)
        return self.finished and counted and self.in_order

    def __str__(self) -> str:
        return json.dumps(asdict(self))


class Trial:
    """A sender, and what happens to it."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        rows: int,
        seed: int = 1,
        fault: str = "",
        odds: float = 0.01,
        lives_s: tuple[float, float] | None = None,
        engine_every: int = 3,
        most_kills: int = 1_000,
    ) -> None:
        """``fault``: of a dishonest sender; without it the gateway's own process sends.

        ``lives_s``: how long a sender lives, from and to; ``engine_every``: so many deaths of
        senders are followed by one of the engine; ``most_kills``: of senders, then it is calm.
        """
        self._most_kills = most_kills
        self._engine_every = engine_every
        self._random = random.Random(seed)
        self._cloud: Cloud = CLOUDS[kind](folder, odds, seed)
        self._lives_s = lives_s or self._cloud.lives_s
        self._log = folder / "sender.log"
        self._sender: Sender
        if fault:
            told = {"kind": kind, "settings": self._cloud.settings, "rows": rows, "fault": fault}
            self._sender = Dishonest(folder, told, seed)
        else:
            self._sender = Child(folder, kind, self._cloud.settings, rows)
        self.outcome = Outcome(kind, rows, seed, fault)

    def run(self, deadline_s: float, least_kills: int) -> Outcome:
        """Until every row is sent, or the time is over."""
        try:
            began = time.monotonic()
            while time.monotonic() < began + deadline_s:
                late = time.monotonic() > began + deadline_s * 0.8
                calm = late or self.outcome.sender_kills >= self._most_kills
                if calm:
                    self._cloud.calm()
                if self._life(deadline_s if calm else self._random.uniform(*self._lives_s)):
                    self.outcome.finished = True
                    break
            self.outcome.seconds = round(time.monotonic() - began, 1)
            self._count()
            if self.outcome.sender_kills < least_kills:
                raise AssertionError(f"only {self.outcome.sender_kills} kills: {self.outcome}")
            return self.outcome
        finally:
            self._sender.close()
            self._cloud.close()

    def _life(self, seconds: float) -> bool:
        """Of one sender; whether it came to its end."""
        with self._log.open("ab") as log:
            done = self._sender.live(seconds, log)
        if not done:
            self.outcome.sender_kills += 1
            if self.outcome.sender_kills % self._engine_every == 0:
                self._cloud.kill()
                self.outcome.engine_kills += 1
        return done

    def _count(self) -> None:
        outcome = self.outcome
        outcome.line = dict(self._cloud.faults())
        outcome.sent = self._sender.sent
        outcome.streams = len(streams := self._cloud.values())
        values = [value for held in streams.values() for value in held]
        outcome.found = len(values)
        outcome.lost = len(set(map(float, range(1, outcome.rows + 1))) - set(values))
        outcome.double = len(values) - len(set(values))
        outcome.in_order = all(held == sorted(held) for held in streams.values())
