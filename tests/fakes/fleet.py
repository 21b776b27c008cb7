"""Several real gateways on one real broker, with pumps that obey, and an ear on everything said.

The ear does not believe the gateways: it counts what reaches the actuators, and holds each command
against the epochs that were announced before it, in the order in which the broker passed them on.
"""

import json
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from gateway.core.fleet import Member, owners
from gateway.store.reader import Reader
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import SWITCH, device, numeric

SITE = "plant"
HEAD = """
gateway: {id: ME}
brokers: {local: {host: 127.0.0.1, port: PORTMORE}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: info, format: json}
limits: {commands_per_minute: 1000}
fleet: {site: SITE, members: [MEMBERS], takeover: {give_back: 3s}}
assets:
"""
PUMP = """
  pump-N:
    metrics:
      temperature: {from: zigbee/probe-N, unit: degC}
      power: {from: zigbee/plug-N, unit: W}
    actions:
      stop: {to: zigbee/plug-N, set: {state: "OFF"}, proof: {metric: power, below: 5, within: 20s}}
    verdicts: [{rule: "temperature > 90", label: alarm}]
    policy: [{when: alarm, do: stop, mode: act}]
"""
FIRST = 5
"""The first pump: from there on the pumps of a few are spread over two members and over three."""
CONTROLS = ("no fence", "no books")


def file(me: str, members: Sequence[str], pumps: int, port: int, broker: str = "") -> str:
    """The file of one member; ``broker``: more settings of the broker."""
    text = HEAD.replace("{id: ME}", f"{{id: {me}}}").replace("SITE", SITE)
    text = text.replace("MEMBERS", ", ".join(members)).replace("PORTMORE", f"{port}{broker}")
    return text + "".join(PUMP.replace("N", str(n)) for n in numbers(pumps))


def numbers(pumps: int) -> range:
    """The pumps' own numbers."""
    return range(FIRST, FIRST + pumps)


@dataclass
class Heard:
    """One thing that the broker passed on."""

    at: float
    topic: str
    body: Any


@dataclass
class Plant:
    """The pumps on the broker: each obeys at once, and says so."""

    port: int
    pumps: int
    heard: list[Heard] = field(default_factory=list)
    credentials: tuple[str, str] | None = None

    def __post_init__(self) -> None:
        """Connect, and introduce the pumps."""
        self._ready = threading.Event()
        self._client = paho.Client(
            CallbackAPIVersion.VERSION2, client_id="plant", protocol=MQTTProtocolVersion.MQTTv5
        )
        self._client.on_message = lambda _c, _u, said: self._hear(said)
        self._client.on_subscribe = lambda *_: self._ready.set()
        if self.credentials is not None:
            self._client.username_pw_set(*self.credentials)
        self._client.max_inflight_messages_set(1000)
        self._client.connect("127.0.0.1", self.port)
        self._client.loop_start()
        topics = ("fleet/#", "zigbee2mqtt/+/set", "edge/+/availability", "edge/+/response/#")
        self._client.subscribe([(topic, 1) for topic in topics])
        assert self._ready.wait(10)
        devices = []
        for n in numbers(self.pumps):
            devices.append(device(2 * n + 1, f"plug-{n}", SWITCH, numeric("power")))
            devices.append(device(2 * n + 2, f"probe-{n}", numeric("temperature")))
        self._retain("bridge/state", {"state": "online"})
        self._retain(
            "bridge/info", {"version": "2.1.0", "config": {"advanced": {"cache_state": False}}}
        )
        self._retain("bridge/devices", devices)

    def _retain(self, topic: str, document: object) -> None:
        text = json.dumps(document)
        self._client.publish(f"zigbee2mqtt/{topic}", text, 1, retain=True).wait_for_publish(10)

    def _hear(self, said: paho.MQTTMessage) -> None:
        try:
            body = json.loads(said.payload)
        except ValueError:
            body = said.payload.decode()
        self.heard.append(Heard(time.monotonic(), said.topic, body))
        if said.topic.endswith("/set") and said.topic.startswith("zigbee2mqtt/plug-"):
            self.tell(said.topic.split("/")[1], state="OFF", power=0.3)

    def tell(self, name: str, **values: object) -> None:
        """A device reports."""
        self._client.publish(f"zigbee2mqtt/{name}", json.dumps(values), 1)

    def say(self, topic: str, **fields: object) -> None:
        """A person asks."""
        self._client.publish(topic, json.dumps(fields), 1).wait_for_publish(10)

    def calm(self) -> None:
        """Every pump runs, and is cool."""
        for n in numbers(self.pumps):
            self.tell(f"plug-{n}", state="ON", power=300)
            self.tell(f"probe-{n}", temperature=20)

    def heat(self, pump: int) -> float:
        """A pump is hot; when."""
        self.tell(f"probe-{pump}", temperature=95)
        return time.monotonic()

    def orders(self, pump: int, since: float = 0.0) -> list[float]:
        """When a pump was told to stop."""
        topic = f"zigbee2mqtt/plug-{pump}/set"
        return [one.at for one in list(self.heard) if one.topic == topic and one.at >= since]

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()


class Fleet:
    """The gateways."""

    def __init__(
        self,
        folder: Path,
        members: Sequence[str] = ("a", "b"),
        pumps: int = 4,
        *,
        fault: str = "",
        broker: str = "",
        lines: Sequence[str] = (),
        credentials: tuple[str, str] | None = None,
    ) -> None:
        """``fault``: every gateway has it; ``broker``: more settings of each file's broker."""
        self.members = list(members)
        self.pumps = pumps
        (folder / "broker").mkdir()
        self.mosquitto = Mosquitto(folder / "broker", *lines).start()
        self.plant = Plant(self.mosquitto.port, pumps, credentials=credentials)
        drawn = [Member(one) for one in members]
        found = owners([f"pump-{n}" for n in numbers(pumps)], (), drawn)
        self.owner = {n: found[f"pump-{n}"] for n in numbers(pumps)}
        program = ("-m", "tests.fakes.fleet_faults", fault) if fault else ("-m", "gateway")
        self.daemons: dict[str, Daemon] = {}
        for one in members:
            (folder / f"member-{one}").mkdir()
            text = file(one, members, pumps, self.mosquitto.port, broker)
            self.daemons[one] = Daemon(folder / f"member-{one}", text, program=program)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for daemon in self.daemons.values():
            daemon.__exit__(kind, error, traceback)
        self.plant.close()
        self.mosquitto.kill()

    def start(self) -> Self:
        """Start all at the same moment, and wait until every slot is held."""
        for daemon in self.daemons.values():
            daemon.launch()
        self.settled()
        return self

    def restart_broker(self) -> None:
        """It is killed, and knows nothing when it starts again."""
        self.plant.close()
        self.mosquitto.kill()
        self.mosquitto.start()
        self.plant = Plant(self.mosquitto.port, self.pumps, self.plant.heard)

    # -- what was heard -------------------------------------------------------------------------

    def said(self, topic: str, since: float = 0.0) -> list[Heard]:
        """What was said on a topic."""
        return [one for one in list(self.plant.heard) if one.topic == topic and one.at >= since]

    def states(self, slot: str) -> list[Heard]:
        """What was said of who holds a slot."""
        return self.said(f"fleet/{SITE}/slot/{slot}/state")

    def answers(self, since: float) -> list[Heard]:
        """What the gateways answered to people."""
        said = [one for one in list(self.plant.heard) if "/response/" in one.topic]
        return [one for one in said if one.at >= since]

    def holder(self, slot: str) -> str:
        """Who holds a slot by the newest word, if that is not old."""
        said = self.states(slot)
        fresh = said and said[-1].body["up"] and time.monotonic() - said[-1].at < 3
        return said[-1].body["who"] if fresh else ""

    def taken(self, slot: str, since: float, but: str) -> float | None:
        """When another member first held a slot."""
        for one in self.states(slot):
            if one.at >= since and one.body["up"] and one.body["who"] != but:
                return one.at
        return None

    def settled(self, home: bool = True) -> None:
        """Wait until every slot is held; ``home``: each by its own member."""

        def so() -> bool:
            held = {slot: self.holder(slot) for slot in self.members}
            return all(who == slot if home else who for slot, who in held.items())

        wait_until(so, "every slot is held", 90)

    def judged(self, label: str, members: Sequence[str] | None = None) -> None:
        """Wait until the newest verdict on every pump has a label at these members."""
        newest = "SELECT max(id) FROM verdict GROUP BY asset"
        sql = f"SELECT asset, label FROM verdict WHERE id IN ({newest})"

        def so() -> bool:
            for one in members or self.members:
                found = dict(rows(self.daemons[one], sql))
                if len(found) < self.pumps or set(found.values()) != {label}:
                    return False
            return True

        wait_until(so, f"everything is {label}", 60)

    def calm(self) -> None:
        """Everything is normal again, and everybody knows it."""
        self.plant.calm()
        self.judged("normal")
        let_pass(0.3)  # the books follow

    def whole(self) -> tuple[str, str]:
        """Everything runs and is normal; who commands the first pump, and who does not."""
        self.settled()
        self.calm()
        owner = self.owner[FIRST]
        return owner, next(one for one in self.members if one != owner)

    def findings(self) -> Iterator[str]:
        """Commands that no commander of the time gave."""
        epochs: dict[str, tuple[int, str]] = {}
        told: dict[str, tuple[str, int]] = {}
        noted: Counter[str] = Counter()
        for one in list(self.plant.heard):
            levels = one.topic.split("/")
            if levels[0] == "fleet" and levels[-1] == "state" and one.body["up"]:
                yield from self._raised(levels[3], one.body, epochs)
            elif levels[0] == "fleet" and levels[-1] == "notes":
                for note in one.body["notes"]:
                    if note["id"] in told:
                        continue
                    told[note["id"]] = (note["who"], note["epoch"])
                    noted[note["asset"]] += 1
                    if epochs.get(levels[3], (0, ""))[0] > note["epoch"]:
                        yield f"stale: {note['who']} in epoch {note['epoch']} of {levels[3]}"
            elif levels[-1] == "set":
                pump = levels[1].replace("plug", "pump")
                noted[pump] -= 1
                if noted[pump] < 0:
                    yield f"a command of {pump} that nobody noted"

    @staticmethod
    def _raised(
        slot: str, body: dict[str, Any], epochs: dict[str, tuple[int, str]]
    ) -> Iterator[str]:
        epoch, who = epochs.get(slot, (0, ""))
        if body["epoch"] < epoch:
            yield f"stale: {body['who']} says epoch {body['epoch']} of {slot} after {epoch}"
        elif body["epoch"] == epoch and body["who"] != who:
            yield f"two commanders of {slot} in epoch {epoch}: {who} and {body['who']}"
        epochs[slot] = (body["epoch"], body["who"])


def rows(daemon: Daemon, sql: str) -> list[tuple[Any, ...]]:
    """What a member has stored; nothing before it has a store."""
    path = daemon.folder / "gateway.db"
    if not path.exists():
        return []
    with Reader.open(path) as reader:
        return reader.query(sql).rows


@dataclass
class Trial:
    """One fault: what was done, and what came of it."""

    fault: str
    victim: str
    gap_s: float | None
    """From the fault until another member held the victim's slot; None: it was not needed."""
    late_s: float
    """The longest from an alarm, or the fault if that was later, to its command."""
    orders: list[int]
    """Commands of each alarm."""


def trial(fleet: Fleet, chance: random.Random, fault: str) -> Trial:
    """Kill or freeze a member while alarms come."""
    fleet.settled()
    fleet.calm()
    since = time.monotonic()
    victim = chance.choice(sorted({*fleet.owner.values()}))
    daemon = fleet.daemons[victim]
    asleep_s = chance.uniform(0.5, 10) if fault == "freeze" else 0.0
    events = [(chance.uniform(0.5, 3.5), pump) for pump in numbers(fleet.pumps)]
    # Half of the alarms come when it matters: around the fault.
    fault_s = chance.uniform(1.0, 3.0)
    events = [
        (fault_s + chance.uniform(-0.08, 0.08), pump) if chance.random() < 0.5 else (at, pump)
        for at, pump in events
    ]
    hot: dict[int, float] = {}
    hit = _play(fleet, daemon, fault, fault_s, sorted(events), since, hot)
    if fault == "freeze":
        let_pass(max(0.0, hit + asleep_s - time.monotonic()))
        daemon.signal(signal.SIGCONT)
    _all_ordered(fleet, since)
    if fault == "kill":
        daemon.start()
    fleet.settled()
    let_pass(1.0)  # whoever wants to say it again does so now
    first = {pump: fleet.plant.orders(pump, since)[:1] for pump in hot}
    waits = [at[0] - max(hot[pump], hit) for pump, at in first.items() if at]
    taken = fleet.taken(victim, hit, victim)
    return Trial(
        fault,
        victim,
        None if taken is None else taken - hit,
        max(waits, default=float("inf")) if len(waits) == len(hot) else float("inf"),
        [len(fleet.plant.orders(pump, since)) for pump in numbers(fleet.pumps)],
    )


def played(fleet: Fleet, seed: int, fault: str) -> None:
    """One of them, as it must end: the short form of scripts/prove_fleet."""
    one = trial(fleet, random.Random(seed), fault)
    assert one.orders == [1] * fleet.pumps
    assert one.late_s < 10
    assert list(fleet.findings()) == []


def _play(
    fleet: Fleet,
    daemon: Daemon,
    fault: str,
    fault_s: float,
    events: Sequence[tuple[float, int]],
    since: float,
    hot: dict[int, float],
) -> float:
    """Let alarms and the fault happen in their order; when the fault did."""
    hit = 0.0
    for at_s, pump in sorted([*events, (fault_s, -1)]):
        let_pass(max(0.0, since + at_s - time.monotonic()))
        if pump >= 0:
            hot[pump] = fleet.plant.heat(pump)
            continue
        hit = time.monotonic()
        if fault == "kill":
            daemon.kill()
        else:
            daemon.signal(signal.SIGSTOP)
    return hit


def _all_ordered(fleet: Fleet, since: float) -> None:
    """Wait until each alarm was acted on, or for so long that it never will be."""
    until = time.monotonic() + 25
    while time.monotonic() < until:
        if all(fleet.plant.orders(pump, since) for pump in numbers(fleet.pumps)):
            return
        time.sleep(0.02)
