"""A recipe: a configuration, the site it is for, what happens there, and what must come of it.

Each is a folder of ``recipes/``: ``gateway.yaml`` (the configuration to start from), ``cases.yaml``
(what it decides, for ``edge-gateway test``), ``site.yaml`` (the simulated site).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import yaml

from gateway.core import durations
from gateway.core.rules import Expression, parse
from gateway.demo.device import Device
from gateway.demo.plant import Drift, Plant
from gateway.demo.world import Course, Quantity, Switch, World
from gateway.errors import ConfigError

ROOM = Path(__file__).parent / "recipes"
PACKAGES = Path(__file__).parent / "packages"


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happens at the site."""

    at_s: float
    say: str
    throw: Mapping[str, object] = field(default_factory=dict)
    """Switches and quantities, by name."""
    silence: tuple[str, ...] = ()
    """Devices that say nothing any more."""
    publish: Mapping[str, Mapping[str, object]] = field(default_factory=dict)
    """What people say to the gateway: documents by topic, below its own."""


@dataclass(frozen=True, slots=True)
class Promise:
    """What must happen, or must not."""

    that: str
    decision: Mapping[str, object] = field(default_factory=dict)
    command: Mapping[str, object] = field(default_factory=dict)
    response: Mapping[str, object] = field(default_factory=dict)
    always: Expression | None = None
    """True of the site itself, all the time."""
    finally_: Expression | None = None
    """True of the site at the end."""
    never: bool = False
    """No such decision or command comes."""
    after_s: float = 0.0
    until_s: float = float("inf")


@dataclass(frozen=True, slots=True)
class Recipe:
    """One of them, read."""

    name: str
    title: str
    speed: float
    """Site seconds a second."""
    lasts_s: float
    """It ends after so long, in site time."""
    folder: Path
    site: Mapping[str, Any]
    steps: Sequence[Step]
    promises: Sequence[Promise]
    pulse: Sequence[str]
    """Quantities and switches that the screen shows now and then."""

    @property
    def config(self) -> Path:
        """The configuration to start from."""
        return self.folder / "gateway.yaml"

    @property
    def gateway(self) -> str:
        """The id of its gateway."""
        return str(yaml.safe_load(self.config.read_text("utf-8"))["gateway"]["id"])


def names() -> list[str]:
    """Every recipe there is."""
    return sorted(file.parent.name for file in ROOM.glob("*/site.yaml"))


def read(name: str) -> Recipe:
    """Read one.

    Raises:
        ConfigError: there is no such recipe.
    """
    if name not in names():
        raise ConfigError(f"no recipe {name!r}; there are {', '.join(names())}")
    site = yaml.safe_load((ROOM / name / "site.yaml").read_text("utf-8"))
    return Recipe(
        name,
        site["title"],
        float(site["speed"]),
        _s(site["lasts"]),
        ROOM / name,
        site,
        [_step(one) for one in site["steps"]],
        [_promise(one) for one in site["promises"]],
        site["pulse"],
    )


def world(recipe: Recipe, seed: int) -> World:
    """Its site, as it is at the beginning."""
    random = Random(f"{recipe.name} {seed}")
    made = World(
        random,
        {name: _quantity(one) for name, one in recipe.site.get("quantities", {}).items()},
        {name: _switch(one) for name, one in recipe.site.get("switches", {}).items()},
        _plant(recipe.site.get("plant"), seed),
    )
    made.step(0.1)
    made.at_s = 0.0
    return made


def devices(recipe: Recipe, world: World) -> dict[str, list[Device]]:
    """What is at the site, by the kind of its radio."""
    made: dict[str, list[Device]] = {}
    for radio, ones in recipe.site["devices"].items():
        made[radio] = [_device(one, world) for one in ones]
    return made


def _s(text: str) -> float:
    return durations.parse(text) / 1000


def _step(one: Mapping[str, Any]) -> Step:
    silence = tuple(one.get("silence", ()))
    return Step(_s(one["at"]), one["say"], one.get("set", {}), silence, one.get("publish", {}))


def _promise(one: Mapping[str, Any]) -> Promise:
    always, finally_ = one.get("always"), one.get("finally")
    return Promise(
        one["that"],
        one.get("decision", {}),
        one.get("command", {}),
        one.get("response", {}),
        parse(always) if always else None,
        parse(finally_) if finally_ else None,
        one.get("never", False),
        _s(one["after"]) if "after" in one else 0.0,
        _s(one["until"]) if "until" in one else float("inf"),
    )


def _quantity(one: Mapping[str, Any]) -> Quantity:
    wander = one.get("wander")
    return Quantity(
        float(one.get("start", 0)),
        [_course(course) for course in one.get("courses", ())],
        float(one.get("noise", 0)),
        Drift(float(wander["sd"]), _s(wander["over"])) if wander else None,
        int(one.get("digits", 1)),
        one.get("least"),
    )


def _course(one: Mapping[str, Any]) -> Course:
    when = one.get("when")
    tau_s = _s(one["in"]) if "in" in one else 0.0
    return Course(parse(str(one["to"])), parse(when) if when else None, tau_s)


def _switch(one: Any) -> Switch:
    if isinstance(one, bool):
        return Switch(one)
    on, off = one.get("on_when"), one.get("off_when")
    return Switch(one["start"], parse(on) if on else None, parse(off) if off else None)


def _plant(one: Mapping[str, Any] | None, seed: int) -> Plant | None:
    return None if one is None else Plant(seed, wear_start_s=_s(one["wears_at"]))


def _device(one: Mapping[str, Any], world: World) -> Device:
    return Device(
        one["id"],
        one.get("name", one["id"]),
        world,
        _s(one["every"]),
        {key: parse(str(of)) for key, of in one["shows"].items()},
        one.get("takes", {}),
        {key: (no, yes) for key, (no, yes) in one.get("words", {}).items()},
        {key: (low, high) for key, (low, high) in one.get("range", {}).items()},
    )
