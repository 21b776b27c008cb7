"""The user's file as pydantic models: gateway, brokers, models, store, log, limits.

Keys are the user's words; values are already parsed (durations are milliseconds, sizes bytes).
The docstring under each field is its text in the reference and in the JSON Schema.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from gateway.config.scalars import Duration, Range, Size, WindowCount


class Section(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(
        extra="forbid",
        defer_build=True,  # built once, as part of the root: a twelfth of a start's reading
        frozen=True,
        allow_inf_nan=False,
        protected_namespaces=(),
        arbitrary_types_allowed=True,
    )


class GatewaySection(Section):
    """This gateway."""

    id: Annotated[str, Field(pattern="^[a-z0-9_-]+$", max_length=48)]
    """Its name in topics (``edge/<id>/...``) and in the client ids: small letters, digits, _, -."""
    name: str = ""
    """What people call it."""
    broker: str = ""
    """The broker our own topics are published on; default: the first of ``brokers``."""


class TlsSection(Section):
    """TLS; ``tls: true`` alone checks the broker against the system's authorities."""

    ca_file: str | None = None
    """Authorities to trust instead of the system's."""
    cert_file: str | None = None
    """Client certificate."""
    key_file: str | None = None
    """Its key."""


def _tls(value: object) -> object:
    """A word stands for a mapping, or for none."""
    if isinstance(value, str):
        words: dict[str, dict[str, str] | None] = {"true": {}, "false": None}
        if value not in words:
            raise ValueError(
                "should be true, false, or a mapping with ca_file, cert_file, key_file,"
                f" not {value[:80]!r}"
            )
        return words[value]
    return value


class BrokerSection(Section):
    """An MQTT broker."""

    host: str
    """Name or address."""
    port: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Default 1883, with TLS 8883."""
    protocol: Literal["auto", "5", "3.1.1"] = "auto"
    """``auto`` tries MQTT 5, then 3.1.1."""
    keepalive: Annotated[Duration, Field(ge=1_000, le=65_535_000)] = 15_000
    """A dead connection is noticed within twice this."""
    tls: Annotated[TlsSection | None, BeforeValidator(_tls)] = None
    """``true``, or a mapping."""
    username: str | None = None
    """User name."""
    password_file: str | None = None
    """File that holds the password, one line; there is no key for the password itself."""
    client_id: Annotated[str, Field(max_length=128)] | None = None
    """Default ``edge-<gateway id>-<broker>``; stable, for the session depends on it."""
    session_expiry: Duration | None = None
    """How long the broker keeps our session while we are away."""
    receive_maximum: Annotated[int, Field(ge=1, le=65_535)] | None = None
    """Messages the broker may send before the first is acknowledged."""
    max_pending: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Messages held between network and pipeline; beyond it QoS 0 is dropped and counted."""
    max_payload: Size | None = None
    """A larger message is dropped, counted and acknowledged; default 8MiB."""


class TrialSection(Section):
    """What a new version must show."""

    shadow: WindowCount = 500
    """So many windows it judges in shadow, where nobody acts on it, before it is compared."""
    promote: Literal["auto", "manual"] = "manual"
    """``auto``: it takes over when it has passed; ``manual``: by ``edge-gateway model promote``."""
    max_disagreement: Annotated[float, Field(ge=0, le=1)] = 0.05
    """Share of windows it may judge otherwise than the active version (no answer counts, too)."""
    alarm_rate: Range = (0.0, 0.02)
    """``[lowest, highest]`` share of windows with another label than normal, in shadow and on
    probation."""
    max_latency: Annotated[Duration, Field(ge=1)] = 50
    """95 of 100 windows must be judged within this."""
    probation: WindowCount = 500
    """So many windows it is watched after it took over; the old version is back when it fails."""
    max_failures: Annotated[int, Field(ge=1, le=1_000)] = 3
    """Windows without an answer on probation before the old version is back."""


class CandidateSection(TrialSection):
    """A new version of a model: it is tried beside the old one before it may judge."""

    package: str
    """Its package, signed by the same key where the model has ``trust``."""


class DeliveredSection(TrialSection):
    """New versions of a model from ``updates``: tried beside the old one like a candidate."""

    promote: Literal["auto", "manual"] = "auto"
    """``auto``: it takes over when it has passed; ``manual``: by ``edge-gateway model promote``."""


def _trial(value: object) -> object:
    """``true`` stands for a mapping without keys, ``false`` for none."""
    if isinstance(value, str):
        words: dict[str, dict[str, str] | None] = {"true": {}, "false": None}
        if value not in words:
            form = "true, false, or a mapping with shadow, probation ..."
            raise ValueError(f"should be {form}, not {value[:80]!r}")
        return words[value]
    return value


class ModelSection(Section):
    """A model."""

    package: str
    """The model package: its folder (model.onnx, manifest.json ...), or that as one ``.tar``."""
    trust: str | None = None
    """File with the public key (``edge-gateway model keygen``) that must have signed the package;
    without it, none need have."""
    candidate: CandidateSection | None = None
    """A new version on trial."""
    updates: Annotated[DeliveredSection | None, BeforeValidator(_trial)] = None
    """``true``, or a mapping: new versions come from ``updates``, each on trial before it may
    judge; ``package`` is what it begins with."""
    keep: Annotated[int, Field(ge=1, le=10)] = 2
    """Versions that judged before and can be gone back to, as long as their packages are there."""


class KeepSection(Section):
    """How long each kind of row is kept; whichever limit of the store comes first holds."""

    readings: Duration | None = None
    """Readings as they came."""
    signals: Duration | None = None
    """Samples of signals; their rms is a reading and stays as long as readings."""
    hours: Duration | None = None
    """Hourly aggregates of thinned readings."""
    verdicts: Duration | None = None
    """What the models and rules said."""
    decisions: Duration | None = None
    """Decisions and commands."""
    rejects: Duration | None = None
    """Messages that could not be read."""
    audit: Duration | None = None
    """Records of the audit chain; they go only up to a signed checkpoint."""


class StoreSection(Section):
    """The database."""

    path: str | None = None
    """The database file; default ``gateway.db`` in ``$STATE_DIRECTORY`` (systemd sets it)."""
    max_bytes: Annotated[Size, Field(ge=8 << 20)] | None = None
    """Most the database file may take; default 2GiB."""
    min_free_bytes: Size | None = None
    """What must stay free on the disk; default 256MiB."""
    keep: KeepSection = KeepSection()
    """Age limits."""
    verdicts: Literal["changes", "all"] = "changes"
    """``changes`` stores a verdict when its label or rung changes, and one a minute."""
    durability: Literal["full", "normal"] = "full"
    """``full`` loses nothing acknowledged at a power cut; ``normal`` may lose the last commits."""


class LogSection(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    """What is written."""
    format: Literal["auto", "json", "text", "otel"] = "auto"
    """``auto``: readable on a terminal, JSON elsewhere; ``otel``: JSON with the fields of
    OpenTelemetry's log data model."""
    recorder: Annotated[Size, Field(le=64 << 20)] = 512 << 10
    """Memory for the last lines at every level, which are dumped on a crash; 0 for none."""


class LimitsSection(Section):
    """Bounds of the whole gateway."""

    batch: Duration = 50
    """Longest wait for more messages before a commit."""
    batch_messages: Annotated[int, Field(ge=1, le=10_000)] = 256
    """Most messages in one commit."""
    commands_per_minute: Annotated[int, Field(ge=0, le=6_000)] = 30
    """Commands of all assets together; more are refused and recorded. 0 forbids all."""
    held_readings: Annotated[int, Field(ge=0, le=10_000_000)] = 100_000
    """Readings held in memory while the store cannot write; the oldest are dropped, counted."""
    worker_memory: Annotated[Size, Field(ge=64 << 20)] = 512 << 20
    """Most memory of the process that runs the models, beside what its runtime takes itself; a
    model that does not fit is refused. From 64MiB, which holds models of a few megabytes."""
