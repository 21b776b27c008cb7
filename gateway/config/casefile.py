"""Case files: the YAML of ``edge-gateway test`` as pydantic models."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from gateway.config.scalars import Free, Label, Name
from gateway.config.schema import Section
from gateway.core import durations
from gateway.core.messages import Reason


def _offset(value: object) -> int:
    if not isinstance(value, str):
        raise ValueError("should be a time like 0s, 30s or 5m")  # noqa: TRY004 - pydantic reports ValueErrors
    return 0 if value.strip() in ("0", "0s") else durations.parse(value)


Offset = Annotated[int, BeforeValidator(_offset)]
"""Milliseconds from the start of the case, written like 0s, 30s, 5m."""
EVENTS = Literal["raised", "repeated", "cleared", "fail_safe"]
MODES = Literal["shadow", "advise", "act"]


class StepSection(Section):
    """Readings: what is not a key of this section is a metric."""

    model_config = ConfigDict(extra="allow")

    at: Offset | None = None
    """When; default: when the step before ends, if that has ``for``."""
    every: Offset = 0
    """Again and again, so far apart."""
    for_: Annotated[Offset, Field(alias="for")] = 0
    """For so long; the next step begins then."""
    asset: Name = ""
    """Default: the case's."""
    reason: Reason = Reason.OK
    """Why these readings are no good ones, as in docs/troubleshooting.md."""
    values: dict[str, Free] = Field(default_factory=dict)
    """Metrics whose names are keys of this section."""


class PersonSection(Section):
    """What a person says."""

    at: Offset = 0
    """When."""
    asset: Name = ""
    """Default: the case's."""
    hold: Literal["true", "false"] | None = None
    """Hands off, or no longer."""
    maintenance: Literal["true", "false"] | None = None
    """Somebody works at the asset, or no longer."""
    stop: Literal["true", "false"] | None = None
    """Nothing is commanded any more, by nobody; or it is again."""
    mode: Literal["shadow", "advise", "act", "file"] | None = None
    """How far policies may go; ``file``: as the file says."""
    for_: Annotated[Offset | None, Field(alias="for")] = None
    """For so long; default: to the end."""


class ScoreSection(Section):
    """Where a score must be."""

    above: float | None = None
    """Greater than this."""
    below: float | None = None
    """Less than this."""


class ExpectSection(Section):
    """A decision, or a verdict; what is left out may be anything."""

    at: Offset | None = None
    """When; default: at any time."""
    within: Offset = 1_000
    """So far from ``at``."""
    asset: Name = ""
    """Default: the case's."""
    event: EVENTS | None = None
    """What happened to the policy."""
    policy: str | None = None
    """Its name, ``pump-7/policy/0``, or the end of it, ``0``."""
    action: str | None = None
    """What is done or advised; empty (in quotes): nothing."""
    mode: MODES | None = None
    """How far the policy may go."""
    label: Label | None = None
    """The label of the verdict that it rests on."""
    rung: str | None = None
    """Who gave it: ``rule:1``, ``model:pump-anomaly``."""
    refused: str | None = None
    """The beginning of what forbids the action; empty (in quotes): nothing does."""
    score: ScoreSection | None = None
    """Where the score must be."""
    verdict: Label | None = None
    """No decision, but the label that holds at this time."""


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, dict) else value


Expectations = Annotated[tuple[ExpectSection, ...], BeforeValidator(_one_or_more)]


class CaseSection(Section):
    """One case."""

    name: str
    """What is shown."""
    asset: Name = ""
    """Whose readings and decisions these are; default: that of the file, or the only one."""
    given: tuple[StepSection, ...]
    """The readings."""
    people: tuple[PersonSection, ...] = ()
    """What people say meanwhile."""
    expect: Expectations = ()
    """What must be decided."""
    expect_not: Expectations = ()
    """What must not."""
    until: Offset = 0
    """When it ends; default: with its last reading or expectation."""
    unexpected: Literal["commands", "all", "none"] = "commands"
    """Which decisions fail the case when nobody expected them."""


class CaseFile(Section):
    """A file of cases."""

    config: str
    """The configuration file, seen from this one."""
    start: str = "2026-01-05T08:00:00Z"
    """When each case starts (RFC 3339), for rules that go by the hour; a Monday."""
    asset: Name = ""
    """Default for all cases."""
    cases: tuple[CaseSection, ...]
    """The cases."""


REQUIRED: dict[str, Any] = {"config": "", "cases": []}
