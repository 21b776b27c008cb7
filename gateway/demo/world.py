"""A simulated site: quantities that move, switches that are thrown. No clock, no I/O, no threads.

A quantity settles towards what its first course says whose ``when`` holds, or is a formula of other
things. Formulas and conditions are written in the language of the gateway's own rules. The same
seed and the same steps give the same site.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from gateway.core.rules import Expression, evaluate
from gateway.core.signals import Signal
from gateway.demo.plant import Drift, Plant, settle


@dataclass(frozen=True, slots=True)
class Course:
    """Where a quantity goes, and how fast."""

    to: Expression
    when: Expression | None = None
    """None: always."""
    tau_s: float = 0.0
    """Time constant; 0: at once."""


@dataclass(slots=True)
class Quantity:
    """Something that is measured."""

    value: float
    """The truth, which no sensor shows exactly."""
    courses: Sequence[Course]
    noise: float = 0.0
    """Standard deviation of what a sensor shows about it."""
    wander: Drift | None = None
    digits: int = 1
    least: float | None = None

    def shown(self, random: Random) -> float:
        """As a sensor says it."""
        value = self.value + (random.gauss(0, self.noise) if self.noise else 0.0)
        value = value if self.least is None else max(self.least, value)
        return round(value, self.digits)


@dataclass(slots=True)
class Switch:
    """Something that is so or not: a relay, a door, a fault. A thermostat throws itself."""

    on: bool
    turns_on: Expression | None = None
    turns_off: Expression | None = None


@dataclass(slots=True)
class World:
    """What there is at the site, and how it is now. It is a view for rules, without a past."""

    random: Random
    quantities: Mapping[str, Quantity] = field(default_factory=dict)
    switches: Mapping[str, Switch] = field(default_factory=dict)
    plant: Plant | None = None
    """The cooling plant, whose pumps are named as ``pump_7.power``."""
    at_s: float = 0.0

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` seconds pass."""
        self.at_s += dt_s
        if self.plant is not None:
            self._step_plant(self.plant, dt_s)
        for switch in self.switches.values():
            if switch.turns_on is not None and evaluate(switch.turns_on, self):
                switch.on = True
            elif switch.turns_off is not None and evaluate(switch.turns_off, self):
                switch.on = False
        for quantity in self.quantities.values():
            self._move(quantity, dt_s)

    def throw(self, name: str, value: object) -> None:
        """Throw a switch or set a quantity.

        Raises:
            KeyError: there is no such thing.
        """
        if name in self.switches:
            self.switches[name].on = bool(value)
        else:
            self.quantities[name].value = float(str(value))

    def shown(self, expression: Expression) -> float | bool:
        """What a sensor shows: of a quantity with its noise, else as it is."""
        quantity = self.quantities.get(expression.text)
        if quantity is not None:
            return quantity.shown(self.random)
        found = evaluate(expression, self)
        if found is None:
            raise ValueError(f"{expression.text} is nothing at this site")
        return found if isinstance(found, bool) else round(found, 2)

    def value(self, metric: str) -> float | bool | str | None:
        """The truth about a quantity or a switch."""
        if metric in self.quantities:
            return self.quantities[metric].value
        if metric in self.switches:
            return self.switches[metric].on
        pump, _, what = metric.replace("_", "-", 1).partition(".")
        row = self.plant.pumps[pump].row if self.plant and pump in self.plant.pumps else None
        return None if row is None else float(getattr(row, what))

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        """It remembers nothing."""
        del metric, span_ms
        return ()

    def signal(self, metric: str) -> Signal | None:
        """It has no waveforms."""
        del metric
        return None

    def age_ms(self, metric: str) -> int | None:
        """Everything is of now."""
        del metric
        return 0

    def _move(self, quantity: Quantity, dt_s: float) -> None:
        for course in quantity.courses:
            if course.when is None or evaluate(course.when, self):
                to = evaluate(course.to, self)
                if to is None:
                    raise ValueError(f"{course.to.text} is nothing at this site")
                drift = quantity.wander.step(dt_s, self.random) if quantity.wander else 0.0
                target = float(to) + drift
                tau_s = course.tau_s
                quantity.value = settle(quantity.value, target, dt_s, tau_s) if tau_s else target
                return

    def _step_plant(self, plant: Plant, dt_s: float) -> None:
        """A switch that is called like a pump is its relay."""
        for name, pump in plant.pumps.items():
            if name in self.switches:
                pump.on = self.switches[name].on
        plant.step(dt_s)
