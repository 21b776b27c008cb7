"""A device of a simulated site: what it shows of the site, and what it moves there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite
from struct import pack

from gateway.core.rules import Expression
from gateway.demo.registry_zigbee2mqtt import binary, numeric, switch
from gateway.demo.thing import Answer
from gateway.demo.world import World

Words = tuple[object, object]
"""How a bridge says no and yes."""


@dataclass(slots=True)
class Device:
    """A sensor, an actuator, or both."""

    id: str
    name: str
    world: World
    every_s: float
    shows: Mapping[str, Expression]
    """By the bridge's property: what it shows of the site."""
    takes: Mapping[str, str] = field(default_factory=dict)
    """By property: the switch or quantity that an order moves."""
    words: Mapping[str, Words] = field(default_factory=dict)
    range: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """By property that takes a number: what it accepts."""
    silent: bool = False

    def feel(self) -> dict[str, object]:
        """What its sensors show now."""
        return {key: self._said(key, of) for key, of in self.shows.items()}

    def frame(self) -> bytes:
        """Every number as a float of four bytes; its codec knows which is which."""
        numbers = [value for value in self.feel().values() if isinstance(value, int | float)]
        return pack(f">{len(numbers)}f", *numbers)

    def answer(self, key: str, value: object) -> Answer:
        """A word of its own, or a number within its range."""
        if key not in self.takes:
            return "unknown"
        if key in self.words:
            return "taken" if value in self.words[key] else "refused"
        low, high = self.range.get(key, (float("-inf"), float("inf")))
        number = isinstance(value, int | float) and isfinite(value)
        return "taken" if number and low <= float(str(value)) <= high else "refused"

    def obey(self, key: str, value: object) -> bool:
        """Move the site."""
        words = self.words.get(key)
        self.world.throw(self.takes[key], value if words is None else value == words[1])
        return True

    def exposes(self) -> list[dict[str, object]]:
        """As Zigbee2MQTT describes it; a number that can be set may be asked for, too."""
        return [self._expose(key) for key in self.shows]

    def _said(self, key: str, of: Expression) -> object:
        value = self.world.shown(of)
        return self.words[key][bool(value)] if key in self.words else value

    def _expose(self, key: str) -> dict[str, object]:
        words = self.words.get(key)
        if key == "state":
            return switch()
        if words is not None or isinstance(self.world.shown(self.shows[key]), bool):
            no, yes = words or (False, True)
            return binary(key, yes, no)
        if key not in self.takes:
            return numeric(key, "", access=1)
        low, high = self.range[key]
        return numeric(key, "", access=7) | {"value_min": low, "value_max": high}
