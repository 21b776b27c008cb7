"""Giving one safe command without a gateway: the same words, the same record, its last limits.

What people and interlocks said when the gateway looked last holds here, as far as its store can be
read. Where it cannot, the command is given: the file says what is safe when nothing is known.
"""

import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from gateway import registry
from gateway.adapters.mqtt import Client
from gateway.cli.fleet_ear import Ear
from gateway.config.settings import Settings
from gateway.core import wills
from gateway.core.absence import Done, command, decision, line
from gateway.core.assets import Action, Asset
from gateway.core.fleet import owners, ties
from gateway.core.ids import RANDOM_BYTES, new_id
from gateway.core.messages import Message
from gateway.core.orders import order_of
from gateway.core.ports import Bridge, Outgoing
from gateway.daemon.absence import place
from gateway.daemon.commander import commanding
from gateway.daemon.wills import ROOM, visitor
from gateway.errors import EncodeError, NotConnectedError, StoreError
from gateway.store.reader import Reader

CONNECT_S: Final = 10.0
ANSWER_S: Final = 5.0
UNSAID: Final = "the gateway said nothing of it"

Kept = Mapping[tuple[str, str], str]


class Give:
    """Safe commands of one file."""

    def __init__(self, settings: Settings) -> None:
        """Nothing is given."""
        self._settings = settings
        self._file = place(settings.store.path)

    def asset(self, asset: Asset, dead_ms: int) -> Done:
        """Give what is declared for one asset, and write down what became of it."""
        safe = asset.fail_safe
        assert safe is not None  # noqa: S101  # its caller has seen to it
        action = asset.actions[safe.action]
        kept = _kept(self._settings.store.path)
        done = Done(
            *(_id(), _id(), asset.id, action.name, safe.value),
            set=dict(action.said(safe.value)),
            at_ms=time.time_ns() // 1_000_000,
            dead_ms=dead_ms,
            refused=self._commanded(asset.id) or ("" if kept is None else _forbidden(asset, kept)),
        )
        if not done.refused:
            done = self._send(done, asset, action, kept or {})
        self._write(done)
        return done

    def _commanded(self, asset: str) -> str:
        """Another gateway of the fleet commands it: it looks after the asset itself."""
        settings, fleet = self._settings, self._settings.fleet
        if fleet is None:
            return ""
        owned = owners(
            settings.assets, list(ties(settings.assets, settings.exclusions)), fleet.members
        )
        slot = owned[asset]
        try:
            with Ear(settings, fleet) as ear:
                ear.listen((fleet.silent_ms + fleet.beat_ms) / 1000, lambda: slot in ear.beating)
        except NotConnectedError as error:
            return str(error)
        who = ear.holder(slot)
        return f"fleet: {who} commands it" if who else ""

    def _send(self, done: Done, asset: Asset, action: Action, kept: Kept) -> Done:
        bridge = self._bridge(action, kept)
        made = decision(done, asset, 0)
        try:
            outgoing = bridge.encode(order_of(command(done, made, action, bridge, "", 0)))
        except EncodeError as error:
            return replace(done, refused=str(error))
        self._write(replace(done, said="unknown"))  # before it leaves: it may be sent from now on
        try:
            said = self._publish(asset.id, action, outgoing, will=_willed(asset, bridge, action))
        except NotConnectedError as error:
            return replace(done, refused=str(error))
        return replace(done, said=said)

    def _publish(
        self, asset: str, action: Action, outgoing: Sequence[Outgoing], *, will: bool
    ) -> str:
        """What the broker answered.

        Under the name whose session holds the will: the broker forgets that then.

        Raises:
            NotConnectedError: nothing was sent.
        """
        broker = self._settings.brokers[self._settings.sources[action.source].broker]
        name = f"{broker.client_id}-dead-{asset}"
        fleet = self._settings.fleet
        own = commanding(broker, fleet, name) if fleet else replace(broker, client_id=name)
        own = visitor(broker, asset, 0, fleet) if will else own
        client = Client(own, on_wake=_nothing, wall_ms=lambda: time.time_ns() // 1_000_000)
        client.start()
        try:
            _until(lambda: client.state.connected, CONNECT_S)
            if not client.state.connected:
                why = client.state.last_error or "no answer"
                raise NotConnectedError(f"no connection to {broker.name}: {why}")
            for ticket, message in enumerate(outgoing, 1):
                client.publish(message, expires_s=action.expires_ms / 1000, ticket=ticket)
            outcomes: list[str] = []

            def all_said() -> bool:
                outcomes.extend(one.reason or "acknowledged" for one in client.take_outcomes())
                return len(outcomes) >= len(outgoing)

            return ", ".join(dict.fromkeys(outcomes)) if _until(all_said, ANSWER_S) else "unknown"
        finally:
            client.stop(farewell=None)

    def _bridge(self, action: Action, kept: Kept) -> Bridge:
        """The bridge of an action, which reads again what its registry said last."""
        source = self._settings.sources[action.source]
        bridge: Bridge = registry.find("bridges", source.kind)(source.name, source.settings)
        for (room, key), text in kept.items():
            owner, _, topic = key.partition("\n")
            if room == "roster" and owner == source.name:
                raw = text.encode()
                bridge.decode(
                    Message(
                        source.broker,
                        topic,
                        raw,
                        0,
                        retain=True,
                        dup=False,
                        received_at_ms=0,
                        received_mono_ms=0,
                    )
                )
        return bridge

    def _write(self, done: Done) -> None:
        """One more line, on the disk when this returns."""
        with self._file.open("a") as file:
            file.write(line(done))
            file.flush()
            os.fsync(file.fileno())


def _kept(store: Path) -> Kept | None:
    """What the gateway kept; None when that cannot be read."""
    try:
        with Reader.open(store) as reader:
            rows: list[tuple[Any, ...]] = reader.query("SELECT room, key, text FROM kept").rows
    except StoreError:
        return None
    return {(str(room), str(key)): str(text) for room, key, text in rows}


def _forbidden(asset: Asset, kept: Kept) -> str:
    """What the gateway said last of this asset, and what people said of everything."""
    if any(room == "interventions" and "stop" in key.split("\n") for room, key in kept):
        return "stopped"
    text = kept.get((ROOM, asset.id))
    return UNSAID if text is None else str(json.loads(text)["refused"])


def _willed(asset: Asset, bridge: Bridge, action: Action) -> bool:
    safe = asset.fail_safe
    return safe is not None and wills.will(bridge, action, safe.value) is not None


def _until(true: Callable[[], bool], limit_s: float) -> bool:
    until = time.monotonic() + limit_s
    while not true():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


def _id() -> str:
    return new_id(time.time_ns() // 1_000_000, os.urandom(RANDOM_BYTES))


def _nothing() -> None:
    """Its state is looked at."""
