"""States: what an asset remembers of a model, at the beginning nothing.

Of a model that is out its manifest may still be there: then its windows go on being cut, for the
clouds that are asked with them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import structlog

from gateway.config.settings import ModelSettings
from gateway.core import units
from gateway.core.assets import Asset, CloudRung, ModelRung, cloud_rungs, model_rungs
from gateway.core.blocks import Blocks
from gateway.core.calibration import Calibration
from gateway.core.carried import Carried
from gateway.core.drift import Drifts
from gateway.core.ensembles import Bound, Scale
from gateway.core.ladder import ModelState
from gateway.core.remote import decided
from gateway.core.windows import Shape, Windows
from gateway.errors import PackageError
from gateway.models.contract import Input, Manifest
from gateway.models.files import MODEL
from gateway.models.package import Package, load_manifest
from gateway.models.parcel import Parcel, parcel

TENSOR: Final = "window"
"""What declared windows are sent as."""

log = structlog.get_logger()


def model_state(rung: ModelRung, package: Package, asset: Asset) -> ModelState:
    """What an asset remembers of one version of a model: nothing yet."""
    return state_of(rung, package.manifest, package.sha256, asset)


def state_of(rung: ModelRung, manifest: Manifest, sha256: str, asset: Asset) -> ModelState:
    """The same of a manifest, whose package may be out."""
    shape, calibration = manifest.shape, manifest.calibration
    decision = manifest.decision
    levels = tuple(Bound(level.label, level.on, level.off) for level in decision.levels)
    columns = tuple(rung.channels.get(channel.name, channel.name) for channel in shape.channels)
    shape = _held(shape, columns, asset)
    return ModelState(
        rung=rung,
        windows=Blocks(shape) if shape.of_signals else Windows(shape),
        decide=decision.decide,
        scale=Scale(levels, below=decision.raises == "below"),
        version=manifest.version,
        hash=sha256,
        columns=columns,
        conversions=_conversions(shape, columns, asset),
        calibration=None
        if calibration.per_asset == "none"
        else Calibration(calibration.rows, len(columns), level=calibration.level),
        explain=manifest.explain,
        features=manifest.input.described,
        carried=_carried(manifest),
        trust=manifest.trust,
        reduces=parcel(manifest),
        drift=Drifts((*(channel.name for channel in shape.channels), "score")),
    )


def _held(shape: Shape, columns: Sequence[str], asset: Asset) -> Shape:
    """A block is held as long as its metric says, where the package does not."""
    if not shape.of_signals:
        return shape
    metrics = [asset.metrics.get(column) for column in columns]
    return replace(
        shape,
        channels=tuple(
            one if one.hold_ms or metric is None else replace(one, hold_ms=metric.stale_ms)
            for one, metric in zip(shape.channels, metrics, strict=True)
        ),
    )


def _carried(manifest: Manifest) -> Carried | None:
    if not manifest.memories:
        return None
    outputs = tuple((memory.output, memory.size) for memory in manifest.memories)
    step_ms = manifest.shape.period_ms * manifest.shape.stride
    return Carried(outputs, step_ms, manifest.warmup, manifest.bridge)


def _conversions(
    shape: Shape, columns: Sequence[str], asset: Asset
) -> tuple[tuple[float, float], ...]:
    """From the metrics' units to the model's; what has no way there, the checks refused."""
    metrics = [asset.metrics.get(column) for column in columns]
    return tuple(
        (metric and channel.unit and units.convert(metric.unit, channel.unit)) or (1.0, 0.0)
        for metric, channel in zip(metrics, shape.channels, strict=True)
    )


def spare(
    asset: Asset, models: Mapping[str, ModelState], known: Mapping[str, ModelSettings]
) -> dict[str, ModelState]:
    """Windows for the clouds of a ladder that no model of it cuts, by ``CloudRung.key``."""
    found: dict[str, ModelState] = {}
    for rung in cloud_rungs(asset.ladder):
        if rung.shape is not None:
            found[rung.key] = _declared(rung, rung.shape)
        elif rung.like not in models:
            state = _lent(rung, known[rung.like].package, asset)
            found |= {rung.key: state} if state else {}
    return found


def _lent(rung: CloudRung, package: Path, asset: Asset) -> ModelState | None:
    """The state of a model that is out; None where its manifest is gone, too."""
    try:
        manifest = load_manifest(package)
    except PackageError as error:
        log.warning("cloud_windows_missing", cloud=rung.cloud, like=rung.like, error=str(error))
        return None
    own = (one for one in model_rungs(asset.ladder) if one.model == rung.like)
    like = next(own, ModelRung(rung.like, channels=rung.channels))
    state = state_of(like, manifest, manifest.files[MODEL].sha256, asset)
    state.drift = None
    return state


def _declared(rung: CloudRung, shape: Shape) -> ModelState:
    def decide(score: float, held: str) -> tuple[str, float]:
        return decided(rung.levels, score, held)

    return ModelState(
        rung=ModelRung(rung.name),
        windows=Windows(shape),
        decide=decide,
        version="",
        hash="",
        columns=tuple(channel.name for channel in shape.channels),
        reduces=Parcel(Input(TENSOR, "n,t,c", "raw", shape)),
    )
