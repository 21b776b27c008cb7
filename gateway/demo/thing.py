"""A device as a radio sees it: what it says of itself, and what it can be told."""

from typing import Literal, Protocol

Answer = Literal["taken", "refused", "unknown"]


class Clock(Protocol):
    """Whatever lives in the time of the simulated site."""

    @property
    def at_s(self) -> float:
        """Seconds since its beginning."""


class Thing(Protocol):
    """A sensor, or an actuator, or both, without the radio."""

    id: str
    """Its address: IEEE address, devEUI, device id or topic."""
    name: str
    every_s: float
    """Time between two reports, in site time."""
    silent: bool
    """It says nothing and hears nothing: its battery is dead, or it is out of reach."""

    def feel(self) -> dict[str, object]:
        """What its sensors show now, by the bridge's property names."""

    def frame(self) -> bytes:
        """The same as it goes over the air, before a codec decoded it."""

    def answer(self, key: str, value: object) -> Answer:
        """Whether it has such a property, and takes such a value."""

    def obey(self, key: str, value: object) -> bool:
        """Do what ``answer`` took; whether its sensors will show it."""

    def exposes(self) -> list[dict[str, object]]:
        """What a Zigbee registry says of it."""


def obey(thing: Thing, wanted: object) -> None:
    """A LoRaWAN device does what a codec made bytes of; bare bytes mean nothing to it."""
    for key, value in wanted.items() if isinstance(wanted, dict) else ():
        if thing.answer(key, value) == "taken":
            thing.obey(key, value)
