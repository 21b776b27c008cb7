"""The file's section about models in clouds, and the rungs of the ladder that ask them."""

import re
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from gateway.config.assets import AssetSection, MetricSection
from gateway.config.scalars import Duration, Name, OneOrMore, schema_of, size
from gateway.config.schema import Section
from gateway.config.settings import CloudModel
from gateway.config.verdicts import VerdictSection
from gateway.core.assets import CloudRung
from gateway.core.ensembles import Bound
from gateway.core.oip import Datatype
from gateway.core.purses import Budget
from gateway.core.shapes import Channel, Shape

DEFAULT_LABEL = "alarm"
STALE_MS = 900_000
"""Of a metric that says nothing of it."""
_CALLS = re.compile(r"([0-9]{1,9}) ?/ ?day", re.ASCII)
_PER_DAY = re.compile(r"(.+?) ?/ ?day", re.ASCII)
_TOPIC = r"^[^#+/$\s\x00][^#+\x00]*$"
_NAME = r"^[^/\s?#%\\]+$"


def _calls(value: object) -> int:
    found = _CALLS.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"not calls a day: {value!r}; write it like 500/day")
    return int(found[1])


def _bytes(value: object) -> int:
    found = _PER_DAY.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"not a size a day: {value!r}; write it like 2MB/day")
    return size(found[1])


Calls = Annotated[int, BeforeValidator(_calls), schema_of("string", "500/day", "^[0-9]+ ?/ ?day$")]
PerDay = Annotated[int, BeforeValidator(_bytes), schema_of("string", "2MB/day", "/ ?day$")]


class BudgetSection(Section):
    """Most that is sent in a day of UTC."""

    calls: Calls = 500
    """Questions."""
    bytes: PerDay = 2_000_000
    """Of questions and answers, without headers."""


class InferenceSection(Section):
    """A model in a cloud, behind a server of the Open Inference Protocol."""

    protocol: Literal["v2"] = "v2"
    """The Open Inference Protocol, version 2: MLServer, Triton, KServe and others speak it."""
    url: Annotated[str, Field(pattern=r"^https?://[^\s?#]+$", max_length=500)] | None = None
    """Of the server, without ``/v2``; it is asked over HTTP."""
    broker: Name | None = None
    """A broker of ``brokers``, which must speak MQTT 5; it is asked over MQTT."""
    topic: Annotated[str, Field(pattern=_TOPIC, max_length=512)] | None = None
    """With a broker: where questions go."""
    model: Annotated[str, Field(pattern=_NAME, max_length=128)]
    """The model's name at the server."""
    version: Annotated[str, Field(pattern=_NAME, max_length=64)] | None = None
    """Its version there; default: whichever the server has."""
    token_file: str | None = None
    """File with a bearer token, one line; it is read at each question."""
    ca_file: str | None = None
    """Authorities to trust instead of the system's."""
    cert_file: str | None = None
    """Client certificate."""
    key_file: str | None = None
    """Its key."""
    deadline: Annotated[Duration, Field(ge=50, le=60_000)] = 5_000
    """How long an answer may take, where the rung says nothing else."""
    rest: Annotated[Duration, Field(ge=1_000, le=3_600_000)] = 30_000
    """After five failures in a row nobody asks for so long; then one question tries."""
    budget: BudgetSection = BudgetSection()
    """Most that is sent in a day."""
    egress: Literal["none", "features", "raw"] = "features"
    """What leaves: features, or windows standardised per asset; raw: the windows themselves;
    none: it is never asked."""
    fields: Annotated[tuple[Literal["asset", "metrics"], ...], OneOrMore()] = ("asset",)
    """What leaves beside the numbers: the asset's name, the metrics' names; ``[]`` is nothing."""
    pseudonyms: bool = True
    """The asset's name leaves as a keyed pseudonym."""
    input: Annotated[str, Field(max_length=128)] = ""
    """Name of the tensor it takes; default: as in the package of ``like``, else ``window``."""
    output: Annotated[str, Field(max_length=128)] = ""
    """Name of the output with the score; default: as in the package of ``like``, else its only
    one."""
    datatype: Datatype = "FP32"
    """Of the tensor."""


def clouds(sections: dict[str, InferenceSection], here: Path) -> dict[str, CloudModel]:
    """The models, by name; paths are relative to ``here``."""
    return {name: _cloud(name, section, here) for name, section in sections.items()}


def _cloud(name: str, section: InferenceSection, here: Path) -> CloudModel:
    files = {
        key: str(here / value) if (value := getattr(section, key)) else ""
        for key in ("token_file", "ca_file", "cert_file", "key_file")
    }
    return CloudModel(
        name=name,
        model=section.model,
        version=section.version or "",
        url=section.url or "",
        broker=section.broker or "",
        topic=section.topic or "",
        deadline_ms=section.deadline,
        rest_ms=section.rest,
        budget=Budget(section.budget.calls, section.budget.bytes),
        egress=section.egress,
        fields=section.fields,
        pseudonyms=section.pseudonyms,
        input=section.input,
        output=section.output,
        datatype=section.datatype,
        **files,
    )


def rung(
    entry: VerdictSection, asset: AssetSection, sections: dict[str, InferenceSection]
) -> CloudRung:
    """One rung of the ladder that asks a cloud."""
    cloud = entry.cloud or ""
    given: dict[str, Any] = {}
    if entry.deadline is not None or cloud in sections:
        given["deadline_ms"] = entry.deadline or sections[cloud].deadline
    levels: tuple[Bound, ...] = ()
    if entry.on is not None:
        off = entry.on if entry.off is None else entry.off
        levels = (Bound(entry.label or DEFAULT_LABEL, entry.on, off),)
    like = "" if entry.inputs else entry.like or first_model(asset)
    return CloudRung(
        cloud,
        like=like,
        channels=dict(entry.channels),
        shape=_shape(entry, asset) if entry.inputs else None,
        levels=levels,
        every_ms=entry.every,
        may_act=entry.may_act,
        **given,
    )


def first_model(asset: AssetSection) -> str:
    """The local model that a cloud stands in for, where its rung does not say; empty: none."""
    names = (name for one in asset.verdicts for name in one.models or (one.model or "",))
    return next(filter(None, names), "")


def _shape(entry: VerdictSection, asset: AssetSection) -> Shape:
    channels = tuple(_channel(name, asset.metrics.get(name)) for name in entry.inputs)
    return Shape(channels, entry.period or 1_000, entry.rows or 1, min_coverage=0.0)


def _channel(name: str, metric: MetricSection | None) -> Channel:
    if metric is None:
        return Channel(name, "")
    low, high = metric.range or (None, None)
    return Channel(name, metric.unit, hold_ms=metric.stale or STALE_MS, low=low, high=high)
