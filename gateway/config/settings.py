"""Settings: the file, checked and frozen, in the nouns of the rooms that use them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from gateway.config.watching import Log, MetricsSettings, WebSettings
from gateway.core.alerts import Route
from gateway.core.assets import Asset
from gateway.core.choices import Choice
from gateway.core.discovery_place import HomeAssistant
from gateway.core.fleet import Fleet
from gateway.core.guards import Exclusion
from gateway.core.interventions import TERMS, Kind, Terms
from gateway.core.oip import Datatype
from gateway.core.purses import Budget
from gateway.core.source_limits import SourceLimits
from gateway.core.sync_pace import Allowance
from gateway.core.trials import Rules
from gateway.store.settings import StoreSettings


@dataclass(frozen=True, slots=True)
class Source:
    """A bridge on a broker."""

    name: str
    kind: str
    """The bridge: ``registry.find("bridges", kind)``."""
    broker: str
    settings: Any
    """An instance of the bridge's own ``Settings``."""
    keep: Literal["mapped", "all"] = "mapped"
    """``all`` stores what no asset maps, too."""
    limits: SourceLimits = field(default_factory=SourceLimits)
    """What it may send."""


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """A model package by its name in the file."""

    name: str
    package: Path
    trust: Path | None = None
    """The public key that must have signed it."""
    candidate: Path | None = None
    """The package of the version on trial."""
    rules: Rules = field(default_factory=Rules)
    """What it must show."""
    keep: int = 2
    """Versions that judged before and stay loadable."""
    delivered: bool = False
    """New versions come from the repository; ``candidate`` is the newest, if one came."""


@dataclass(frozen=True, slots=True)
class CloudModel:
    """A model in a cloud, by its name in the file."""

    name: str
    model: str
    """Its name at the server."""
    version: str = ""
    """Empty: whichever the server has."""
    url: str = ""
    """Of the server, without ``/v2``; empty: it is asked over MQTT."""
    broker: str = ""
    topic: str = ""
    token_file: str = ""
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""
    deadline_ms: int = 5_000
    rest_ms: int = 30_000
    """How long the breaker stays open."""
    budget: Budget = field(default_factory=Budget)
    egress: Literal["none", "features", "raw"] = "features"
    fields: tuple[str, ...] = ("asset",)
    """What leaves beside the numbers."""
    pseudonyms: bool = True
    input: str = ""
    """Name of the tensor it takes; empty: as the local model's."""
    output: str = ""
    """Name of the output with the score; empty: as the local model's."""
    datatype: Datatype = "FP32"


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the whole gateway."""

    batch_ms: int = 50
    """Longest wait for more messages before a commit."""
    batch_messages: int = 256
    commands_per_minute: int = 30
    """Of all assets together; 0 forbids all."""
    held_readings: int = 100_000
    """In memory, while the store cannot write."""
    worker_bytes: int = 512 * 1024**2
    """Most resident memory of the models' process."""


@dataclass(frozen=True, slots=True)
class AuditSettings:
    """How the audit chain is signed."""

    key_file: Path | None = None
    """None: our own, beside the database."""
    checkpoint_records: int = 100
    checkpoint_interval_ms: int = 3_600_000


@dataclass(frozen=True, slots=True)
class Security:
    """What is done about suspicious messages."""

    quarantine_ms: int = 3_600_000
    traffic: Literal["auto", "always", "never"] = "auto"
    """Whether the traffic of each source is scored; auto: where there are models anyway."""


@dataclass(frozen=True, slots=True)
class Privacy:
    """What leaves the site under which names."""

    pseudonyms: bool = False
    key_file: Path | None = None
    """None: our own, beside the database."""


@dataclass(frozen=True, slots=True)
class UpdateSettings:
    """Where updates come from."""

    url: str
    root: Path
    """The root of trust."""
    folder: Path
    """Ours, beside the database: what was received, and what is remembered of it."""
    ca_file: Path | None = None
    ring: str = ""
    every_ms: int = 21_600_000
    timeout_ms: int = 900_000
    may: tuple[str, ...] = ()
    """Sections that a received configuration may bring; empty: none is taken."""
    probation_ms: int = 1_200_000


@dataclass(frozen=True, slots=True)
class SyncSink:
    """A cloud that is told what happens here."""

    name: str
    kind: str
    """``registry.find("sinks", kind)``."""
    settings: Any
    """An instance of the sink's own ``Settings``."""
    choice: Choice
    """What it is sent."""
    allowance: Allowance = field(default_factory=Allowance)
    """What it may take of the link."""
    every_ms: int = 10_000
    backfill: Literal["oldest", "newest", "none"] = "oldest"


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything the daemon needs to know of the user's file."""

    file: Path
    gateway_id: str
    gateway_name: str
    brokers: Mapping[str, Any]
    sources: Mapping[str, Source]
    assets: Mapping[str, Asset]
    models: Mapping[str, ModelSettings]
    store: StoreSettings
    clouds: Mapping[str, CloudModel] = field(default_factory=dict)
    """Models in clouds."""
    announce_broker: str = ""
    """The broker that our own topics are published on."""
    keep_all_verdicts: bool = False
    """Store every verdict, not only those that changed."""
    log: Log = field(default_factory=Log)
    limits: Limits = field(default_factory=Limits)
    exclusions: tuple[Exclusion, ...] = ()
    """Actions of which only so many may be in force at one time."""
    digest: str = ""
    """sha256 of the lines of the file and of those it includes, hex."""
    included: tuple[Path, ...] = ()
    """The files it includes, each once."""
    homeassistant: HomeAssistant | None = None
    """None: it is told nothing."""
    alerts: tuple[Route, ...] = ()
    """Who is told beyond MQTT."""
    audit: AuditSettings = field(default_factory=AuditSettings)
    people: Mapping[Kind, Terms] = field(default_factory=lambda: TERMS)
    """How long what people decide holds."""
    security: Security = field(default_factory=Security)
    privacy: Privacy = field(default_factory=Privacy)
    fleet: Fleet | None = None
    """None: this gateway is alone."""
    updates: UpdateSettings | None = None
    """None: nothing is asked for."""
    received: str = ""
    """sha256 of the received configuration that is part of this, hex; empty without one."""
    received_why: str = ""
    """Why one that is there is no part of it."""
    broken_why: str = ""
    """Why the user's file cannot be read: this is the last good one, and nothing is commanded."""
    snapshot: bytes = field(default=b"", repr=False, compare=False)
    """What is kept of the file when the gateway runs well with it; see ``config.lastgood``."""
    changed: tuple[str, ...] = field(default=(), compare=False)
    """Key paths in which the file differs from the one before it, where that was given."""
    metric_keep_ms: Mapping[str, int] = field(default_factory=dict)
    """Metric's key -> how long its readings are kept, where that is shorter than the store's."""

    sync: Mapping[str, SyncSink] = field(default_factory=dict)
    """Clouds that are told what happens here."""

    web: WebSettings | None = None
    """None: there is no page."""
    metrics: MetricsSettings | None = None
    """None: Prometheus is told nothing."""

    @property
    def base(self) -> str:
        """Root of our own topics."""
        return f"edge/{self.gateway_id}"
