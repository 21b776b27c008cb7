"""Models: their packages, and whether an asset can feed them."""

from collections.abc import Iterator
from pathlib import Path

from gateway.config import check_signals
from gateway.config.assets import AssetSection
from gateway.config.findings import Findings
from gateway.config.problems import Problem, choices, near
from gateway.config.tree import Place
from gateway.config.verdicts import VerdictSection
from gateway.core import units
from gateway.core.windows import Channel
from gateway.errors import PackageError
from gateway.models.contract import Manifest
from gateway.models.manifest import load_manifest

Manifests = dict[str, Manifest]


def manifests(found: Findings) -> tuple[Manifests, list[Problem]]:
    """Read the manifest of each model."""
    read: Manifests = {}
    problems: list[Problem] = []
    here = Path(found.doc.file).absolute().parent
    for name, model in found.root.models.items():
        try:
            read[name] = load_manifest(here / model.package)
        except PackageError as error:
            place: Place = ("models", name, "package")
            problems += [found.at(place, line) for line in str(error).splitlines()]
        if model.candidate is not None:
            place = ("models", name, "candidate", "package")
            try:
                read[_candidate(name)] = load_manifest(here / model.candidate.package)
            except PackageError as error:
                problems += [found.at(place, line) for line in str(error).splitlines()]
    return read, problems


def _candidate(model: str) -> str:
    """Where the manifest of a model's candidate is: no model can have this name."""
    return f"{model}@"


def misfits(found: Findings, model: str, new: Manifest) -> list[Problem]:
    """Why the assets cannot feed a new version of a model; empty when they can."""
    known, _ = manifests(found)
    known[_candidate(model)] = new
    return [
        problem
        for id_, asset in found.root.assets.items()
        for at, rung in enumerate(asset.verdicts)
        for member in members(rung, known)
        if member.model == model
        for problem in problems(found, id_, member, ("assets", id_, "verdicts", at), known)
    ]


def labels(manifest: Manifest) -> list[str]:
    """What a model can say besides normal."""
    return [level.label for level in manifest.decision.levels]


def members(rung: VerdictSection, known: Manifests) -> Iterator[VerdictSection]:
    """Each model of a rung as a rung of its own; a channel is for the models that have it."""
    if not rung.models:
        yield rung
        return
    channels = {
        name: {channel.name for channel in known[name].shape.channels}
        for name in rung.models
        if name in known
    }
    every = {channel for names in channels.values() for channel in names}
    for name, own in channels.items():
        mine = {key: to for key, to in rung.channels.items() if key in own or key not in every}
        yield rung.model_copy(update={"model": name, "channels": mine})


def problems(
    found: Findings, asset: str, rung: VerdictSection, place: Place, known: Manifests
) -> Iterator[Problem]:
    """What a model's rung asks of an asset and does not get."""
    manifest = known.get(rung.model or "")
    if manifest is None:
        return
    section = found.root.assets[asset]
    channels = {channel.name: channel for channel in manifest.shape.channels}
    for name, metric in rung.channels.items():
        at = (*place, "channels", name)
        if name not in channels:
            hint = near(name, channels) or f"there are {choices(channels)}"
            yield found.at(at, f"model {rung.model!r} has no channel {name!r}", hint, key=True)
        yield from found.unknown(at, "metric", metric, found.names("assets", asset, "metrics"))
    candidate = known.get(_candidate(rung.model or ""))
    for channel in candidate.shape.channels if candidate else ():
        channels.setdefault(channel.name, channel)
    for channel in channels.values():
        yield from _channel(found, section, rung, (asset, channel), place)
        name = rung.channels.get(channel.name, channel.name)
        if channel.rate_hz and name in section.metrics:
            at = ("assets", asset, "metrics", name)
            wanted = (rung.model or "", channel, manifest.shape.length)
            yield from check_signals.channel(found, at, section.metrics[name], wanted)


def period(
    found: Findings, rung: VerdictSection, place: Place, known: Manifests
) -> Iterator[Problem]:
    """A time to calibrate from that is none, or that no model asks for."""
    if rung.calibrate is None:
        return
    if rung.calibrate.from_ >= rung.calibrate.to:
        yield found.at((*place, "to"), "'to' is not after 'from'")
    names = rung.models or ((rung.model,) if rung.model else ())
    manifests = [known[name] for name in names if name in known]
    plain = all(one.calibration.per_asset == "none" for one in manifests)
    if names and len(manifests) == len(names) and plain:
        what = " ".join(map(repr, names))
        hint = "its package says nothing of calibration.per_asset: remove calibrate"
        yield found.at(place, f"{what} is not calibrated per asset", hint, key=True)


def _channel(
    found: Findings,
    section: AssetSection,
    rung: VerdictSection,
    wanted: tuple[str, Channel],
    place: Place,
) -> Iterator[Problem]:
    asset, channel = wanted
    name = rung.channels.get(channel.name, channel.name)
    names = found.names("assets", asset, "metrics")
    at = (*place, "model")
    if name not in names:
        if channel.required and channel.name not in rung.channels:
            message = f"model {rung.model!r} needs a metric {name!r} [{channel.unit or '1'}]"
            hint = near(name, names) or "declare it, or map it with channels"
            yield found.at(at, message, hint)
        return
    metric = section.metrics.get(name)
    if metric is not None and channel.unit and not _converts(metric.unit, channel.unit):
        message = (
            f"metric {name!r} is in {metric.unit or 'no unit'!r}, and channel {channel.name!r} of"
            f" model {rung.model!r} needs {channel.unit!r}"
        )
        hint = f"write unit: {channel.unit}, with source_unit or scale if the sensor says another"
        yield found.at(("assets", asset, "metrics", name, "unit"), message, hint)


def _converts(unit: str, wanted: str) -> bool:
    """A window takes readings in the model's unit: they are the same, or one becomes the other."""
    return unit == wanted or units.convert(unit, wanted) is not None
