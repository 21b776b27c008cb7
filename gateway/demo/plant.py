"""A cooling plant: pumps, their bearings and what their sensors feel. No clock, no I/O, no threads.

The bearing of a real pump dies in weeks, this one's in well under a minute: the order of the signs
is the real one (vibration first, then power, temperature last), only the calendar is shorter.

The same seed and the same steps give the same plant, bit for bit, so a copy taken at any moment is
the plant's other future: what would have happened had nobody stopped the pump.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from math import exp, expm1, pi, sin, sqrt
from random import Random
from typing import NamedTuple

PUMPS = ("pump-5", "pump-6", "pump-7")
WEARING = "pump-7"

RATED_POWER = 550.0  # W
RATED_FLOW = 120.0  # l/min
RATED_RISE = 26.0  # K above the room at full load
RATED_VIBRATION = 1.8  # mm/s rms: a newly commissioned machine (ISO 10816-3 zone A)
ROOM = 22.0  # degC

LIFE_S = 34.0  # from the first damage to a bearing that is gone (wear 1)
GROWTH = 2.5  # damage feeds on itself: wear grows as exp(GROWTH * t)
MOST_WEAR = 1.25
SPIN_S, COAST_S = 0.5, 0.8  # time constants of starting and of coasting down
HEAT_S, COOL_S = 8.0, 45.0  # a standing pump has no flow to cool it
FINEST_STEP_S = 0.1


class Row(NamedTuple):
    """What the sensors of one pump show at one time."""

    at_s: float
    power: float
    """[W]"""
    flow: float
    """[l/min]"""
    temperature: float
    """Of the bearing [degC]."""
    vibration: float
    """Velocity, rms [mm/s]."""
    wear: float
    """The truth, which no sensor shows: 0 new, 1 gone."""


NOTHING = Row(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)


def wear_after(seconds: float, life_s: float = LIFE_S) -> float:
    """Wear after so long a time of running with a damaged bearing: 0 at 0, 1 at ``life_s``."""
    if seconds <= 0:
        return 0.0
    return min(MOST_WEAR, expm1(GROWTH * min(seconds / life_s, 2.0)) / expm1(GROWTH))


def settle(value: float, target: float, dt_s: float, tau_s: float) -> float:
    """First-order lag, exact for any step."""
    return target + (value - target) * exp(-dt_s / tau_s)


@dataclass(slots=True)
class Drift:
    """A quantity that wanders about 0 and forgets after ``tau_s`` (Ornstein-Uhlenbeck, exact)."""

    sigma: float
    tau_s: float
    value: float = 0.0

    def step(self, dt_s: float, random: Random) -> float:
        """Wander for ``dt_s``."""
        keep = exp(-dt_s / self.tau_s)
        self.value = self.value * keep + self.sigma * sqrt(1 - keep * keep) * random.gauss(0, 1)
        return self.value


@dataclass(slots=True)
class Pump:
    """One pump, its motor's plug and its bearing."""

    id: str
    random: Random
    wear_start_s: float | None = None
    """When the bearing takes its first damage, in plant time; None: never."""
    on: bool = True
    """The relay of its plug."""
    spin: float = 1.0
    """Speed as a share of the rated one."""
    running_s: float = 0.0
    """How long it has been turning since the first damage: a standing pump does not wear."""
    temperature: float = ROOM + RATED_RISE
    energy_kwh: float = 0.0
    trim: Drift = field(default_factory=lambda: Drift(sigma=0.012, tau_s=20.0))
    row: Row = NOTHING

    @property
    def wear(self) -> float:
        """0 new, 1 gone."""
        return wear_after(self.running_s)

    def step(self, at_s: float, dt_s: float, demand: float, room: float) -> None:
        """Move on to ``at_s``; ``demand`` is the load as a share of the rated one."""
        noise = self.random.gauss
        load = demand + self.trim.step(dt_s, self.random)
        self.spin = settle(self.spin, float(self.on), dt_s, SPIN_S if self.on else COAST_S)
        if self.on and self.wear_start_s is not None and at_s > self.wear_start_s:
            self.running_s += dt_s
        wear = self.wear
        heat = load * RATED_RISE + 62.0 * wear * wear  # friction shows late, then quickly
        target = room + (heat if self.on else 0.0)
        tau_s = HEAT_S if self.on else COOL_S
        self.temperature = settle(self.temperature, target, dt_s, tau_s)
        inrush = 1.0 + 2.0 * max(0.0, 1.0 - self.spin)
        power = RATED_POWER * load * (1 + 0.4 * wear) * inrush + noise(0, 3.0)
        flow = RATED_FLOW * load * (1 - 0.12 * wear) * self.spin + noise(0, 0.8)
        turning = self.spin * self.spin
        shake = RATED_VIBRATION * turning * (0.7 + 0.3 * load) * (1 + 4.0 * wear)
        vibration = shake * (1 + noise(0, 0.03)) + abs(noise(0, 0.01))
        power = max(0.0, power) if self.on else 0.0
        self.energy_kwh += power * dt_s / 3.6e6
        self.row = Row(
            at_s,
            power,
            max(0.0, flow) if self.spin > 0.01 else 0.0,
            self.temperature + noise(0, 0.08),
            max(0.0, vibration),
            wear,
        )


class Plant:
    """Three pumps that share a cooling load."""

    def __init__(self, seed: int, *, wear_start_s: float | None = None) -> None:
        self.at_s = 0.0
        self._random = Random(f"plant {seed}")
        self._phase = self._random.uniform(0, 2 * pi)
        self._demand = Drift(sigma=0.035, tau_s=25.0)
        self._room = Drift(sigma=0.8, tau_s=300.0)
        self.pumps = {
            name: Pump(name, Random(f"{name} {seed}"), wear_start_s if name == WEARING else None)
            for name in PUMPS
        }
        self._move(FINEST_STEP_S)  # so that every sensor shows something at once
        self.at_s = 0.0

    def step(self, dt_s: float) -> None:
        """Let ``dt_s`` seconds pass."""
        while dt_s > 1e-9:
            part = min(dt_s, FINEST_STEP_S)
            self._move(part)
            dt_s -= part

    def _move(self, dt_s: float) -> None:
        self.at_s += dt_s
        wave = 0.06 * sin(2 * pi * self.at_s / 47.0 + self._phase)
        demand = 1.0 + wave + self._demand.step(dt_s, self._random)
        room = ROOM + self._room.step(dt_s, self._random)
        for pump in self.pumps.values():
            pump.step(self.at_s, dt_s, demand, room)


def rows(plant: Plant, seconds: float, period_s: float = 1.0, pump: str = WEARING) -> Iterator[Row]:
    """Let the plant run and look at one pump every ``period_s``."""
    for _ in range(int(seconds / period_s)):
        plant.step(period_s)
        yield plant.pumps[pump].row


def simulate(
    seed: int, seconds: float, period_s: float = 1.0, wear_start_s: float | None = None
) -> Sequence[Row]:
    """The history of the pump that wears (or, with ``wear_start_s`` None, does not)."""
    return list(rows(Plant(seed, wear_start_s=wear_start_s), seconds, period_s))
