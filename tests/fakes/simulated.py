"""A whole gateway in virtual time, its plant, its people and its bad luck; judged by an oracle.

The daemon is the real one but for its network threads (``virtual.Client``). The plant and the
rules of the oracle are those of ``limited``; the oracle looks at what leaves the gateway, at what
was told to it and at what people were answered. Nothing waits, and a seed makes the same life
again.
"""

import asyncio
import hashlib
import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from gateway import config
from gateway.core.commands import TERMINAL, Command, State
from gateway.core.limits import By
from gateway.core.limits_order import ORDER
from gateway.core.ports import Outgoing
from gateway.daemon import links, site
from gateway.daemon.act import Act
from gateway.daemon.app import Daemon
from gateway.daemon.docket import Docket
from gateway.daemon.permits import Permits
from gateway.store.reader import Reader
from gateway.store.settings import StoreSettings
from tests.fakes import limited
from tests.fakes.limited import H, M, Sent, Told
from tests.fakes.virtual import Broker, Client, Loop

PER_HOUR, PER_DAY, PER_MINUTE = 40, 200, 4
YEAR_MS = 365 * 24 * H
RULES = {
    **limited.RULES,
    "per hour": limited._many(H, PER_HOUR, asset=True),
    "per day": limited._many(24 * H, PER_DAY, asset=True),
    "per minute": limited._many(M, PER_MINUTE, asset=False),
}
CHANGES = (
    (
        "commands_per_hour: 5, commands_per_day: 9",
        f"commands_per_hour: {PER_HOUR}, commands_per_day: {PER_DAY}",
    ),
    ("limits: {commands_per_minute: 2}", f"limits: {{commands_per_minute: {PER_MINUTE}}}"),
    (
        "sources: {zigbee: {bridge: zigbee2mqtt}}",
        "sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}",
    ),
)


@dataclass
class Clock:
    """The clocks of one machine, over all its boots."""

    loop: Loop
    boot: str = "boot-0"
    right: bool = True
    wall_ms: int = limited.START_MS
    _mono_ms: int = 5_000

    def true_ms(self) -> int:
        return int(self.loop.time() * 1000)

    def mono_ms(self) -> int:
        return self._mono_ms + self.true_ms()

    def now_ms(self) -> int:
        return self.wall_ms + self.true_ms()

    def ok(self) -> bool:
        return self.right

    def reboot(self, number: int, wall_ms: int) -> None:
        self.boot, self._mono_ms = f"boot-{number}", 4_000 - self.true_ms()
        self.wall_ms, self.right = wall_ms - self.true_ms(), False


@dataclass
class Pump:
    """What is true of one pump."""

    name: str
    running: bool = True
    heat: float = 40.0
    level: float = 40.0
    flow: float = 0.0
    silent: bool = False


@dataclass
class Tally:
    """What happened."""

    alarms: int = 0
    kills: int = 0
    reboots: int = 0
    absences: int = 0
    jumps: int = 0
    wishes: int = 0
    sent: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    refusals: set[str] = field(default_factory=set)


class Life:
    """One life of a gateway; ``live`` lets it happen."""

    def __init__(self, folder: Path, seed: int, alarms: int, *, fault: str = "") -> None:
        self.chance = random.Random(seed)
        self.loop = Loop(self.chance, self._slow_s)
        self.clock = Clock(self.loop)
        self.hub = Broker(self.loop, self._arrived)
        self.pumps = {name: Pump(name) for name in "ab"}
        self.broken: list[str] = []
        self.tally = Tally()
        # what the rules of ``limited`` look at
        self.sent: list[Sent] = []
        self._wired: set[str] = set()
        self.told: dict[tuple[str, str], Told] = {}
        self.ended: dict[str, int] = {}
        self._flags: set[tuple[str, str]] = set()
        self._asked: dict[str, tuple[str, str]] = {}
        self._marked: dict[str, tuple[Command, int]] = {}
        """Commands that were stored as sent and have not been seen on the wire, and when."""
        self._process, self._alarms, self.fault = 0, alarms, fault
        self._daemon: Daemon | None = None
        self._task: asyncio.Task[None] | None = None
        self.trace = hashlib.sha256()
        self.settings = _settings(folder)
        self.path = self.settings.store.path

    def _slow_s(self) -> float:
        """How long blocking work takes; now and then a card is very slow."""
        fate = self.chance.random()
        return self.chance.uniform(2, 8) if fate < 0.002 else self.chance.uniform(0.0005, 0.02)

    def live(self) -> Tally:
        """Let everything happen that chance wants."""
        with _instead(self):
            asyncio.set_event_loop(self.loop)
            try:
                self.loop.run_until_complete(self._live())
            finally:
                asyncio.set_event_loop(None)
                self.loop.close()
        self._look_at_store()
        return self.tally

    async def _live(self) -> None:
        self._introduce()
        self._start()
        reports = asyncio.ensure_future(self._reports())
        await asyncio.sleep(2)
        while self.tally.alarms < self._alarms and not self.broken:
            await self._alarm()
            await self._something()
        for flag in sorted(self._flags):
            self._wish(flag, on=False)
        self.hub.up = True
        await asyncio.sleep(300)
        reports.cancel()
        await self._kill()

    # -- the process ------------------------------------------------------------------------------

    def _start(self) -> None:
        self._process += 1
        self._daemon = Daemon(self.settings, self.clock)
        self._task = self.loop.create_task(self._daemon.run())

    async def _kill(self) -> None:
        """Nothing that it does from now on has an effect."""
        daemon, task = self._daemon, self._task
        assert daemon is not None
        assert task is not None
        if task.done():
            task.result()
        for link in daemon.parts.links.by_name.values() if hasattr(daemon, "parts") else ():
            link.client.kill()  # type: ignore[attr-defined]
        store = daemon._store
        store._connection.rollback()
        store.commit = _never  # type: ignore[method-assign,assignment]
        store._guard.lost = True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        self._marked.clear()

    async def _restart(self) -> None:
        self.tally.kills += 1
        await self._kill()
        self._start()
        await asyncio.sleep(self.chance.uniform(0.1, 5))

    async def _reboot(self) -> None:
        self.tally.reboots += 1
        await self._kill()
        await asyncio.sleep(self.chance.choice((1, 30, 400, 2000)))
        wall_ms = limited.START_MS + self.chance.randrange(-20, 20) * YEAR_MS
        self.clock.reboot(self._process, wall_ms)
        self._start()
        await asyncio.sleep(self.chance.uniform(0.1, 30))
        if self.chance.random() < 0.8:
            self.clock.wall_ms, self.clock.right = limited.START_MS, True

    # -- the plant --------------------------------------------------------------------------------

    def _introduce(self) -> None:
        exposes = [{"type": "any", "name": name, "access": 7} for name in ("state", "level")]
        devices = [
            {
                "friendly_name": f"{asset} {name}",
                "interview_state": "SUCCESSFUL",
                "definition": {"model": "M", "exposes": exposes},
            }
            for asset in self.pumps
            for name in ("plug", "pipe", "valve")
        ]
        self.hub.publish("zigbee2mqtt/bridge/devices", json.dumps(devices).encode(), retain=True)
        self.hub.publish("zigbee2mqtt/bridge/state", b'{"state": "online"}', retain=True)
        info = {"version": "2.1.0", "config": {"advanced": {"cache_state": False}}}
        self.hub.publish("zigbee2mqtt/bridge/info", json.dumps(info).encode(), retain=True)

    async def _reports(self) -> None:
        """The devices tell what is so, now and then; readings are lost, late and doubled."""
        while True:
            await asyncio.sleep(self.chance.uniform(1, 12))
            for pump in self.pumps.values():
                for metric in ("power", "flow", "level", "heat"):
                    if self.chance.random() < 0.5:
                        self._tell(pump, metric)

    def _tell(self, pump: Pump, metric: str) -> None:
        if pump.silent or self.chance.random() < 0.15:
            return
        device = {"power": "plug", "flow": "pipe", "level": "valve", "heat": "probe"}[metric]
        value = {"power": 800.0 if pump.running else 0.3}.get(metric) or getattr(pump, metric, 0.0)
        said: dict[str, object] = {metric: value}
        if metric == "power":
            said["state"] = "ON" if pump.running else "OFF"
        if metric == "flow":
            said["state"] = "ON" if pump.flow else "OFF"
        for _ in range(2 if self.chance.random() < 0.1 else 1):
            late = self.chance.choice((0.01, 0.05, 0.5, 4.0))
            self.loop.call_later(late, self._report, pump.name, device, metric, value, said)

    def _report(
        self, asset: str, device: str, metric: str, value: float, said: dict[str, object]
    ) -> None:
        """It is on the broker now; the gateway has it if it is there."""
        if self.hub.client is not None and self.hub.client.state.connected:
            self.told[asset, metric] = Told(self.clock.true_ms(), value, self._process)
        self.hub.publish(f"zigbee2mqtt/{asset} {device}", json.dumps(said).encode())

    def _arrived(self, outgoing: Outgoing) -> None:
        """A message of the gateway is on the broker; the radio may lose it, or be late."""
        base, _, verb = outgoing.topic.rpartition("/")
        if not base.startswith("zigbee2mqtt/"):
            return
        asset, _, device = base.removeprefix("zigbee2mqtt/").partition(" ")
        if verb == "get":
            metric = {"plug": "power", "valve": "level"}.get(device, "flow")
            self.loop.call_later(self.chance.uniform(0.1, 3), self._tell, self.pumps[asset], metric)
            return
        fate = self.chance.random()
        if fate < 0.2:
            return
        if fate < 0.3:
            self.loop.call_later(self.chance.uniform(0.1, 8), self._failed, base, outgoing.payload)
            return
        for _ in range(2 if fate < 0.4 else 1):  # the broker, or the radio, delivers twice
            late = self.chance.choice((0.05, 0.4, 3.0, 25.0, 70.0))
            self.loop.call_later(late, self._obeyed, self.pumps[asset], device, outgoing.payload)

    def _failed(self, base: str, payload: bytes) -> None:
        key = next(iter(json.loads(payload)))
        name = base.removeprefix("zigbee2mqtt/")
        text = f"z2m: Publish 'set' '{key}' to '{name}' failed: 'no answer'"
        said = {"level": "error", "message": text}
        self.hub.publish("zigbee2mqtt/bridge/logging", json.dumps(said).encode())

    def _obeyed(self, pump: Pump, device: str, payload: bytes) -> None:
        said = json.loads(payload)
        if device == "plug":
            pump.running = said["state"] == "ON"
            self._tell(pump, "power")
        elif device == "valve":
            pump.level = said["level"]
            self._tell(pump, "level")
        else:
            pump.flow = 9.0
            self.loop.call_later(120, setattr, pump, "flow", 0.0)

    # -- what happens -----------------------------------------------------------------------------

    async def _alarm(self) -> None:
        """A pump is too hot, and is no more after a while."""
        pump = self.pumps[self.chance.choice("ab")]
        self.tally.alarms += 1
        pump.heat = self.chance.choice((95.0, 130.0))
        for _ in range(self.chance.randint(1, 3)):
            self._tell(pump, "heat")
        await asyncio.sleep(self.chance.choice((0.2, 1, 3, 8)))
        pump.heat = 40.0
        self._tell(pump, "heat")
        if self.chance.random() < 0.3:
            pump.running = True

    async def _something(self) -> None:
        """Whatever else chance wants."""
        for weight, what in self._moves():
            if self.chance.random() < weight:
                found = what()
                if found is not None:
                    await found
        await asyncio.sleep(self.chance.choice((0.1, 1, 3, 10)))

    def _moves(self) -> tuple[tuple[float, Callable[[], Any]], ...]:
        return (
            (0.15, self._force),
            (0.03, lambda: self._wish(self.chance.choice(FLAGS), on=True)),
            (0.12, self._release),
            (0.02, self._absence),
            (0.015, self._restart),
            (0.004, self._reboot),
            (0.01, self._jump),
            (0.0006, self._silence),
        )

    def _jump(self) -> None:
        self.tally.jumps += 1
        self.clock.wall_ms += self.chance.randrange(-20, 20) * YEAR_MS + self.chance.randrange(
            99 * H
        )

    async def _absence(self) -> None:
        """The broker goes, or the network drops us; it comes back."""
        self.tally.absences += 1
        if self.hub.client is not None:
            self.hub.up = False
            self.hub.client.drop()
        await asyncio.sleep(self.chance.choice((1, 10, 40, 200)))
        self.hub.up = True

    async def _silence(self) -> None:
        """The devices say nothing for longer than the fail-safe waits."""
        for pump in self.pumps.values():
            pump.silent = True
        await asyncio.sleep(4_000)
        for pump in self.pumps.values():
            pump.silent = False

    def _force(self) -> None:
        asset = self.chance.choice("ab")
        action = self.chance.choice(("stop", "start", "drain", "throttle", "explode"))
        fields: dict[str, object] = {"force": action}
        if action == "throttle":
            fields["value"] = self.chance.choice((0, 20, 30, 40, 50, 45, 110, -10, 60))
        self._say(f"asset/{asset}/override", fields)

    def _wish(self, flag: tuple[str, str], *, on: bool) -> None:
        asset, kind = flag
        if not on:
            self._flags.discard(flag)
        where = {"stop": "stop", "hold": f"asset/{asset}/override"}
        topic = where.get(kind, f"asset/{asset}/maintenance")
        fields: dict[str, object] = {"hold": on} if kind == "hold" else {"on": on}
        if on and kind != "stop":
            fields["for"] = "24h"
        transaction = self._say(topic, fields)
        self._asked.pop(next((t for t, f in self._asked.items() if f == flag), ""), None)
        if on:
            self._asked[transaction] = flag

    def _release(self) -> None:
        for flag in FLAGS:
            self._wish(flag, on=False)

    def _say(self, topic: str, fields: dict[str, object]) -> str:
        self.tally.wishes += 1
        transaction = f"t{self.tally.wishes}"
        body = {"author": "eve", "transaction": transaction, **fields}
        self.hub.publish(f"edge/here/{topic}/set", json.dumps(body).encode(), 1)
        return transaction

    # -- the oracle -------------------------------------------------------------------------------

    def leaves(self, outgoing: Outgoing) -> None:
        """Something leaves the gateway."""
        if outgoing.topic.startswith("edge/here/response/"):
            self._answered(json.loads(outgoing.payload))
        elif outgoing.topic.startswith("zigbee2mqtt/") and not outgoing.topic.endswith("/get"):
            self._ordered(outgoing)

    def _answered(self, said: dict[str, Any]) -> None:
        flag = self._asked.pop(str(said.get("transaction")), None)
        if flag is not None and said["status"] == "ok":
            self._flags.add(flag)

    def _ordered(self, outgoing: Outgoing) -> None:
        self._note("wire", outgoing.topic, outgoing.payload.decode(), outgoing.retain)
        device, _, verb = outgoing.topic.removeprefix("zigbee2mqtt/").rpartition("/")
        said = json.loads(outgoing.payload)
        fits = [
            one
            for one, _ in reversed(self._marked.values())
            if one.device == device and dict(one.set) == said
        ]
        found = min(fits, key=lambda one: one.id in self.ended, default=None)
        if verb != "set" or outgoing.retain or found is None:
            self.broken.append(f"on the wire without a stored command: {outgoing}")
            return
        _, marked_ms = self._marked.pop(found.id)
        if self.clock.mono_ms() > found.expires_mono_ms:
            self.broken.append(f"published after it was void: {found.id}")
        if found.id in self.ended:
            self.broken.append(f"published after its end: {found.id}")
        if found.id in self._wired:
            self.broken.append(f"twice on the wire: {found.id}")
        self._wired.add(found.id)
        self.tally.sent += 1
        assert self._daemon is not None
        clock = self._daemon.clock
        self.sent.append(
            Sent(
                id=found.id,
                true_ms=marked_ms,
                asset=found.asset,
                action=found.action,
                said=said,
                by=By.of(found.by or By.POLICY),
                wall_ms=clock.now_ms(),
                believed=clock.ok(),
                flags=frozenset(f for asset, f in self._flags if asset in ("", found.asset)),
                process=self._process,
            )
        )
        before = self.sent[:-1]
        rig: Any = self
        self.broken += [
            f"{name}: {self.sent[-1]}"
            for name, rule in RULES.items()
            if rule(rig, self.sent[-1], before)
        ]

    def recorded(self, command: Command) -> None:
        """The daemon says where a command stands."""
        self._note(command.state.value, command.id, command.reason, command.evidence)
        if command.state is State.SENT and command.id not in self._marked:
            self._marked[command.id] = command, self.clock.true_ms()
        if command.ended:
            self.ended[command.id] = self.clock.true_ms()
        if command.state is State.REFUSED or command.reason:
            self.tally.refusals.add(command.reason)

    def _note(self, *words: object) -> None:
        self.trace.update(f"{self.clock.true_ms()} {words}\n".encode())

    def _look_at_store(self) -> None:
        """What the store says in the end: outcomes, and what belongs to them."""
        with Reader.open(self.path) as reader:
            rows = reader.query("SELECT state, count(*) FROM command GROUP BY state").rows
            self.tally.outcomes = {str(state): int(str(n)) for state, n in rows}
            told = [
                f"a command ends as {one}" for one in self.tally.outcomes if one not in TERMINAL
            ]
            query = (
                "SELECT count(*) FROM command c LEFT JOIN decision d ON d.id = c.decision_id"
                " WHERE d.id IS NULL"
            )
            told += ["without a decision"] * (reader.query(query).rows != [(0,)])
            sent = {
                str(id_)
                for (id_,) in reader.query(
                    "SELECT id FROM command WHERE sent_mono_ms IS NOT NULL", limit=10**6
                ).rows
            }
        told += [f"{one.id}: sent, and not in the store" for one in self.sent if one.id not in sent]
        self.broken += told


FLAGS = (("", "stop"), ("a", "hold"), ("a", "maintenance"), ("b", "hold"), ("b", "maintenance"))


def _never(_batch: object) -> None:
    raise asyncio.CancelledError


def _repeated(self: Act, command: Command, outgoing: Any) -> None:
    """A daemon that publishes again what is not answered soon."""
    loop = asyncio.get_running_loop()
    link = self._link(command)

    def once() -> None:
        if link.connected:
            link.publish(outgoing[0], expires_s=9.0, done=lambda *_: None)

    once()
    self._docket.orders.published(command.id, self._clock.mono_ms())
    loop.call_later(2, once)


FAULTS = ("repeats", *(f"without {limit.name}" for limit in ORDER if limit.name != "actions"))
"""Daemons that the oracle must find out."""


def _settings(folder: Path) -> config.Settings:
    pumps = limited._ASSET.replace("NAME", "a").replace("OTHER", "b")
    pumps += limited._ASSET.replace("NAME", "b").replace("OTHER", "a")
    text = limited._FILE + pumps
    for old, new in CHANGES:
        assert old in text, old
        text = text.replace(old, new)
    file = folder / "plant.yaml"
    file.write_text(text)
    store = StoreSettings(
        path=folder / "gateway.db", min_free_bytes=1, ballast_bytes=0, durability="normal"
    )
    return replace(config.load(file), store=store)


@contextmanager
def _instead(life: Life) -> Iterator[None]:
    """The network, chance and a look at the docket, in place of the real ones."""
    client, system, record = links.Client, site.os, Docket.record
    Client.world = lambda: (life.loop, life.hub, life.leaves)  # type: ignore[method-assign]

    def recorded(self: Docket, command: Command) -> None:
        record(self, command)
        life.recorded(command)

    defaults = Permits.__init__.__defaults__
    assert defaults is not None
    assert defaults[-1] is ORDER
    without = tuple(limit for limit in ORDER if f"without {limit.name}" != life.fault)
    Permits.__init__.__defaults__ = (*defaults[:-1], without)
    publish = Act._publish
    if life.fault == "repeats":
        Act._publish = _repeated  # type: ignore[method-assign]
    links.Client = Client  # type: ignore[misc,assignment]
    site.os = SimpleNamespace(urandom=life.chance.randbytes)  # type: ignore[assignment]
    Docket.record = recorded  # type: ignore[method-assign]
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    try:
        yield
    finally:
        Permits.__init__.__defaults__ = defaults
        Act._publish = publish  # type: ignore[method-assign]
        links.Client, site.os, Docket.record = client, system, record  # type: ignore[misc,method-assign]
        structlog.reset_defaults()
