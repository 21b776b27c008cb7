"""Open commands: what has been sent and not yet answered, and what each piece of news means.

Proof first, then the bridge's own best evidence, else ``timeout``. Retained, cached and simulated
values confirm nothing; nothing that was received before the command was sent does either.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.core.assets import Proof
from gateway.core.commands import Command, State, Step, step
from gateway.core.messages import Evidence, Reason, Result, Uplink
from gateway.core.ports import Bridge, Order, Outgoing
from gateway.core.proofs import proves
from gateway.core.readings import Reading

_ECHO = "bridge: state as ordered"


@dataclass(slots=True)
class _Open:
    command: Command
    proof: Proof | None
    asked: bool = False
    """The device was asked for its state after the bridge had accepted."""
    published_mono_ms: int | None = None
    """When it left this machine, or may have: nothing received before can be about it."""

    def may_show(self, mono_ms: int) -> bool:
        """Whether what was received at a time can be about the command."""
        return self.published_mono_ms is not None and mono_ms >= self.published_mono_ms


def order_of(command: Command) -> Order:
    """The command in the words of a bridge."""
    return Order(
        command_id=command.id,
        device=command.device,
        set=command.set,
        expires_at_ms=command.expires_at_ms,
        options=command.options,
        deadline_ms=command.deadline_ms,
    )


class Orders:
    """The commands that have not ended."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[str, _Open] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, command: Command, proof: Proof | None, *, asked: bool = False) -> None:
        """Watch a command; one that was sent by an earlier process may have been published."""
        self._open[command.id] = _Open(command, proof, asked, command.sent_mono_ms)

    def published(self, command_id: str, mono_ms: int) -> None:
        """The command is on its way: what is received from now on can be about it."""
        watched = self._open.get(command_id)
        if watched is not None:
            watched.published_mono_ms = mono_ms

    def update(self, command: Command) -> Command:
        """Note a command's new state; an ended one is watched no more."""
        watched = self._open.get(command.id)
        if watched is not None:
            watched.command = command
            if command.ended:
                del self._open[command.id]
        return command

    def get(self, command_id: str) -> Command | None:
        """An open command."""
        watched = self._open.get(command_id)
        return None if watched is None else watched.command

    def all(self) -> list[Command]:
        """The open commands, oldest first."""
        return [watched.command for watched in self._open.values()]

    def waiting(self) -> list[Command]:
        """Stored and not yet sent, oldest first."""
        return [command for command in self.all() if command.state is State.STORED]

    def on_reading(
        self, asset: str, reading: Reading, mono_ms: int, now_ms: int
    ) -> Iterator[Command]:
        """Commands that this reading proves."""
        if not self._open:
            return
        for watched in list(self._open.values()):
            command = watched.command
            if watched.proof is None or command.asset != asset or not watched.may_show(mono_ms):
                continue
            proof = proves(watched.proof, reading)
            if proof:
                yield self.update(
                    step(command, Step.CONFIRM, evidence=f"proof: {proof}", ended_at_ms=now_ms)
                )

    def on_uplink(
        self, source: str, bridge: Bridge, uplink: Uplink, mono_ms: int, now_ms: int
    ) -> Iterator[tuple[Command, Sequence[Outgoing]]]:
        """Commands whose values the device's state shows, and what to publish to make sure.

        Where a proof is declared, the state is the bridge's word and no more. Else a device that
        can be asked is asked, and its answer confirms; where it cannot be asked, the state is the
        best evidence there is.
        """
        if not self._open or uplink.reason is not Reason.OK:
            return
        for watched in list(self._open.values()):
            command = watched.command
            if (
                command.source != source
                or command.device != uplink.device
                or not watched.may_show(mono_ms)
                or not bridge.confirms(order_of(command), uplink)
            ):
                continue
            yield from self._echoed(watched, bridge, now_ms)

    def _echoed(
        self, watched: _Open, bridge: Bridge, now_ms: int
    ) -> Iterator[tuple[Command, Sequence[Outgoing]]]:
        command = watched.command
        if watched.proof is not None:
            if command.state is State.SENT:  # said once: an echo that repeats is no news
                yield self.update(step(command, Step.ACCEPT, evidence=_ECHO)), ()
            return
        asks = () if watched.asked else bridge.ask(order_of(command))
        if asks:
            watched.asked = True
            yield self.update(step(command, Step.ACCEPT, evidence=_ECHO)), asks
            return
        evidence = "device: state as ordered, after it was asked" if watched.asked else _ECHO
        yield self.update(step(command, Step.CONFIRM, evidence=evidence, ended_at_ms=now_ms)), ()

    def on_result(self, source: str, result: Result, now_ms: int) -> Iterator[Command]:
        """Commands that a bridge's own answer is about: by id, else by device and property."""
        for watched in list(self._open.values()):
            command = watched.command
            if command.source != source or command.state not in (State.SENT, State.ACCEPTED):
                continue
            if not _about(result, command):
                continue
            yield self.update(self._resulted(watched, result, now_ms))

    def _resulted(self, watched: _Open, result: Result, now_ms: int) -> Command:
        command, evidence = watched.command, f"bridge: {result.detail or result.evidence.value}"
        if result.evidence is Evidence.FAILED:
            return step(command, Step.FAIL, reason=result.detail or "bridge", ended_at_ms=now_ms)
        if result.evidence is Evidence.CONFIRMED and watched.proof is None:
            evidence = f"device: {result.detail or 'acknowledged'}"
            return step(command, Step.CONFIRM, evidence=evidence, ended_at_ms=now_ms)
        return step(command, Step.ACCEPT, evidence=evidence)

    def on_time(self, mono_ms: int, now_ms: int) -> Iterator[Command]:
        """Commands whose time is over: unsent ones expire, sent ones time out."""
        for watched in list(self._open.values()):
            command = watched.command
            if command.state is State.STORED:
                if mono_ms >= command.expires_mono_ms:
                    yield self.update(
                        step(command, Step.EXPIRE, reason="not sent in time", ended_at_ms=now_ms)
                    )
            elif (
                command.sent_mono_ms is not None
                and mono_ms >= command.sent_mono_ms + command.deadline_ms
            ):
                missing = "no proof" if watched.proof is not None else "no evidence"
                yield self.update(step(command, Step.DEADLINE, reason=missing, ended_at_ms=now_ms))

    def next_mono_ms(self) -> int | None:
        """When ``on_time`` has something to do next."""
        times = [
            command.expires_mono_ms
            if command.sent_mono_ms is None
            else command.sent_mono_ms + command.deadline_ms
            for command in self.all()
        ]
        return min(times, default=None)


def _about(result: Result, command: Command) -> bool:
    if result.command_id:
        return result.command_id == command.id
    if result.device != command.device:
        return False
    return not result.key or result.key in command.set


def resume(command: Command, boot: str, mono_ms: int, now_ms: int) -> Command:
    """A command found open at start, on this boot's monotonic clock.

    Within one boot its times hold. After another boot the time that passed is taken from the wall
    clock, and where that cannot be (it went back) none is assumed to be left.
    """
    if command.boot == boot:
        return command
    void_at_ms = command.created_at_ms + command.expires_mono_ms - command.created_mono_ms
    changes: Mapping[str, object] = {
        "boot": boot,
        "expires_mono_ms": mono_ms + _left(void_at_ms, command.created_at_ms, now_ms),
        "created_mono_ms": mono_ms,
    }
    if command.sent_at_ms is None:
        return _changed(command, changes)
    left = _left(command.sent_at_ms + command.deadline_ms, command.sent_at_ms, now_ms)
    sent = mono_ms + left - command.deadline_ms
    return _changed(command, {**changes, "sent_mono_ms": sent})


def _left(end_ms: int, start_ms: int, now_ms: int) -> int:
    return max(0, end_ms - now_ms) if now_ms >= start_ms else 0


def _changed(command: Command, changes: Mapping[str, object]) -> Command:
    return replace(command, **changes)  # type: ignore[arg-type]
