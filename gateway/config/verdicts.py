"""The file's model of a ladder: which models, rules and clouds are asked about an asset."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.scalars import Duration, Label, Moment, Name, OneOrMore, Rule
from gateway.config.schema import Section


class PeriodSection(Section):
    """A time of which readings are stored, and of which you know that the machine was well."""

    from_: Moment = Field(alias="from")
    """Its beginning, as ``2026-01-04T08:00:00Z``."""
    to: Moment
    """Its end; one that is still to come is waited for."""


class VerdictSection(Section):
    """A rung of the ladder: a model, a rule or a cloud. The first that can answer does."""

    model: Name | None = None
    """A model of ``models``."""
    models: tuple[Name, ...] = ()
    """Several of them: they judge together."""
    combine: Literal["mean", "median", "max", "vote"] = "mean"
    """With models: of their scores, each in multiples of its own model's ``on`` level; ``vote``
    counts labels, and a tie goes to the worse one."""
    least: Annotated[int, Field(ge=1, le=64)] | None = None
    """With models: so many must answer; default more than half."""
    on: Annotated[float, Field(gt=0)] | None = None
    """With models: the combined score that raises ``label``, where 1 is the models' own level;
    default: the levels of the first model. With a cloud: the score that raises ``label``."""
    off: Annotated[float, Field(gt=0)] | None = None
    """With ``on``: below this the label clears; default ``on``."""
    rule: Rule | None = None
    """A rule over the asset's metrics."""
    label: Label | None = None
    """With a rule: what it says when it is true; with ``on``: what it raises; default alarm."""
    cloud: Name | None = None
    """A model of ``cloud.inference``, asked when no rung above answered."""
    like: Name | None = None
    """With a cloud: it is asked with the windows of this model of ``models``, and its score is
    held against this model's levels; default: the first model of the ladder."""
    inputs: Annotated[tuple[Name, ...], OneOrMore()] = ()
    """With a cloud: it is asked with windows of these metrics instead."""
    period: Annotated[Duration, Field(ge=10)] | None = None
    """With inputs: time between two rows."""
    rows: Annotated[int, Field(ge=1, le=10_000)] | None = None
    """With inputs: rows of a window."""
    every: Duration = 0
    """With a cloud: it is asked no sooner after its last answer, which stands meanwhile."""
    may_act: bool = False
    """With a cloud: its verdicts may lead to commands, through all policies and limits; else they
    only advise."""
    guard: bool = False
    """With a rule: asked at its place, and beside the models: it wins over their ``normal``."""
    deadline: Duration | None = None
    """With a model or a cloud: how long it may take; default 5s."""
    channels: dict[str, str] = Field(default_factory=dict)
    """With a model: its channel's name -> the asset's metric, where they differ."""
    calibrate: PeriodSection | None = None
    """With a model that is calibrated per asset: learn what is usual from the readings stored in
    this time, ``{from: 2026-01-04T08:00:00Z, to: 2026-01-04T20:00:00Z}``, not from the first."""
