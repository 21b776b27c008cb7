"""Models in clouds: can they be asked, and can an asset feed them?"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

from gateway.config import check_models
from gateway.config.assets import AssetSection
from gateway.config.check_models import Manifests
from gateway.config.findings import Findings
from gateway.config.inference import InferenceSection, first_model
from gateway.config.problems import Problem
from gateway.config.settings import CloudModel, Settings
from gateway.config.tree import Document, Place
from gateway.config.verdicts import VerdictSection
from gateway.core.ladder import UNKNOWN
from gateway.core.readings import MetricKind
from gateway.core.verdicts import IDLE, NORMAL

EXTRA: Final = "pip install 'edge-gateway[inference]'"
ONLY: Final = frozenset({"like", "inputs", "period", "rows", "every", "may_act"})
"""Keys of a rung that go with a cloud."""
_LOOPBACK: Final = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_FILES: Final = ("token_file", "ca_file", "cert_file", "key_file")


def problems(found: Findings) -> Iterator[Problem]:
    """What is wrong with ``cloud.inference``."""
    for name, section in found.root.cloud.inference.items():
        yield from _way(found, ("cloud", "inference", name), section)


def _way(found: Findings, place: Place, section: InferenceSection) -> Iterator[Problem]:
    said = set(found.names(*place))
    if ("url" in said) == ("broker" in said):
        what = "both" if "url" in said else "neither"
        yield found.at(place, f"a cloud's model has either a url or a broker, this one {what}")
    if section.broker is not None:
        yield from found.unknown(
            (*place, "broker"), "broker", section.broker, found.names("brokers")
        )
        if "topic" not in said:
            yield found.at((*place, "broker"), "'topic' is missing: where questions go", key=True)
        for key in _FILES:
            if key in said:
                yield found.at(
                    (*place, key), f"{key!r} goes with a url", "see the broker", key=True
                )
    elif "topic" in said:
        yield found.at((*place, "topic"), "'topic' goes with a broker", key=True)
    open_ = section.url is not None and section.url.startswith("http://")
    if open_ and section.token_file and not str(section.url).startswith(_LOOPBACK):
        hint = "write https://"
        yield found.at((*place, "token_file"), "a token would be sent for all to read", hint)


def strays(found: Findings, place: Place, rung: VerdictSection) -> Iterator[Problem]:
    """Keys of a rung that asks no cloud, and that go with one."""
    for key in sorted(ONLY & rung.model_fields_set):
        yield found.at((*place, key), f"{key!r} goes with a cloud", key=True)


def rung(
    found: Findings, place: Place, rung: VerdictSection, asset: AssetSection, known: Manifests
) -> Iterator[Problem]:
    """What is wrong with a rung that asks a cloud."""
    said = rung.model_fields_set
    for key in sorted({"model", "models", "rule", "guard", "combine", "least", "calibrate"} & said):
        yield found.at((*place, key), f"{key!r} does not go with a cloud", key=True)
    clouds = found.names("cloud", "inference")
    yield from found.unknown((*place, "cloud"), "cloud", rung.cloud or "", clouds)
    if rung.label in (NORMAL, UNKNOWN, IDLE):
        yield found.at((*place, "label"), f"{rung.label!r} is not a cloud's to say")
    for key in ("off", "label"):
        if key in said and rung.on is None:
            yield found.at((*place, key), f"{key!r} goes with on", key=True)
    if rung.on is not None and rung.off is not None and rung.off > rung.on:
        yield found.at((*place, "off"), "off is above on: it could never clear")
    if rung.inputs:
        yield from _declared(found, place, rung, asset)
    else:
        yield from _like(found, place, rung, asset, known)


def _declared(
    found: Findings, place: Place, rung: VerdictSection, asset: AssetSection
) -> Iterator[Problem]:
    names = found.names("assets", str(place[1]), "metrics")
    for at, name in enumerate(rung.inputs):
        where = (*place, "inputs", at)
        yield from found.unknown(where, "metric", name, names)
        metric = asset.metrics.get(name)
        if metric is not None and (metric.kind is MetricKind.TEXT or metric.signal is not None):
            yield found.at(where, f"metric {name!r} is no number")
    for key in ("period", "rows", "on"):
        if key not in rung.model_fields_set:
            yield found.at(place, f"with inputs a cloud needs {key!r}", key=True)
    for key in ("like", "channels"):
        if key in rung.model_fields_set:
            yield found.at((*place, key), f"{key!r} does not go with inputs", key=True)


def _like(
    found: Findings, place: Place, rung: VerdictSection, asset: AssetSection, known: Manifests
) -> Iterator[Problem]:
    for key in ("period", "rows"):
        if key in rung.model_fields_set:
            yield found.at((*place, key), f"{key!r} goes with inputs", key=True)
    like = rung.like or first_model(asset)
    if not like:
        hint = "like: <model of models>, or inputs, period, rows and on"
        yield found.at(place, "nothing says which windows it is asked with", hint)
        return
    if rung.like is not None:
        yield from found.unknown((*place, "like"), "model", rung.like, found.names("models"))
    manifest = known.get(like)
    if manifest is None:
        return
    own = {one.model for one in asset.verdicts} | {m for one in asset.verdicts for m in one.models}
    if like not in own:
        fed = rung.model_copy(update={"model": like})
        yield from check_models.problems(found, str(place[1]), fed, place, known)
    if manifest.calibration.level is not None and rung.on is None:
        message = f"the levels of {like!r} are learnt from its own scores"
        yield found.at(place, message, "say on, the score at which this one raises its label")


def labels(rung: VerdictSection, asset: AssetSection, known: Manifests) -> list[str] | None:
    """What a cloud's rung can say; None when that cannot be told."""
    if rung.on is not None or rung.inputs:
        return [rung.label or "alarm"]
    manifest = known.get(rung.like or first_model(asset))
    return None if manifest is None else check_models.labels(manifest)


def unaskable(
    settings: Settings, doc: Document, unreadable: Callable[[str], str]
) -> Iterator[Problem]:
    """What stands between a question and its answer on this machine; nothing is sent for it."""
    for name, cloud in settings.clouds.items():
        place: Place = ("cloud", "inference", name)
        for library in _needed(cloud):
            if find_spec(library) is None:
                yield doc.problem(place, f"it is asked by {library}, which is missing", EXTRA)
        for key in _FILES:
            file = getattr(cloud, key)
            why = unreadable(file) if file else ""
            if why:
                yield doc.problem((*place, key), f"{file}: {why}")


def _needed(cloud: CloudModel) -> tuple[str, ...]:
    return ("purgatory", "httpx") if cloud.url else ("purgatory",)
