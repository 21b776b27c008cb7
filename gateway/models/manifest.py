"""Reads ``manifest.json``, the contract between a model and the gateway.

The format is ``manifest.schema.json`` beside this file; what a schema cannot say is in
``gateway.models.rules``. Imports neither numpy nor onnxruntime.
"""

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Final

from gateway.core.calibration import ScoreLevel
from gateway.core.explanations import Wanted
from gateway.core.windows import Channel, Shape
from gateway.errors import PackageError
from gateway.models import rules, trust_rules
from gateway.models.archive import opened
from gateway.models.contract import (
    Calibration,
    Decision,
    File,
    Golden,
    Input,
    Level,
    Manifest,
    Memory,
    Output,
)
from gateway.models.features.presets import Vibration
from gateway.models.files import MANIFEST, refused
from gateway.models.schema import Schema, problems

__all__ = [
    "Calibration",
    "Decision",
    "File",
    "Golden",
    "Input",
    "Level",
    "Manifest",
    "Output",
    "load_manifest",
    "parse",
    "schema",
]

MAX_MANIFEST_BYTES: Final = 1024 * 1024
SCHEMA_FILE: Final = Path(__file__).with_name("manifest.schema.json")


def load_manifest(path: Path | str) -> Manifest:
    """Read and check the manifest of a package; the files it names are not opened.

    Raises:
        PackageError: one line per problem: file, field, expected, found, what to do.
    """
    return parse(opened(Path(path)).read(MANIFEST, MAX_MANIFEST_BYTES))


def parse(content: bytes) -> Manifest:
    """Read and check a manifest from its bytes.

    Raises:
        PackageError: one line per problem.
    """
    tree = decode(content, MANIFEST)
    _refuse_newer(tree)
    _raise(list(problems(tree, schema(), MANIFEST)))
    manifest = _build(tree)
    _raise(list(rules.problems(manifest)))
    return manifest


@cache
def schema() -> Schema:
    """The published JSON Schema, read once: the worker can read no file when it needs it."""
    tree: Schema = json.loads(SCHEMA_FILE.read_text("utf-8"))
    return tree


def decode(content: bytes, file: str) -> Any:
    """Strict JSON: UTF-8, no duplicate keys, no NaN.

    Raises:
        PackageError: it is not.
    """
    try:
        return json.loads(
            content.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_not_json
        )
    except (ValueError, RecursionError) as error:
        raise refused(file, "", "JSON", str(error)[:200], "export the package again") from error


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"{next(n for n in names if names.count(n) > 1)!r} twice")
    return tree


def _not_json(name: str) -> float:
    raise ValueError(f"{name} is not a JSON number")


def _refuse_newer(tree: object) -> None:
    version = tree.get("schema") if isinstance(tree, dict) else None
    if isinstance(version, int) and version > 1:
        raise refused(MANIFEST, "schema", "1", str(version), "upgrade the gateway")


def _raise(found: list[Any]) -> None:
    if found:
        raise PackageError("\n".join(map(str, found[:50])))


def _build(tree: Mapping[str, Any]) -> Manifest:
    return Manifest(
        id=tree["id"],
        version=tree["version"],
        task=tree["task"],
        created=tree["created"],
        files={name: File(**entry) for name, entry in tree["files"].items()},
        input=_input(tree["input"]),
        outputs=tuple(_output(entry) for entry in tree["outputs"]),
        decision=Decision(
            tuple(_level(entry) for entry in tree["decision"]["levels"]),
            tree["decision"].get("raises", "above"),
        ),
        calibration=_calibration(
            tree.get("calibration", {}), float(tree["decision"]["levels"][0]["on"])
        ),
        golden=Golden(**tree["golden"]),
        licence=tree["licence"],
        provenance=tree.get("provenance", {}),
        explain=_explain(tree.get("explain", {})),
        memories=tuple(Memory(**entry) for entry in tree.get("state", {}).get("carried", ())),
        warmup=tree.get("state", {}).get("warmup", 0),
        bridge=tree.get("state", {}).get("bridge", 0),
        trust=trust_rules.trust(tree, _input(tree["input"]).shape),
    )


def _calibration(entry: Mapping[str, Any], on: float) -> Calibration:
    level, rows = entry.get("level"), entry.get("rows", 0)
    if level is not None:
        factor = float(level.get("factor", 1.0))
        level = ScoreLevel(float(level["quantile"]), factor, level.get("rows", rows), on)
    return Calibration(per_asset=entry.get("per_asset", "none"), rows=rows, level=level)


def _explain(entry: Mapping[str, Any]) -> Wanted:
    usual = entry.get("usual", {}).items()
    return Wanted(
        method=entry.get("method", "auto"),
        baseline={name: float(value) for name, value in entry.get("baseline", {}).items()},
        usual={name: (float(low), float(high)) for name, (low, high) in usual},
        top=entry.get("top", 3),
    )


def _level(entry: Mapping[str, Any]) -> Level:
    return Level(entry["label"], float(entry["on"]), float(entry["off"]))


def _output(entry: Mapping[str, Any]) -> Output:
    return Output(**{**entry, "labels": tuple(entry.get("labels", ()))})


def _input(entry: Mapping[str, Any]) -> Input:
    period_ms = round(entry["period_s"] * 1000)
    channels = tuple(
        _channel(one, 3 * period_ms, _rate_hz(one, entry)) for one in entry["channels"]
    )
    shape = Shape(
        channels=channels,
        period_ms=period_ms,
        length=entry["window"],
        stride=entry.get("stride", 1),
        min_coverage=float(entry.get("min_coverage", 0.8)),
    )
    return Input(
        tensor=entry["tensor"],
        layout=entry["layout"],
        features=entry.get("features", "raw"),
        shape=shape,
        vibration=_vibration(entry["vibration"]) if "vibration" in entry else None,
    )


def _vibration(entry: Mapping[str, Any]) -> Vibration:
    low, high = entry.get("envelope_hz", (None, None))
    return Vibration(
        rate_hz=float(entry["rate_hz"]),
        bands_hz=tuple((float(low), float(high)) for low, high in entry.get("bands_hz", ())),
        orders=tuple(map(float, entry.get("orders", ()))),
        envelope_hz=None if low is None or high is None else (float(low), float(high)),
        rpm=float(entry["rpm"]) if "rpm" in entry else None,
        speed=entry.get("speed", ""),
    )


def _rate_hz(channel: Mapping[str, Any], entry: Mapping[str, Any]) -> float | None:
    """Of a channel that takes a signal: with the preset vibration all but the speed do."""
    settings = entry.get("vibration", {})
    if "signal" in channel:
        return float(channel["signal"]["rate_hz"])
    return (
        float(settings["rate_hz"])
        if settings and settings.get("speed") != channel["name"]
        else None
    )


def _channel(entry: Mapping[str, Any], hold_ms: int, rate_hz: float | None) -> Channel:
    """``hold_ms`` 0: as long as the metric that feeds it says itself."""
    hold_ms = 0 if rate_hz else hold_ms
    low, high = entry.get("range", (None, None))
    fill = entry.get("fill")
    return Channel(
        name=entry["name"],
        unit=entry["unit"],
        required=entry.get("role", "required") == "required",
        hold_ms=round(entry["max_age_s"] * 1000) if "max_age_s" in entry else hold_ms,
        fill=None if fill is None else float(fill),
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        flatline_ms=round(entry["flatline_s"] * 1000) if "flatline_s" in entry else None,
        rate_hz=rate_hz,
    )
