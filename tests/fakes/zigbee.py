"""A Zigbee2MQTT with a plug and a probe, and an ear on everything that is ordered and announced."""

import itertools
import json
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until

SWITCH = {
    "type": "switch",
    "features": [
        {
            "type": "binary",
            "name": "state",
            "property": "state",
            "access": 7,
            "value_on": "ON",
            "value_off": "OFF",
        }
    ],
}


def numeric(name: str) -> dict[str, object]:
    return {"type": "numeric", "name": name, "property": name, "access": 1}


def device(address: int, name: str, *exposes: dict[str, object]) -> dict[str, object]:
    return {
        "ieee_address": f"0x{address:016x}",
        "friendly_name": name,
        "type": "Router",
        "supported": True,
        "disabled": False,
        "interview_completed": True,
        "power_source": "Mains (single phase)",
        "definition": {"model": "M", "vendor": "V", "description": "", "exposes": list(exposes)},
    }


PLUG = device(1, "plug", SWITCH, numeric("power"))
PROBE = device(2, "probe", numeric("temperature"))


class Zigbee:
    """The bridge side of a broker."""

    def __init__(self, port: int, *devices: dict[str, object], **credentials: str) -> None:
        """``devices`` are what ``bridge/devices`` lists; without any, the plug and the probe."""
        self.port = port
        filters = ("edge/#", "zigbee2mqtt/+/set", "zigbee2mqtt/+/get")
        self.peer = Peer(port, *filters, **credentials)
        self.devices = devices or (PLUG, PROBE)

    def __enter__(self) -> Self:
        self.peer.__enter__()
        self.introduce()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.peer.__exit__(kind, error, traceback)

    def introduce(self) -> None:
        """Publish the retained topics of the bridge."""
        topics = {
            "bridge/state": {"state": "online"},
            "bridge/info": {"version": "2.1.0", "config": {"advanced": {"cache_state": False}}},
            "bridge/devices": list(self.devices),
        }
        for topic, document in topics.items():
            self.peer.publish(f"zigbee2mqtt/{topic}", json.dumps(document), retain=True)

    def tell(self, name: str, **values: object) -> None:
        """A device reports; the broker has it when this returns."""
        self.peer.publish(f"zigbee2mqtt/{name}", json.dumps(values))

    @contextmanager
    def talking(self, name: str, every_s: float, **values: Sequence[object]) -> Iterator[None]:
        """A device reports by itself, again and again: the values of each key in turn."""
        over, turn = threading.Event(), itertools.count()

        def talk() -> None:
            while not over.wait(every_s):
                at = next(turn)
                self.tell(name, **{key: given[at % len(given)] for key, given in values.items()})

        thread = threading.Thread(target=talk)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join(10)

    def heard(self, topic: str) -> list[Any]:
        """Documents on a topic, oldest first."""
        return [json.loads(payload) for at, payload, _ in list(self.peer.heard) if at == topic]

    @property
    def orders(self) -> list[Any]:
        """What was published on the plug's set topic, by anybody."""
        return self.heard("zigbee2mqtt/plug/set")

    @property
    def availability(self) -> str:
        """The newest word on the gateway's availability."""
        topic = "edge/here/availability"
        said = [payload for at, payload, _ in list(self.peer.heard) if at == topic]
        return said[-1].decode() if said else ""

    def online(self) -> Self:
        """Wait until the gateway says that it listens."""
        wait_until(lambda: self.availability == "online", "the gateway is online")
        return self

    def obey(self, count: int = 1) -> None:
        """Wait for an order, then do what a plug does: echo its state, draw no power."""
        wait_until(lambda: len(self.orders) >= count, "an order")
        self.tell("plug", state="OFF", power=0.3)

    def newest(self, topic: str) -> Any:
        """The newest document on one of the gateway's topics; empty when there is none."""
        said = self.heard(f"edge/here/{topic}")
        return said[-1] if said else {}
