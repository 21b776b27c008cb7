"""Somebody who may publish anything on one bridge's topics, and an oracle over what it gets them.

The attacker also uses the gateway's own topics as a broker's access list that forgot them would let
it: wishes of people that are retained before the gateway connects, requests whose answer is to go
to a device. Live wishes are not played: who may publish those is a person, by the access list.

The oracle knows what the file means as numbers of its own. It hears every message that the daemon
writes to its socket.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from gateway.adapters.mqtt_paho import StockConnection
from tests.fakes.inside import Clocks, Inside
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.waiting import let_pass, wait_until
from tests.fakes.zigbee import PLUG, PROBE, SWITCH, Zigbee, device, numeric

M, H = 60_000, 3_600_000
EVERY_MS, PER_HOUR, PER_MINUTE = M, 3, 2
LEVEL = {**numeric("level"), "access": 7, "value_min": -1e9, "value_max": 1e9}
VALVE, HORN, FAN = device(3, "valve", LEVEL), device(4, "horn", SWITCH), device(5, "fan", SWITCH)
WIDE = device(1, "plug", SWITCH, LEVEL, {**numeric("power"), "access": 7})
FILE = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
limits: {commands_per_minute: 2}
sources:
  zigbee:
    bridge: zigbee2mqtt
    broker: local
    limits: {messages_per_second: 0, device_per_second: 0}     # the attacker at its strongest
  plc: {bridge: json, broker: local, topic: "plc/{device}"}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: warning, format: json}
assets:
  tank:
    metrics: {level: {from: plc/tank}}
  pump:
    limits: {commands_per_hour: 3}
    metrics:
      temperature: {from: zigbee/probe, unit: degC}
      power: {from: zigbee/plug, unit: W}
      level: {from: zigbee/valve}
    actions:
      stop:
        to: zigbee/plug
        set: {state: "OFF"}
        after: {stop: 1m}
        proof: {metric: power, below: 5, within: 20s}
      throttle:
        to: zigbee/valve
        set: {level: value}
        value: {range: [0, 100], step: 10, slew: 20 per 1m, metric: level}
      vent: {to: zigbee/fan, set: {state: "ON"}, only_if: "`tank/level` > 20"}
      sound: {to: zigbee/horn, set: {state: "ON"}}
    verdicts:
      - {rule: "temperature > 90", label: alarm}
    policy:
      - {when: alarm, do: stop, mode: act}
      - {when: alarm, do: throttle, with: 40, mode: act}
      - {when: alarm, do: vent, mode: act}
      - {when: alarm, do: sound, mode: advise}
"""
"""The tank, which no attacker can reach, is empty: the fan must never run."""
WIDER: dict[str, Sequence[tuple[str, str]]] = {
    "stopped too often": [
        ("after: {stop: 1m}", "after: {stop: 1s}"),
        ("commands_per_hour: 3", "commands_per_hour: 5000"),
        ("limits: {commands_per_minute: 2}", "limits: {commands_per_minute: 5000}"),
    ],
    "too many in an hour": [("commands_per_hour: 3", "commands_per_hour: 5000")],
    "too many in a minute": [
        ("limits: {commands_per_minute: 2}", "limits: {commands_per_minute: 5000}"),
        ("commands_per_hour: 3", "commands_per_hour: 5000"),
        ("after: {stop: 1m}", "after: {stop: 1s}"),
    ],
    "the fan ran": [
        (', only_if: "`tank/level` > 20"', ""),
        ("commands_per_hour: 3", "commands_per_hour: 5000"),
        ("limits: {commands_per_minute: 2}", "limits: {commands_per_minute: 5000}"),
    ],
    "the horn sounded": [("do: sound, mode: advise", "do: sound, mode: act")],
    "told otherwise": [("with: 40", "with: 30")],
}
"""What the oracle must say of a file that allows more, and how it allows it."""


class Lie(NamedTuple):
    """One message of the attacker."""

    topic: str
    payload: bytes
    qos: int = 0
    retain: bool = False
    reply_to: str = ""


def told(chance: random.Random) -> Lie:
    """States of devices, true and false, plain and absurd."""
    heat = chance.choice([95, 20, 1e308, -5, "hot", None, True, [], {"a": 1}, "95", float("nan")])
    topic, said = chance.choice(
        [
            ("probe", {"temperature": chance.choice([95, 20])}),
            ("probe", {"temperature": chance.choice([95, 20])}),
            ("probe", {"temperature": heat, "power": 0, "state": "TOGGLE"}),
            ("plug", {"power": chance.choice([0.0, 900.0]), "state": chance.choice(["ON", "OFF"])}),
            ("plug", {"state": "TOGGLE", "power": 9e99, "linkquality": "x"}),
            ("valve", {"level": chance.choice([0, 40, 60, 1e9, -1, "40", float("inf")])}),
            ("horn", {"state": "ON"}),
            ("fan", {"state": "ON", "update": {"state": "updating"}}),
            ("tank", {"level": 90}),
            ("plug/availability", {"state": chance.choice(["online", "offline"])}),
            ("plug/set", {"state": "ON", "level": 1e9}),
            ("horn/set", {"state": "ON"}),
            ("plug/get", {"state": ""}),
        ]
    )
    return Lie(f"zigbee2mqtt/{topic}", json.dumps(said).encode())


def registered(chance: random.Random) -> Lie:
    """The bridge's own topics: registries, events, logs, states, answers."""
    every = [PLUG, PROBE, VALVE, HORN, FAN]
    twins = [{**PLUG, "friendly_name": "horn"}, {**HORN, "friendly_name": "plug"}, VALVE, FAN]
    failed = "Publish 'set' 'state' to 'plug' failed: 'no'"
    renamed = {"data": {"from": "horn", "to": "plug"}, "status": "ok"}
    topic, said = chance.choice(
        [
            ("devices", every),
            ("devices", [WIDE, PROBE, VALVE, HORN, FAN]),
            ("devices", chance.choice([[], {}, twins, [None], [{"friendly_name": "pump/#"}]])),
            ("state", {"state": chance.choice(["online", "offline"])}),
            ("info", {"version": "9", "config": {"mqtt": {"base_topic": "edge/here"}}}),
            ("logging", {"level": "error", "message": failed}),
            ("event", {"type": "device_leave", "data": {"friendly_name": "plug"}}),
            ("response/device/rename", renamed),
            ("request/device/rename", renamed),
            ("groups", [{"id": 1, "friendly_name": "plug", "members": []}]),
        ]
    )
    return Lie(f"zigbee2mqtt/bridge/{topic}", json.dumps(said).encode(), 1, chance.random() < 0.5)


def monstrous(chance: random.Random) -> Lie:
    """Bytes and topics that nobody would send."""
    payload = chance.choice(
        [
            b"[" * 20_000,
            b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
            b'{"temperature": ' + b"9" * 5_000 + b"}",
            b'{"temperature": 95, "temperature": 20}',
            b'{"temperature": "' + b"x" * 300_000 + b'"}',
            b"\xff\xfe\x00",
            b"",
            json.dumps({f"k{n}": n for n in range(3_000)}).encode(),
        ]
    )
    topic = chance.choice(
        [
            *("probe", "plug", "bridge/devices", "bridge/logging", "plug//set", "/probe"),
            *("probe/" + "a/" * 60, "p" * 2_000, "$share/x/probe", "probe\u202e", "../plc/tank"),
        ]
    )
    return Lie(f"zigbee2mqtt/{topic}", payload, chance.choice([0, 1, 2]), chance.random() < 0.1)


def forgotten(chance: random.Random) -> Lie:
    """What an access list that forgot the gateway's own topics would let pass."""
    ask, base = json.dumps({"transaction": str(chance.random())}).encode(), "edge/here"
    return chance.choice(
        [
            Lie(f"{base}/asset/pump/state", b'{"label": "alarm"}', 1, retain=True),
            Lie(f"{base}/asset/pump/command", b'{"state": "confirmed"}', 1),
            Lie(f"{base}/pulse/local", b"0" * 16, 1),
            Lie(f"{base}/request/model", ask, reply_to="zigbee2mqtt/horn/set"),
            Lie(f"{base}/request/calibrate", ask, reply_to="zigbee2mqtt/fan/set"),
        ]
    )


WISHES = (
    Lie("edge/here/asset/pump/override/set", b'{"force": "sound"}', 1, retain=True),
    Lie("edge/here/asset/pump/mode/set", b'{"mode": "act"}', 1, retain=True),
    Lie("edge/here/mode/set", b'{"mode": "act"}', 1, retain=True),
)
"""Retained before the gateway connects."""
KINDS: Sequence[tuple[int, Callable[[random.Random], Lie]]] = (
    (12, told),
    (6, registered),
    (3, monstrous),
    (1, forgotten),
)


class Campaign:
    """A daemon, its bridge, and the attacker beside it."""

    def __init__(
        self, folder: Path, broker: Mosquitto, seed: int, wider: Sequence[str] = ()
    ) -> None:
        """``wider``: keys of ``WIDER``; the daemon's file allows these, the oracle does not."""
        self.chance, self.clock = random.Random(seed), Clocks()
        self.sent: list[tuple[int, str, Any, bool]] = []
        """When the daemon wrote what where, and whether it was retained; not its own topics."""
        self.lies = 0
        self._kept: set[str] = set()
        text = FILE.replace("PORT", str(broker.port))
        for name in wider:
            for old, new in WIDER[name]:
                text = text.replace(old, new)
        (folder / "gateway.yaml").write_text(text)
        self._folder, self._port = folder, broker.port

    def play(self, rounds: int, each: int = 25) -> Inside:
        """Lie, let time pass, and be hot in between; the daemon has stopped when this returns."""
        with (
            _heard(self._note),
            Zigbee(self._port, PLUG, PROBE, VALVE, HORN, FAN) as zigbee,
            self._planted(zigbee),
            Inside(self._folder / "gateway.yaml", self.clock) as daemon,
        ):
            zigbee.online()
            self._tank(zigbee)
            for turn in range(rounds):
                for lie in self._storm(each):
                    self._publish(zigbee, lie)
                if turn % 2:
                    self._provoke(zigbee, daemon)
                self.clock.pass_ms(self.chance.choice((0, 2_000, 20_000, 90_000, 600_000)))
            self._clear(zigbee)
            self._tank(zigbee)
            limits = "SELECT 1 FROM decision WHERE refused LIKE 'assets.pump.%'"
            wait_until(
                lambda: self._provoke(zigbee, daemon) or (self.sent and daemon.rows(limits)),
                "something was done, and a limit refused the rest",
            )
            for pause_ms in (2_000, 2_000, 2_000, *(90_000,) * 5):  # and again, too soon
                self._provoke(zigbee, daemon)
                self.clock.pass_ms(pause_ms)
            self.clock.pass_ms(H)
            wait_until(lambda: not _open(daemon), "every command has an outcome")
            daemon.stop()
        return daemon

    @contextmanager
    def _planted(self, zigbee: Zigbee) -> Iterator[None]:
        for lie in WISHES:
            zigbee.peer.publish(lie.topic, lie.payload, lie.qos, retain=True)
        yield

    def _storm(self, count: int) -> Iterator[Lie]:
        kinds = [kind for weight, kind in KINDS for _ in range(weight)]
        before: list[Lie] = []
        for _ in range(count):
            if before and self.chance.random() < 0.15:  # said before, by whomever: a replay
                yield self.chance.choice(before)._replace(qos=self.chance.choice((0, 1, 2)))
                continue
            before.append(self.chance.choice(kinds)(self.chance))
            yield before[-1]

    def _publish(self, zigbee: Zigbee, lie: Lie) -> None:
        self.lies += 1
        properties = Properties(PacketTypes.PUBLISH)
        if lie.reply_to:
            properties.ResponseTopic = lie.reply_to
        if lie.retain:
            self._kept.add(lie.topic)
        client = zigbee.peer._client
        client.publish(lie.topic, lie.payload, lie.qos, lie.retain, properties=properties)

    def _provoke(self, zigbee: Zigbee, daemon: Inside) -> None:
        """It is well, then hot: whatever the policies may do, they want to do now."""
        zigbee.introduce()
        for name in ("plug", "valve", "fan", "horn"):
            zigbee.tell(f"{name}/availability", state="online")
        zigbee.tell("valve", level=40)
        zigbee.tell("fan", state="OFF", update={"state": "idle"})
        zigbee.tell("plug", power=900.0, state="ON")
        zigbee.tell("probe", temperature=20)
        before = len(daemon.values("temperature"))
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: len(daemon.values("temperature")) > before, "it is heard", 30)
        assert daemon.daemon is not None
        decide = daemon.daemon.parts.decide
        wait_until(lambda: decide.idle, "it is decided, and handed to the network")
        let_pass(0.3)  # an order whose time is over before it is written is not written

    def _tank(self, zigbee: Zigbee) -> None:
        zigbee.peer.publish("plc/tank", json.dumps({"level": 5}))

    def _clear(self, zigbee: Zigbee) -> None:
        for topic in self._kept:
            zigbee.peer.publish(topic, b"", retain=True)

    def _note(self, topic: str, payload: bytes, retain: bool) -> None:
        if topic.startswith("edge/here/"):
            return
        said = json.loads(payload) if payload[:1] == b"{" else payload
        self.sent.append((self.clock.mono_ms(), topic, said, retain))

    # -- the oracle -------------------------------------------------------------------------------

    def findings(self) -> set[str]:
        """What the daemon did that the file, as it was written, does not allow."""
        orders = [one for one in self.sent if not one[1].endswith("/get")]
        return {*_said(orders), *_times([at for at, *_ in orders], orders)}


def _said(orders: Sequence[tuple[int, str, Any, bool]]) -> Iterator[str]:
    allowed = {"plug": {"state": "OFF"}, "valve": {"level": 40}}
    for _, topic, said, retain in orders:
        name = topic.removeprefix("zigbee2mqtt/").removesuffix("/set")
        if retain:
            yield "retained"
        elif name in ("fan", "horn"):
            yield {"fan": "the fan ran", "horn": "the horn sounded"}[name]
        elif f"zigbee2mqtt/{name}/set" != topic or name not in allowed:
            yield f"told {topic}"
        elif said != allowed[name]:
            yield "told otherwise"


def _times(times: Sequence[int], orders: Sequence[tuple[int, str, Any, bool]]) -> Iterator[str]:
    """A command is counted when it is stored, some milliseconds before it is written."""
    slack = 500
    stops = [at for at, topic, *_ in orders if topic == "zigbee2mqtt/plug/set"]
    if any(later - at < EVERY_MS - slack for at, later in pairwise(stops)):
        yield "stopped too often"
    if _most(times, H - slack) > PER_HOUR:
        yield "too many in an hour"
    if _most(times, M - slack) > PER_MINUTE:
        yield "too many in a minute"


def _most(times: Sequence[int], span_ms: int) -> int:
    return max((sum(at - span_ms < one <= at for one in times) for at in times), default=0)


def _open(daemon: Inside) -> int:
    assert daemon.daemon is not None
    return len(daemon.daemon.parts.docket.orders)


@contextmanager
def _heard(note: Callable[[str, bytes, bool], None]) -> Iterator[None]:
    """Every message that is written to a broker."""
    send = StockConnection.send

    def sending(self: StockConnection, outgoing: Any, *rest: Any) -> int:
        note(outgoing.topic, outgoing.payload, outgoing.retain)
        return send(self, outgoing, *rest)

    StockConnection.send = sending  # type: ignore[method-assign]
    try:
        yield
    finally:
        StockConnection.send = send  # type: ignore[method-assign]
