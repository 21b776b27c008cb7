"""Open commands: what has been sent and not yet answered, and what each piece of news means.

Proof first, then the bridge's own best evidence, else ``timeout``. Retained, cached and simulated
values confirm nothing; nothing that was received before the command was sent does either. What a
bridge says before its device does (an optimistic echo) is *accepted*: the device is asked, and its
answer confirms.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from gateway.core.assets import Proof
from gateway.core.commands import Command, State, Step, step
from gateway.core.echoes import denied
from gateway.core.messages import Evidence, Reason, Result, Tree, Uplink
from gateway.core.ports import Bridge, Order, Outgoing
from gateway.core.proofs import proves
from gateway.core.readings import Reading
from gateway.core.resuming import resume
from gateway.core.watched import NACKS, Watched, about, missing, order_of, resulted

__all__ = ["NACKS", "Orders", "order_of", "resume"]

_ECHO = "bridge: state as ordered"
_OPEN = (State.SENT, State.ACCEPTED)
Answers = Callable[[Order, Uplink, Tree], bool]


class Orders:
    """The commands that have not ended."""

    def __init__(self) -> None:
        """Start with none."""
        self._open: dict[str, Watched] = {}
        self._devices: dict[tuple[str, str], list[Watched]] = {}
        self._proofs: dict[str, list[Watched]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, command: Command, proof: Proof | None) -> None:
        """Watch a command; one that was sent by an earlier process may have been published."""
        order, sent_mono_ms = order_of(command), command.sent_mono_ms
        watched = Watched(command, proof, order, published_mono_ms=sent_mono_ms)
        self._open[command.id] = watched
        self._devices.setdefault((command.source, command.device), []).append(watched)
        if proof is not None:
            self._proofs.setdefault(command.asset, []).append(watched)

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
                _without(watched, self._devices, (command.source, command.device))
                _without(watched, self._proofs, command.asset)
        return command

    def awaits(self, asset: str) -> bool:
        """A reading of the asset may prove a command."""
        return asset in self._proofs

    def about(self, source: str, device: str) -> bool:
        """A command of the device is open."""
        return (source, device) in self._devices

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
        for watched in list(self._proofs.get(asset, ())):
            if watched.proof is None or not watched.may_show(mono_ms):
                continue
            proof = proves(watched.proof, reading)
            if proof:
                said = f"proof: {proof}"
                yield self.update(
                    step(watched.command, Step.CONFIRM, evidence=said, ended_at_ms=now_ms)
                )

    def on_uplink(
        self, source: str, bridge: Bridge, uplink: Uplink, mono_ms: int, now_ms: int
    ) -> Iterator[tuple[Command, Sequence[Outgoing]]]:
        """Commands whose values the device's state shows, and what to publish to make sure.

        Where a proof is declared, the state is the bridge's word and no more. Of a bridge that
        says so before its device does, the device is asked, and its answer confirms; where it
        cannot be asked, the state is the best evidence there is.
        """
        if uplink.reason is not Reason.OK:
            return
        for watched in list(self._devices.get((source, uplink.device), ())):
            if watched.command.state not in _OPEN or not watched.may_show(mono_ms):
                continue
            if bridge.confirms(watched.order, uplink):
                yield from self._echoed(watched, bridge, uplink, now_ms)
            elif watched.echo is not None:
                yield from self._denied(watched, uplink, now_ms)

    def _echoed(
        self, watched: Watched, bridge: Bridge, uplink: Uplink, now_ms: int
    ) -> Iterator[tuple[Command, Sequence[Outgoing]]]:
        command, order = watched.command, watched.order
        if watched.proof is not None:
            if command.state is State.SENT:  # said once: an echo that repeats is no news
                yield self.update(step(command, Step.ACCEPT, evidence=_ECHO)), ()
            return
        answers: Answers | None = getattr(bridge, "answers", None)
        evidence, before = _ECHO, watched.echo
        if answers is not None and before is not None:
            watched.echo = uplink.values
            if not answers(order, uplink, before):
                return
            evidence = "device: state as ordered, after it was asked"
        elif answers is not None and (asks := bridge.ask(order)):
            watched.echo = uplink.values
            yield self.update(step(command, Step.ACCEPT, evidence=_ECHO)), asks
            return
        yield self.update(step(command, Step.CONFIRM, evidence=evidence, ended_at_ms=now_ms)), ()

    def _denied(
        self, watched: Watched, uplink: Uplink, now_ms: int
    ) -> Iterator[tuple[Command, Sequence[Outgoing]]]:
        """After it was asked, the device shows something else; a number may be on its way."""
        found = denied(watched.command.set, uplink.values)
        watched.wrong = found.text
        if found.final:
            reason = f"device: shows {found.text} after it was asked"
            failed = step(watched.command, Step.FAIL, reason=reason, ended_at_ms=now_ms)
            yield self.update(failed), ()

    def on_result(
        self, source: str, result: Result, mono_ms: int, now_ms: int
    ) -> Iterator[Command]:
        """Commands that an answer is about: by id, else by device, property and time."""
        for watched in list(self._open.values()):
            command = watched.command
            if command.source != source or command.state not in _OPEN:
                continue
            if about(result, command) and (result.command_id or watched.may_show(mono_ms)):
                yield self.update(resulted(watched, result, now_ms))

    def on_gone(self, source: str, device: str, mono_ms: int, now_ms: int) -> Iterator[Command]:
        """Commands whose device announced, after they left, that it is gone."""
        result = Result(Evidence.FAILED, device=device, detail="device: went offline")
        yield from self.on_result(source, result, mono_ms, now_ms)

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
                yield self.update(
                    step(command, Step.DEADLINE, reason=missing(watched), ended_at_ms=now_ms)
                )

    def next_mono_ms(self) -> int | None:
        """When ``on_time`` has something to do next."""
        times = [
            command.expires_mono_ms
            if command.sent_mono_ms is None
            else command.sent_mono_ms + command.deadline_ms
            for command in self.all()
        ]
        return min(times, default=None)


def _without(watched: Watched, lists: dict[Any, list[Watched]], key: object) -> None:
    left = [one for one in lists.get(key, ()) if one is not watched]
    if left:
        lists[key] = left
    else:
        lists.pop(key, None)
