"""Verdicts and decisions: what a rung of the ladder says of an asset, and what the policy does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

NORMAL = "normal"
"""The label of a verdict that asks for nothing."""
PERSON = "person:"
"""What the rung of a person's own verdict begins with; then comes the author."""
CLOUD = "cloud:"
"""What the rung of a cloud's verdict begins with; then comes its name in the file."""
FORCED = "forced"
"""The label of a person's own verdict, and the event of its decision."""
IDLE = "idle"
"""The label of a verdict on a machine that stands still: it neither raises nor clears."""


class Mode(StrEnum):
    """How far a policy may go."""

    SHADOW = "shadow"
    """Record only."""
    ADVISE = "advise"
    """Publish the advice."""
    ACT = "act"
    """Send the command."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What one rung said of one asset at one time."""

    asset: str
    at_ms: int
    mono_ms: int
    rung: str
    """``model:pump-anomaly``, ``rule:1`` or ``fail_safe``: who answered."""
    label: str
    """``normal``, ``alarm``, or another label that a policy can name."""
    score: float | None = None
    level: float | None = None
    """The decision level that the score was held against."""
    model_version: str = ""
    model_hash: str = ""
    """sha256 of model.onnx, hex."""
    inputs: Mapping[str, float | bool | str] = field(default_factory=dict)
    """The newest value of each metric it saw."""
    abstained: Mapping[str, str] = field(default_factory=dict)
    """Why each rung above this one did not answer."""
    coverage: float = 1.0
    """Share of the window that came from fresh, good readings."""
    members: tuple[Mapping[str, object], ...] = ()
    """Of an ensemble: what each model said (model, version, hash, label, score, relative)."""
    interval: tuple[float, float] | None = None
    """Where the score may really lie, by the package's conformal calibration; None without one."""
    cause: str = ""
    """Of a fail-safe: what made it due, as ``stale: power``; see ``core.causes``."""
    remote: Mapping[str, object] = field(default_factory=dict)
    """Of a cloud's model: its ``model``, the ``request``, and the ``age_ms`` from question to
    answer; empty for what was judged here."""

    @property
    def provenance(self) -> str:
        """``cloud:big: model pump-large 3, request 01..., answered after 212 ms``."""
        told = self.remote
        model = f"{told.get('model')} {self.model_version}".strip()
        age = f"answered after {told.get('age_ms')} ms"
        return f"{self.rung}: model {model}, request {told.get('request')}, {age}"


@dataclass(frozen=True, slots=True)
class Decision:
    """One turn of a policy: why, by which rule, and what it asked for."""

    id: str
    """Sortable and unique across restarts."""
    asset: str
    policy: str
    """``pump-7/policy/0``: which rule of the file fired."""
    event: str
    """raised, repeated, cleared, fail_safe or forced."""
    mode: Mode
    action: str
    """The action's name; empty when the rule only raises an alert."""
    verdict: Verdict
    refused: str = ""
    """The limit that forbade the action; empty when none did."""
    votes: str = ""
    """``3 of 5``: how the last verdicts stood."""
    value: float | None = None
    """What the action is told, where it takes a value."""

    @property
    def by(self) -> str:
        """Who decided it."""
        return decided_by(self.policy, self.verdict.rung)


def decided_by(policy: str, rung: str) -> str:
    """Who decided: ``policy``, ``fail_safe``, or ``person:<author>``."""
    if rung.startswith(PERSON):
        return rung
    return "fail_safe" if policy.endswith("/fail_safe") else "policy"
