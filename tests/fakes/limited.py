"""A gateway's acting in virtual time, with the real limits, policies and store; and an oracle.

The oracle knows the plant's rules as numbers of its own and looks at what was sent, told and
flagged only; it shares no code with the limits. Time is true time: it runs while the machine is
switched off, too, and no wall clock has a part in it.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from gateway import config
from gateway.core.commands import Command, State, Step, step
from gateway.core.drafts import draft
from gateway.core.interventions import GATEWAY, MAINTENANCE, Intervention, Kind, Standing
from gateway.core.limits import By, Limit
from gateway.core.limits_order import ORDER
from gateway.core.messages import Message, Reason
from gateway.core.orders import resume
from gateway.core.readings import Reading
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.daemon.permits import Permits
from gateway.daemon.site import build
from gateway.store.batch import Batch
from gateway.store.reader import Reader
from gateway.store.sent import history
from gateway.store.settings import StoreSettings
from gateway.store.writer import Store

S, M, H = 1_000, 60_000, 3_600_000
START_MS = 1_795_000_000_000
STALE_MS = 30 * M
_ASSET = """
  NAME:
    metrics:
      power: {from: zigbee/NAME plug, stale: 30m}
      flow: {from: zigbee/NAME pipe, stale: 30m}
      level: {from: zigbee/NAME valve, stale: 30m}
      heat: {from: zigbee/NAME probe, stale: 30m}
    limits: {commands_per_hour: 5, commands_per_day: 9}
    actions:
      stop:
        to: zigbee/NAME plug
        set: {state: "OFF"}
        expires: 20s
        proof: {metric: power, below: 5, within: 30s}
        after: {start: 5m}
      start:
        to: zigbee/NAME plug
        set: {state: "ON"}
        only_if: heat < 80
        unless: "`OTHER/heat` > 120"
        only_during: Mo-Fr 06:00-22:00 UTC
        never_with: drain
        after: {stop: 10m}
        undone_if: power < 5
      drain: {to: zigbee/NAME pipe, set: {state: "ON"}, undone_if: flow < 1}
      throttle:
        to: zigbee/NAME valve
        set: {level: value}
        value: {range: [0, 100], step: 10, slew: 20 per 10m, metric: level}
    verdicts:
      - {rule: heat > 90, label: alarm}
    policy:
      - {when: alarm, do: stop, mode: act}
      - {when: alarm, do: throttle, with: 30, mode: act}
    fail_safe: {after: 1h, do: stop, mode: act}
"""
_FILE = """
gateway: {id: here}
brokers: {local: {host: localhost}}
sources: {zigbee: {bridge: zigbee2mqtt}}
limits: {commands_per_minute: 2}
exclusions: {pumps: {of: [a/stop, b/stop]}}
assets:"""


def settings() -> config.Settings:
    """Two pumps that must never both be stopped."""
    pumps = _ASSET.replace("NAME", "a").replace("OTHER", "b")
    pumps += _ASSET.replace("NAME", "b").replace("OTHER", "a")
    text = _FILE + pumps
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "plant.yaml"
        file.write_text(text)
        return config.load(file)


@dataclass
class Clock:
    """Every clock, and the true time."""

    boot: str = "boot-0"
    true_ms: int = 0
    mono: int = 5_000
    wall: int = START_MS
    believed: bool = True

    def now_ms(self) -> int:
        return self.wall

    def mono_ms(self) -> int:
        return self.mono

    def ok(self) -> bool:
        return self.believed

    def go(self, ms: int) -> None:
        self.true_ms += ms
        self.mono += ms
        self.wall += ms


@dataclass(frozen=True)
class Sent:
    """One command that left the gateway."""

    id: str
    true_ms: int
    asset: str
    action: str
    said: dict[str, object]
    by: By
    wall_ms: int
    believed: bool
    flags: frozenset[str]
    """Of the asset, and ``stop`` of the gateway, then."""
    process: int


@dataclass(frozen=True)
class Told:
    """One good reading."""

    true_ms: int
    value: float
    process: int


def _registry() -> Message:
    """A registry that lets everything pass."""
    exposes = [{"type": "any", "name": name, "access": 7} for name in ("state", "level")]
    devices = [
        {
            "friendly_name": f"{asset} {name}",
            "interview_state": "SUCCESSFUL",
            "definition": {"model": "M", "exposes": exposes},
        }
        for asset in "ab"
        for name in ("plug", "pipe", "valve")
    ]
    payload = json.dumps(devices).encode()
    return Message("local", "zigbee2mqtt/bridge/devices", payload, 1, True, False, 0, 0)


class _Quiet:
    """A store without trouble."""

    trouble = ""


class Rig:
    """The acting part of a gateway, one process after the other."""

    def __init__(self, made: config.Settings, order: Sequence[Limit] = ORDER) -> None:
        self._folder = tempfile.TemporaryDirectory()
        path = Path(self._folder.name) / "gateway.db"
        store = StoreSettings(path=path, min_free_bytes=1, ballast_bytes=0, durability="normal")
        self.settings = replace(made, store=store)
        self.clock = Clock()
        self.sent: list[Sent] = []
        self.told: dict[tuple[str, str], Told] = {}
        """The newest good reading of each metric."""
        self.ended: dict[str, int] = {}
        """True time at the end of each sent command."""
        self.broken: list[str] = []
        """What the oracle said when something was sent."""
        self.refusals: set[str] = set()
        self.flags: set[tuple[str, str]] = set()
        self.connected = True
        self.process = 0
        self._order = order
        self._ids = 0
        self._batch = Batch()
        self._open: dict[str, Command] = {}
        self._kept: dict[str, str] = {}
        self._start()

    def close(self) -> None:
        self._store.close()
        self._folder.cleanup()

    def _start(self) -> None:
        clock, path = self.clock, self.settings.store.path
        self._store = Store.open(
            self.settings.store, boot=clock.boot, now_ms=clock.now_ms(), mono_ms=clock.mono_ms()
        )
        with Reader.open(path) as reader:
            sent = history(reader, clock.boot, clock.mono_ms(), self.settings.assets)
        self.site = build(self.settings, {}, clock)
        self.site.feeds["zigbee"].bridge.decode(_registry())
        self._standing = Standing()
        for asset, flag in self.flags:
            self._put(asset, flag)
        self._permits = Permits(
            self.site,
            _Quiet(),
            clock,
            sent,
            self._standing,
            self._order,  # type: ignore[arg-type]
        )
        self._open = {}
        for stored in self._store.open_commands():
            command = resume(stored, clock.boot, clock.mono_ms(), clock.now_ms())
            if command.state is State.STORED and stored.boot != clock.boot:
                self._record(step(command, Step.EXPIRE))
            else:
                self._open[command.id] = command
        for asset, text in self._kept.items():
            self.site.watches[asset].policy.restore(text)

    # -- what happens to it ----------------------------------------------------------------------

    def restart(self) -> None:
        """The process ends without a word, and another one begins."""
        self._commit()
        self._store.close()
        self.process += 1
        self._start()

    def reboot(self, off_ms: int, wall_ms: int) -> None:
        """The machine was off, and its wall clock says anything."""
        self._commit()
        self._store.close()
        self.process += 1
        clock = self.clock
        clock.true_ms += off_ms
        clock.boot, clock.mono, clock.wall = f"boot-{self.process}", 4_000, wall_ms
        clock.believed = False
        self._start()

    def _commit(self) -> None:
        self._kept = {name: one.policy.to_json() for name, one in self.site.watches.items()}
        self._store.commit(self._batch)
        self._batch = Batch()

    def tell(self, asset: str, metric: str, value: float, reason: Reason = Reason.OK) -> None:
        """A reading comes in."""
        watch = self.site.watches[asset]
        reading = Reading(watch.asset.metrics[metric], value, reason)
        watch.latest.take(reading, self.clock.now_ms(), self.clock.mono_ms())
        if reason is Reason.OK:
            self.told[asset, metric] = Told(self.clock.true_ms, value, self.process)

    def verdict(self, asset: str, label: str) -> None:
        """A model says something; the policy decides."""
        watch, clock = self.site.watches[asset], self.clock
        verdict = Verdict(asset, clock.now_ms(), clock.mono_ms(), "model:x", label)

        def permit(action: str, value: float | None) -> str:
            return self._permits.claim(By.POLICY, asset, action, value)

        view = watch.latest.at(clock.mono_ms())
        self._carry_out(list(watch.policy.decide(verdict, view, permit)))

    def want(self, asset: str, action: str, value: float | None, by: By) -> None:
        """A person, a fail-safe, or a policy gone wild wants something done."""
        refused = self._permits.claim(by, asset, action, value)
        rung = "person:eve" if by is By.PERSON else "model:x"
        policy = f"{asset}/fail_safe" if by is By.FAIL_SAFE else f"{asset}/policy/9"
        verdict = Verdict(asset, self.clock.now_ms(), self.clock.mono_ms(), rung, "alarm")
        self._carry_out(
            [
                Decision(
                    "d", asset, policy, "raised", Mode.ACT, action, verdict, refused, value=value
                )
            ]
        )

    def flag(self, asset: str, flag: str, *, on: bool) -> None:
        """A person sets or ends a hold, maintenance, or (asset "") the global stop."""
        if on:
            self.flags.add((asset, flag))
            self._put(asset, flag)
        elif (asset, flag) in self.flags:
            self.flags.discard((asset, flag))
            self._standing.end(self._intervention(asset, flag).key)

    def end(self, what: Step) -> None:
        """The oldest command on its way gets its outcome."""
        for command in list(self._open.values()):
            if command.state in (State.SENT, State.ACCEPTED):
                self._record(step(command, what))
                return

    @property
    def open(self) -> list[Command]:
        """The commands that have not ended."""
        return list(self._open.values())

    def states(self) -> dict[str, int]:
        """How many stored commands there are in each state."""
        with Reader.open(self.settings.store.path) as reader:
            rows = reader.query("SELECT state, count(*) FROM command GROUP BY state").rows
        return {str(state): int(str(count)) for state, count in rows}

    def reconnect(self) -> None:
        """The broker is back: what waited is sent, if it still may be."""
        self.connected = True
        for command in list(self._open.values()):
            if command.state is not State.STORED:
                continue
            if self.clock.mono_ms() >= command.expires_mono_ms:
                self._record(step(command, Step.EXPIRE))
                continue
            refused = self._permits.again(command)
            if refused:
                self._record(step(command, Step.REFUSE, reason=refused))
            else:
                self._send(command)

    # -- how it acts, as daemon/act.py does -------------------------------------------------------

    def _carry_out(self, decisions: Sequence[Decision]) -> None:
        ready = [self._propose(one) for one in decisions if one.action and not one.refused]
        self.refusals |= {one.refused for one in decisions if one.refused}
        self._permits.settle()
        for command in ready:
            if command is not None and self.connected:
                self._send(command)

    def _propose(self, decision: Decision) -> Command | None:
        refused = self._permits.decided(decision)
        action = self.site.settings.assets[decision.asset].actions.get(decision.action)
        if refused or action is None:
            self.refusals.add(refused)
            return None
        self._ids += 1
        bridge = self.site.feeds[action.source].bridge
        command = draft(
            decision,
            action,
            bridge,
            command_id=f"c{self._ids}",
            boot=self.clock.boot,
            now_ms=self.clock.now_ms(),
            mono_ms=self.clock.mono_ms(),
        )
        return self._record(step(step(command, Step.CHECK), Step.STORE))

    def _send(self, command: Command) -> None:
        clock = self.clock
        stamps = {"sent_at_ms": clock.now_ms(), "sent_mono_ms": clock.mono_ms()}
        command = self._record(step(command, Step.SEND, **stamps))
        refused = self._permits.again(command)
        if refused:
            self.refusals.add(refused)
            self._record(step(command, Step.FAIL))
            return
        flags = {flag for asset, flag in self.flags if asset in ("", command.asset)}
        self.sent.append(
            Sent(
                id=command.id,
                true_ms=clock.true_ms,
                asset=command.asset,
                action=command.action,
                said=dict(command.set),
                by=By.of(command.by or By.POLICY),
                wall_ms=clock.now_ms(),
                believed=clock.ok(),
                flags=frozenset(flags),
                process=self.process,
            )
        )
        self.broken += violations(self)

    def _record(self, command: Command) -> Command:
        self._permits.note(command)
        self._batch.commands.append(command)
        self._open[command.id] = command
        if command.ended:
            del self._open[command.id]
            self.ended[command.id] = self.clock.true_ms
        return command

    def _put(self, asset: str, flag: str) -> None:
        self._standing.put(self._intervention(asset, flag))

    def _intervention(self, asset: str, flag: str) -> Intervention:
        kind = Kind(flag)
        value = MAINTENANCE if kind is Kind.MAINTENANCE else ""
        where = GATEWAY if kind is Kind.STOP else asset
        clock = self.clock
        return Intervention(
            "i", kind, where, "eve", "", clock.now_ms(), clock.mono_ms(), clock.boot, value=value
        )


# -- the oracle -----------------------------------------------------------------------------------


def violations(rig: Rig) -> list[str]:
    """What the newest command breaks, in its own words."""
    one, before = rig.sent[-1], rig.sent[:-1]
    return [name for name, broken in RULES.items() if broken(rig, one, before)]


def _listed(_rig: Rig, one: Sent, _before: Sequence[Sent]) -> bool:
    return one.asset not in "ab" or one.action not in ("stop", "start", "drain", "throttle")


def _told_right(_rig: Rig, one: Sent, _before: Sequence[Sent]) -> bool:
    fixed = {"stop": {"state": "OFF"}, "start": {"state": "ON"}, "drain": {"state": "ON"}}
    if one.action != "throttle":
        return one.said != fixed[one.action]
    return one.said.keys() != {"level"} or one.said["level"] not in range(0, 101, 10)


def _people(_rig: Rig, one: Sent, _before: Sequence[Sent]) -> bool:
    if "stop" in one.flags:
        return True
    if "maintenance" in one.flags and one.by is not By.PERSON:
        return True
    return "hold" in one.flags and one.by is By.POLICY


def _hours(_rig: Rig, one: Sent, _before: Sequence[Sent]) -> bool:
    if one.action != "start":
        return False
    at = datetime.fromtimestamp(one.wall_ms / 1000, UTC)
    return not (one.believed and at.weekday() < 5 and 6 <= at.hour < 22)


def _known(rig: Rig, one: Sent, asset: str, metric: str) -> Told | None:
    """What was told last, by this process and not too long ago."""
    said = rig.told.get((asset, metric))
    fresh = said and said.process == one.process and one.true_ms - said.true_ms <= STALE_MS
    return said if fresh else None


def _interlocks(rig: Rig, one: Sent, _before: Sequence[Sent]) -> bool:
    if one.action != "start":
        return False
    own = _known(rig, one, one.asset, "heat")
    other = _known(rig, one, "b" if one.asset == "a" else "a", "heat")
    return own is None or not own.value < 80 or other is None or other.value > 120


def _shown_undone(
    rig: Rig,
    one: Sent,
    before: Sequence[Sent],
    deed: tuple[str, str],
    metric: str,
    over: Callable[[float], bool],
) -> bool:
    """Something newer than the end of the deed's last command shows that it is not in force."""
    known = _known(rig, one, deed[0], metric)
    if known is None or not over(known.value):
        return False
    did = [s for s in before if (s.asset, s.action) == deed]
    return all(s.id in rig.ended and rig.ended[s.id] < known.true_ms for s in did)


def _exclusion(rig: Rig, one: Sent, before: Sequence[Sent]) -> bool:
    if one.action != "stop":
        return False
    other = ("b" if one.asset == "a" else "a", "stop")
    return not _shown_undone(rig, one, before, other, "power", lambda power: not power < 5)


def _never_with(rig: Rig, one: Sent, before: Sequence[Sent]) -> bool:
    if one.action != "start":
        return False
    drain = (one.asset, "drain")
    return not _shown_undone(rig, one, before, drain, "flow", lambda flow: flow < 1)


def _after(_rig: Rig, one: Sent, before: Sequence[Sent]) -> bool:
    least = {"stop": ("start", 5 * M), "start": ("stop", 10 * M)}
    if one.action not in least:
        return False
    other, span_ms = least[one.action]
    return any(
        (s.asset, s.action) == (one.asset, other) and one.true_ms - s.true_ms < span_ms
        for s in before
    )


def _slew(rig: Rig, one: Sent, before: Sequence[Sent]) -> bool:
    if one.action != "throttle":
        return False
    shown = _known(rig, one, one.asset, "level")
    level = one.said["level"]
    if not isinstance(level, int):
        return False
    close = [
        s.said["level"]
        for s in before
        if (s.asset, s.action) == (one.asset, "throttle") and one.true_ms - s.true_ms < 10 * M
    ]
    told = [float(other) for other in close if isinstance(other, int)]
    return shown is None or any(abs(level - other) > 20 for other in (shown.value, *told))


def _many(span_ms: int, most: int, *, asset: bool) -> Callable[[Rig, Sent, Sequence[Sent]], bool]:
    def broken(_rig: Rig, one: Sent, before: Sequence[Sent]) -> bool:
        close = [
            s
            for s in before
            if one.true_ms - s.true_ms < span_ms and (not asset or s.asset == one.asset)
        ]
        return len(close) + 1 > most

    return broken


RULES: dict[str, Callable[[Rig, Sent, Sequence[Sent]], bool]] = {
    "only what is listed": _listed,
    "values in range and on a step": _told_right,
    "people come first": _people,
    "only during hours": _hours,
    "interlocks": _interlocks,
    "never both stopped": _exclusion,
    "never started while it drains": _never_with,
    "minimum times": _after,
    "slew": _slew,
    "per hour": _many(H, 5, asset=True),
    "per day": _many(24 * H, 9, asset=True),
    "per minute": _many(M, 2, asset=False),
}
