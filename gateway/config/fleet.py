"""The file's section about a fleet: several gateways on one broker."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from gateway.config.scalars import Duration
from gateway.config.schema import GatewaySection, Section
from gateway.core.fleet import Fleet, Member

_ID = GatewaySection.model_fields["id"].metadata
_Name = Annotated[str, *_ID]
_Weight = Annotated[float, Field(gt=0, le=1_000)]


def _never(value: object) -> object:
    return None if value == "never" else value


class TakeoverSection(Section):
    """When another gateway commands in the place of one that is gone."""

    beat: Annotated[Duration, Field(ge=200, le=10_000)] = 1_000
    """Whoever commands says so that often."""
    silent: Annotated[Duration, Field(ge=2_000, le=60_000)] = 4_000
    """One that said nothing for so long is taken for gone. Of one that died the broker knows
    sooner."""
    step: Annotated[Duration, Field(ge=100, le=10_000)] = 700
    """Each further place in a slot's line waits so much longer."""
    give_back: Annotated[
        Annotated[Duration, Field(ge=1_000, le=86_400_000)] | None, BeforeValidator(_never)
    ] = 30_000
    """A gateway that is there again commands again after so long; ``never``: when the other one
    is gone."""

    @model_validator(mode="after")
    def _patient(self) -> Self:
        if self.silent < 3 * self.beat:
            raise ValueError("silent: at least three times beat")
        return self


class FleetSection(Section):
    """Several gateways on one broker. Each hears and judges everything; one commands an asset.

    The broker is that of the gateway's own topics (``gateway.broker``).
    """

    site: _Name
    """The same for all members: it names what they share at the broker."""
    members: Annotated[tuple[_Name, ...], Field(min_length=2, max_length=64)]
    """Ids of the gateways, this one's ``gateway.id`` among them; the same list in every file."""
    weights: dict[_Name, _Weight] = Field(default_factory=dict)
    """How much of the assets a member takes, where not all take the same; default 1."""
    username: str | None = None
    """As whom commands are sent, so that the broker's access list can tell; default: the broker's
    ``username``."""
    password_file: str | None = None
    """Its password, one line."""
    takeover: TakeoverSection = TakeoverSection()
    """When one commands in the place of another."""


def fleet_of(section: FleetSection | None, me: str, broker: str, here: Path) -> Fleet | None:
    """The fleet; None without one."""
    if section is None:
        return None
    own = str(here / section.password_file) if section.password_file else ""
    take = section.takeover
    return Fleet(
        site=section.site,
        me=me,
        members=tuple(Member(one, section.weights.get(one, 1.0)) for one in section.members),
        broker=broker,
        beat_ms=take.beat,
        silent_ms=take.silent,
        step_ms=take.step,
        give_back_ms=take.give_back,
        username=section.username or "",
        password_file=own,
    )
