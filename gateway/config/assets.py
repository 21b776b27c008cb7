"""The user's file as pydantic models: assets, their metrics, actions, verdicts and policy."""

from typing import Annotated, Literal

from pydantic import Field

from gateway.config.guards import AssetLimitsSection, GuardSection
from gateway.config.scalars import (
    Count,
    Device,
    Duration,
    Free,
    Frequency,
    Label,
    Locks,
    Name,
    OneOrMore,
    PathText,
    Range,
    Rate,
    Rule,
    Votes,
)
from gateway.config.schema import Section
from gateway.config.verdicts import VerdictSection
from gateway.core.readings import MetricKind
from gateway.core.signals import Encoding
from gateway.core.verdicts import Mode


class SignalSection(Section):
    """Samples in one message, as vibration sensors send them; the metric's value is their rms."""

    rate: Frequency | None = None
    """Samples a second."""
    rate_path: PathText | None = None
    """Where the message says the rate in Hz; with ``rate``, a message that says another is bad."""
    encoding: Encoding = "numbers"
    """An array of numbers, or base64 text of packed ones (little-endian, or ``be``)."""
    scale_path: PathText | None = None
    """Where the message says what one count is; it multiplies ``scale``."""
    max_samples: Annotated[int, Field(ge=16, le=65_536)] = 16_384
    """A longer block is bad; the longest payload of a message is 256 KiB."""


class MetricSection(Section):
    """What is measured, and where it is found."""

    from_: Device = Field(alias="from")
    """``<source>/<device>``; the device's name may hold slashes and spaces."""
    path: PathText | None = None
    """Where the value is in the device's message; default: the metric's own name."""
    unit: str = ""
    """Unit of the readings."""
    source_unit: str | None = None
    """Unit the device sends, where it is another one: it is converted."""
    kind: MetricKind | None = None
    """gauge, counter, event, state or text; default gauge, with ``words`` state."""
    scale: float = 1.0
    """Readings are ``raw * scale + offset``, then converted."""
    offset: float = 0.0
    """See scale."""
    range: Range | None = None
    """``[lowest, highest]``; beyond it a reading is bad and is not used."""
    stale: Duration | None = None
    """Silent for longer than this, the metric counts as unknown; default 15m."""
    max_rate: Rate | None = None
    """Fastest change, as ``5/min`` or ``5 degC/min``; beyond it a reading is suspect (reason
    ``rate``) until three that differ agree, or the time that passed allows it."""
    flatline: Duration | None = None
    """With the very same value for so long, though readings come, the sensor is dead (bad, reason
    ``flatline``). Default: what a model's package says of its channel, else never."""
    rail: Range | None = None
    """``[lowest, highest]`` the sensor can say; three readings in a row at or beyond one of them
    are a sensor stuck at its end (bad, reason ``rail``)."""
    signal: SignalSection | None = None
    """The metric is a signal: ``path`` leads to samples; ``range`` and ``rail`` hold for each."""
    words: dict[str, Free] = Field(default_factory=dict)
    """What words mean: ``{"ON": true, "OFF": false}``."""
    missing_if: Annotated[tuple[float, ...], OneOrMore()] = ()
    """Raw numbers that mean "no value": ``[-1, 65535]``."""
    strip: str = ""
    """A unit after the number in a text value: ``12.5 kW``."""
    decimal_comma: bool = False
    """Text values write 12,5."""
    keep: Annotated[Duration, Field(ge=3_600_000)] | None = None
    """How long its readings are kept, hourly values too, where that is shorter than the store's
    ``keep``: ``30d``."""


class ProofSection(Section):
    """A metric that shows a command was carried out."""

    metric: str
    """A metric of the same asset, best one the actuator does not report itself."""
    below: float | None = None
    """Proved when the metric is below this."""
    above: float | None = None
    """Proved when it is above this."""
    equals: Free = None
    """Proved when it is this."""
    within: Duration
    """How long it may take."""


class ActionSection(GuardSection):
    """One thing the gateway may do; what is not listed is never done."""

    to: Device
    """``<source>/<device>``."""
    set: Annotated[dict[str, Free], Field(min_length=1)]
    """Absolute values by the bridge's property names; quoted values are text. With ``value``, one
    of them is the word ``value``."""
    deadline: Duration | None = None
    """How long evidence may take; default: by the bridge and the device."""
    expires: Duration | None = None
    """A command not sent by then is void; default 10s."""
    proof: ProofSection | None = None
    """What shows that it was done."""
    options: dict[str, Free] = Field(default_factory=dict)
    """Bridge-specific, as ``port`` for LoRaWAN."""


class RetrySection(Section):
    """A command that came to nothing is given again: a new one, through all limits."""

    times: Annotated[int, Field(ge=1, le=5)]
    """How often, after the first."""
    after: Duration = 30_000
    """From the end of one to the next; default 30s."""
    on: Annotated[tuple[Literal["timeout", "failed"], ...], OneOrMore()] = ("timeout", "failed")
    """After which outcomes: ``timeout``, ``failed``, or both."""


class PolicySection(Section):
    """From verdicts to an action."""

    when: Label
    """The label it waits for."""
    for_: Count = Field(default=Votes(1, 1), alias="for")
    """``3 of 5``: so many of the last verdicts must carry the label."""
    clear: Count | None = None
    """``10 of 10``: so many must be without it to clear; default all of the last n of ``for``."""
    do: str = ""
    """An action of the asset; without one it raises an alert only."""
    with_: float | None = Field(default=None, alias="with")
    """What the action is told, where it takes a value."""
    mode: Mode = Mode.ADVISE
    """shadow: record; advise: publish the advice; act: send the command."""
    min_interval: Duration | None = None
    """Shortest time between two commands of this rule."""
    unless: Locks = ()
    """Flags or rules: none may be true; an unknown one counts as true."""
    only_if: Locks = ()
    """Rules: all must be true; an unknown one counts as false."""
    retry: RetrySection | None = None
    """Whether its command is given again when it came to nothing; default: it is not."""


class FailSafeSection(Section):
    """What is done when nothing is known for too long."""

    after: Duration
    """Without an answer of any rung for so long."""
    do: str = ""
    """An action of the asset; without one it raises an alert only."""
    with_: float | None = Field(default=None, alias="with")
    """What the action is told, where it takes a value."""
    mode: Mode = Mode.ACT
    """As in a policy."""
    worker: Duration | None = None
    """Also when the models could not be asked for so long, whatever the rules say meanwhile."""
    on_stop: bool = False
    """Also when the gateway is stopped in good order; a restart is a stop, too."""
    on_death: Duration | None = None
    """Also when the gateway has been dead for so long, by its broker (MQTT 5) and by systemd."""


class AssetSection(Section):
    """A machine that is looked after."""

    name: str = ""
    """What people call it; default its id."""
    metrics: Annotated[dict[Name, MetricSection], Field(min_length=1)]
    """What is measured on it."""
    actions: dict[Name, ActionSection] = Field(default_factory=dict)
    """What may be done to it."""
    limits: AssetLimitsSection = AssetLimitsSection()
    """How many commands it may get."""
    verdicts: tuple[VerdictSection, ...] = ()
    """The ladder, first rung first."""
    policy: tuple[PolicySection, ...] = ()
    """When to do what."""
    fail_safe: FailSafeSection | None = None
    """What to do when nothing is known."""
    cross: Annotated[tuple[Rule, ...], OneOrMore()] = ()
    """Rules over the newest values that must hold, as ``power < 50 or flow > 5``: while one is
    false, the metrics it names are suspect (reason ``cross``)."""
    running: Rule | None = None
    """A rule that is true while the machine runs, as ``power > 50``: while it is false no model is
    asked, and the verdict is ``idle``, which neither raises nor clears; unknown counts as true."""
    flags: Annotated[tuple[Name, ...], OneOrMore()] = ()
    """Flags that people may set besides ``maintenance``, to be named in ``unless``."""
