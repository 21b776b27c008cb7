"""A plant whose gateway is killed at a named point; and an oracle over the wire and the store.

The plant switches a pump by way of ChirpStack, since there a command carries its id on the wire.
Commands go over a line of their own that can be cut; people and the probe are heard on another.
"""

import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from gateway.core.commands import TERMINAL, TRANSITIONS, State, Step
from tests.fakes import killing
from tests.fakes.daemon import ROOT, Daemon
from tests.fakes.line import Line
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import let_pass, wait_until

EUI, APP = "0011223344556677", "9c7c5a1e-0000-4000-8000-000000000001"
FILE = f"""
gateway: {{id: here, broker: local}}
brokers:
  local: {{host: 127.0.0.1, port: LOCAL}}
  radio: {{host: 127.0.0.1, port: RADIO}}
sources:
  lora: {{bridge: chirpstack, broker: radio}}
  plc: {{bridge: json, broker: local, topic: "plc/{{device}}"}}
store: {{path: gateway.db, min_free_bytes: 1MiB}}
log: {{level: info, format: json}}
assets:
  pump:
    metrics:
      heat: {{from: plc/probe}}
      power: {{from: lora/{EUI}, path: object.power}}
    actions:
      stop:
        to: lora/{EUI}
        set: {{data: "AQ=="}}
        options: {{port: 10}}
        expires: 30s
        deadline: 5s
      brief:
        to: lora/{EUI}
        set: {{data: "Ag=="}}
        options: {{port: 10}}
        expires: 1s
        deadline: 1s
    verdicts:
      - {{rule: "heat > 90", label: alarm}}
    policy:
      - {{when: alarm, do: stop, mode: act}}
"""
EVENT = f"application/{APP}/device/{EUI}/event"
INFO = {"devEui": EUI, "applicationId": APP, "deviceClassEnabled": "CLASS_C"}
TRIES = 3
"""A machine that is too slow may miss a deadline of the plant on the way to a point."""


class KilledError(Exception):
    """The daemon has ended itself."""


class Plant:
    """The pump, its radio, its people, and the gateway, which may die at any time."""

    def __init__(
        self,
        folder: Path,
        local: Mosquitto,
        radio: Mosquitto,
        fault: str = "",
        *,
        chance: random.Random | None = None,
    ) -> None:
        """With ``chance`` the line to the radio breaks and stalls by itself."""
        self.folder = folder
        self.line = Line(radio.port, chance=chance, breaks=0.02)
        self._near = Peer(local.port, "edge/#")
        self._far = Peer(radio.port, f"application/{APP}/device/{EUI}/command/down")
        text = FILE.replace("LOCAL", str(local.port)).replace("RADIO", str(self.line.port))
        launcher = str(Path(killing.__file__))
        environment = {"KILLING_FAULT": fault}
        self.daemon = Daemon(folder, text, program=[launcher], environment=environment)
        self.kills = 0
        self._mute = bool(fault)
        """An answer that comes by chance in time would hide a fault."""
        self._heat = 95.0

    def __enter__(self) -> Self:
        self.line.__enter__()
        try:
            self.daemon.__enter__()
            self.listening()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.daemon.__exit__(kind, error, traceback)
        self.line.__exit__(kind, error, traceback)
        for peer in (self._near, self._far):
            peer.__exit__(kind, error, traceback)

    # -- what can be seen -------------------------------------------------------------------------

    @property
    def wire(self) -> list[str]:
        """The ids of the commands that were published, in order."""
        return [json.loads(payload)["id"] for _, payload, _ in list(self._far.heard)]

    def states(self) -> dict[str, State]:
        """Where every command of the store stands, oldest first."""
        rows = self.daemon.rows("SELECT id, state FROM command ORDER BY id")
        return {id_: State(state) for id_, state in rows}

    def open(self) -> list[str]:
        """Commands that have no outcome yet."""
        return [id_ for id_, state in self.states().items() if state not in TERMINAL]

    def passed(self) -> set[str]:
        """Every point that was passed so far."""
        passed = self.folder / killing.PASSED
        return set(passed.read_text().splitlines()) if passed.exists() else set()

    def until(self, condition: Callable[[], object], what: str, deadline_s: float = 60.0) -> None:
        """Wait for something, or for the daemon's own end.

        Raises:
            KilledError: it has ended itself.
        """
        wait_until(lambda: self.died or condition(), what, deadline_s)
        if self.died:
            raise KilledError

    @property
    def died(self) -> bool:
        """It has ended."""
        return self.daemon.process.poll() is not None

    # -- what happens -----------------------------------------------------------------------------

    def listening(self) -> None:
        """Wait until it hears both lines: what is told now changes something."""
        before = len(self.daemon.values("heat")), len(self.daemon.values("power"))
        pause = time.monotonic()

        def heard() -> bool:
            nonlocal pause
            if time.monotonic() >= pause:
                pause = time.monotonic() + 0.3
                self._say("up", fCnt=1, object={"power": 900.0})
                self._near.publish("plc/probe", json.dumps({"heat": 20.0}))
            now = len(self.daemon.values("heat")), len(self.daemon.values("power"))
            return now[0] > before[0] and now[1] > before[1]

        self.until(heard, "it listens")

    def _say(self, event: str, **fields: Any) -> None:
        if self._mute and event == "ack":
            return
        self._far.publish(f"{EVENT}/{event}", json.dumps({"deviceInfo": INFO, **fields}))

    def hot(self) -> None:
        """It is too hot: the policy wants the pump stopped."""
        self._heat += 0.001
        self._near.publish("plc/probe", json.dumps({"heat": self._heat}))

    def force(self, action: str) -> None:
        """A person wants something done."""
        body = {"force": action, "author": "eve", "transaction": str(time.monotonic_ns())}
        self._near.publish("edge/here/asset/pump/override/set", json.dumps(body))

    def sent(self, count: int) -> None:
        """Wait until that many commands were on the wire."""
        self.until(lambda: len(self.wire) >= count, "an order")

    def queued(self) -> None:
        self._say("txack", queueItemId=self.wire[-1])

    def answer(self, *, done: bool = True) -> None:
        self._say("ack", queueItemId=self.wire[-1], acknowledged=done)

    def is_in(self, *wanted: State) -> None:
        """Wait until the newest command is there."""
        self.until(lambda: [*self.states().values()][-1:] in [[one] for one in wanted], f"{wanted}")

    def cut(self) -> None:
        self.line.cut()
        lost = len(self.daemon.logged("broker_lost"))
        self.until(lambda: len(self.daemon.logged("broker_lost")) > lost, "the line is cut")

    def mend(self) -> None:
        self.line.mend()

    def refuse(self, *, on: bool) -> None:
        """The limits refuse at the last moment, or no longer."""
        file = self.folder / killing.REFUSE
        file.touch() if on else file.unlink(missing_ok=True)

    # -- killing it -------------------------------------------------------------------------------

    def kill_at(self, point: str) -> bool:
        """Take the road to a point; whether it died there. It runs again afterwards, and all ends.

        Raises:
            AssertionError: what was wanted was forgotten.
        """
        road = road_to(point)
        count = len(self.states())
        for _ in range(TRIES):
            known = set(self.states())
            armed = self.folder / killing.ARMED
            armed.write_text(point)
            try:
                road(self, len(self.wire))
                self.until(
                    lambda: len(self.states()) > count and not self.open(), "everything has ended"
                )
            except KilledError:
                assert not armed.exists(), self.daemon.text[-3000:]
            died = not armed.exists()  # it takes the file away right before its end
            armed.unlink(missing_ok=True)
            if died:
                assert self.daemon.ended() == -9, self.daemon.text[-3000:]
            self._recover(known, died=died)
            self.kills += died
            if died:
                return True
        return False

    def _recover(self, known: set[str], *, died: bool) -> None:
        """The machine starts it again; the plant answers what it got; the alarm is still there."""
        self.mend()
        self.refuse(on=False)
        if died:
            self.daemon.start()
            self.listening()
        self._answer_all()
        if set(self.states()) <= known:  # it died before anything was stored: it is wanted still
            self.hot()
            wait_until(lambda: set(self.states()) - known, "it is not forgotten", 20)
            self._answer_all()
        self._calm()

    def _answer_all(self) -> None:
        def ended() -> bool:
            for id_ in self.open():
                if id_ in self.wire:
                    self._say("ack", queueItemId=id_, acknowledged=True)
            return not self.open()

        wait_until(ended, "every command has an outcome", 20)

    def _calm(self) -> None:
        """The alarm is over: the next one is a new one."""
        query = "SELECT event FROM decision WHERE policy LIKE '%/policy/%' ORDER BY rowid DESC"
        pause = 0.0

        def over() -> bool:
            nonlocal pause
            if time.monotonic() >= pause:
                pause = time.monotonic() + 0.5
                self._near.publish("plc/probe", json.dumps({"heat": 20.0}))
            return self.daemon.rows(query)[:1] in ([], [("cleared",)])

        wait_until(over, "the alarm is over")
        self._answer_all()

    def storm(self, alarms: int, chance: random.Random) -> int:
        """Alarms in a row, on a bad day; returns how often it was killed meanwhile."""
        kills = 0
        for _ in range(alarms):
            self.hot()
            self._answer_by(chance)
            if chance.random() < 0.05:
                self.force(chance.choice(("stop", "brief", "explode")))
            if chance.random() < 0.04:
                self.line.cut()
            elif chance.random() < 0.3:
                self.mend()
            if chance.random() < 0.04:
                kills += 1
                self.daemon.kill()
                self.daemon.start()
            self._calm_by(chance)
        self.mend()
        self.listening()
        self._answer_all()
        return kills

    def _answer_by(self, chance: random.Random) -> None:
        """Answers are lost, doubled, late, wrong, or for what was over long ago."""
        let_pass(chance.choice((0.0, 0.02, 0.1)))
        for id_ in self.wire[-3:]:
            fate = chance.random()
            if fate < 0.4:
                self._say("txack", queueItemId=id_)
            if 0.2 < fate < 0.8:
                for _ in range(1 + (fate < 0.3)):
                    self._say("ack", queueItemId=id_, acknowledged=fate > 0.25)

    def _calm_by(self, chance: random.Random) -> None:
        for _ in range(chance.randint(1, 2)):
            self._near.publish("plc/probe", json.dumps({"heat": chance.uniform(10, 30)}))


# -- the roads ------------------------------------------------------------------------------------

Road = Callable[[Plant, int], None]
"""Takes the plant, and how many commands were on the wire before."""


def road(*moves: Callable[[Plant], object], by: Callable[[Plant], object] = Plant.hot) -> Road:
    """Something wants a command, it is sent, and then this happens."""

    def take(plant: Plant, before: int) -> None:
        by(plant)
        plant.sent(before + 1)
        for move in moves:
            move(plant)

    return take


def waiting(*moves: Callable[[Plant], object], action: str) -> Road:
    """A person wants it while the line is cut; it waits, and then this happens."""

    def take(plant: Plant, _before: int) -> None:
        plant.cut()
        plant.force(action)
        known = len(plant.states())
        plant.until(lambda: len(plant.states()) > known or not plant.open(), "it waits")
        for move in moves:
            move(plant)

    return take


def refused(plant: Plant, _before: int) -> None:
    plant.refuse(on=True)
    known = len(plant.states())
    plant.force("stop")
    plant.until(lambda: len(plant.states()) > known, "it is refused")


def brief(plant: Plant) -> None:
    plant.force("brief")


def accepted(plant: Plant) -> None:
    plant.queued()
    plant.is_in(State.ACCEPTED, State.TIMEOUT)


ROADS: Mapping[tuple[State, Step], Road] = {
    (State.PROPOSED, Step.CHECK): road(Plant.answer),
    (State.PROPOSED, Step.REFUSE): refused,
    (State.CHECKED, Step.STORE): road(Plant.answer),
    (State.STORED, Step.SEND): road(Plant.answer, by=lambda plant: plant.force("stop")),
    (State.STORED, Step.EXPIRE): waiting(lambda plant: plant.is_in(State.EXPIRED), action="brief"),
    (State.STORED, Step.REFUSE): waiting(
        lambda plant: plant.is_in(State.STORED),
        lambda plant: plant.refuse(on=True),
        Plant.mend,
        lambda plant: plant.is_in(State.REFUSED),
        action="stop",
    ),
    (State.SENT, Step.ACCEPT): road(accepted, Plant.answer),
    (State.SENT, Step.CONFIRM): road(Plant.answer),
    (State.SENT, Step.FAIL): road(lambda plant: plant.answer(done=False)),
    (State.SENT, Step.DEADLINE): road(by=brief),
    (State.ACCEPTED, Step.ACCEPT): road(accepted, Plant.queued, Plant.answer),
    (State.ACCEPTED, Step.CONFIRM): road(accepted, Plant.answer),
    (State.ACCEPTED, Step.FAIL): road(accepted, lambda plant: plant.answer(done=False)),
    (State.ACCEPTED, Step.DEADLINE): road(accepted, by=brief),
}
WAITS = waiting(
    lambda plant: plant.is_in(State.STORED),
    Plant.mend,
    lambda plant: plant.until(lambda: State.SENT in plant.states().values(), "it is sent"),
    Plant.answer,
    action="stop",
)


def road_to(point: str) -> Road:
    """How to come to a point."""
    if point in killing.WIRE:
        return road(Plant.answer)
    kind, _, what = point.partition(" ")
    if kind == "made":
        state, _, step = what.partition(">")
        return ROADS[State(state), Step(step)]
    if what == State.STORED.value:
        return WAITS
    return next(ROADS[move] for move in killing.moves() if TRANSITIONS[move[0]][move[1]] == what)


# -- the oracle -----------------------------------------------------------------------------------


def findings(plant: Plant) -> list[str]:
    """What is wrong; the daemon has stopped."""
    wire, states = Counter(plant.wire), plant.states()
    told = [f"{id_}: {n} times on the wire" for id_, n in wire.items() if n > 1]
    told += [f"{id_}: on the wire, and not in the store" for id_ in wire if id_ not in states]
    told += [f"{id_}: ends as {state}" for id_, state in states.items() if state not in TERMINAL]
    query = (
        "SELECT c.id FROM command c LEFT JOIN decision d ON d.id = c.decision_id WHERE d.id IS NULL"
    )
    told += [f"{id_}: without its decision" for (id_,) in plant.daemon.rows(query)]
    return told + _lives(plant.daemon.rows(_LIVES)) + broken(plant.folder)


_LIVES = "SELECT subject, body FROM audit WHERE kind = 'command' ORDER BY seq"


def _lives(records: list[tuple[Any, ...]]) -> list[str]:
    """Every command's records follow the table, from its first row to its end."""
    after = {state: {state, *(to for to in steps.values())} for state, steps in TRANSITIONS.items()}
    last: dict[str, State] = {}
    told = []
    for id_, body in records:
        now = State(json.loads(body)["state"])
        if id_ in last and (last[id_] in TERMINAL or now not in after[last[id_]]):
            told.append(f"{id_}: {now} after {last[id_]}")
        last[id_] = now
    return told + [
        f"{id_}: its records end at {one}" for id_, one in last.items() if one not in TERMINAL
    ]


def broken(folder: Path) -> list[str]:
    """What ``edge-gateway audit verify`` finds wrong with the chain and the rows it tells of."""
    program = [
        sys.executable,
        "-m",
        "gateway",
        "audit",
        "verify",
        "--db",
        str(folder / "gateway.db"),
    ]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(program, capture_output=True, text=True, check=False, env=environment)
    return [] if done.returncode == 0 else [f"audit: {line}" for line in done.stdout.splitlines()]


FORGOTTEN = (AssertionError, pytest.fail.Exception)
"""What is raised when something that must come does not."""
