"""The whole file as one pydantic model."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from gateway.config import nouns, sources
from gateway.config.assets import AssetSection
from gateway.config.auditing import AuditSection
from gateway.config.cloud import CloudSection
from gateway.config.fleet import FleetSection
from gateway.config.guards import Exclusions
from gateway.config.metrics import MetricsSection
from gateway.config.people import PeopleSection
from gateway.config.scalars import Name
from gateway.config.schema import (
    BrokerSection,
    GatewaySection,
    LimitsSection,
    LogSection,
    ModelSection,
    Section,
    StoreSection,
)
from gateway.config.security import PrivacySection, SecuritySection
from gateway.config.telling import AlertSection, HomeAssistantSection
from gateway.config.updates import UpdatesSection
from gateway.config.web import WebSection


def _source(value: object) -> object:
    """Validate a source by its bridge's model; its errors come out with their places."""
    if isinstance(value, sources.SourceSection):
        return value
    kind = nouns.kind_of(value, "bridge", sources.kinds())
    return sources.section(kind).model_validate(value)


SourceEntry = Annotated[Any, BeforeValidator(_source)]


class Root(Section):
    """The configuration file of edge-gateway."""

    gateway: GatewaySection
    """This gateway."""
    brokers: dict[Name, BrokerSection] = Field(default_factory=dict)
    """MQTT brokers by name."""
    sources: dict[Name, SourceEntry] = Field(default_factory=dict)
    """Where messages come from: a bridge on a broker."""
    assets: dict[Name, AssetSection] = Field(default_factory=dict)
    """The machines that are looked after."""
    models: dict[Name, ModelSection] = Field(default_factory=dict)
    """Model packages by name."""
    store: StoreSection = StoreSection()
    """The database."""
    log: LogSection = LogSection()
    """The log."""
    limits: LimitsSection = LimitsSection()
    """Bounds of the whole gateway."""
    exclusions: Exclusions = Field(default_factory=dict)
    """Actions, also of different assets, of which only so many may be in force at one time."""
    homeassistant: HomeAssistantSection | None = None
    """Home Assistant's MQTT discovery; without this section it is told nothing."""
    alerts: tuple[AlertSection, ...] = ()
    """Who is told by e-mail, ntfy, webhook and the like."""
    audit: AuditSection = AuditSection()
    """The audit chain."""
    people: PeopleSection = PeopleSection()
    """How long holds what people decide."""
    security: SecuritySection = SecuritySection()
    """What is done about messages that are too many, or not what they say they are."""
    privacy: PrivacySection = PrivacySection()
    """Under which names things leave the site."""
    cloud: CloudSection = CloudSection()
    """What has to do with clouds."""
    fleet: FleetSection | None = None
    """Several gateways on one broker; without this section this one is alone."""
    web: WebSection | None = None
    """The page in a browser; without this section there is none."""
    metrics: MetricsSection | None = None
    """Metrics for Prometheus; without this section there are none."""
    updates: UpdatesSection | None = None
    """Models and configuration from a signed repository; without this section nothing is asked."""
