"""A recipe's configuration at the pace of its rehearsal: the same file, with shorter times.

A site that lives an hour in a minute reports sixty times as often, so everything that waits for it
must wait a sixtieth: durations below ``assets``, rates of change, the rhythm of model packages.
What depends on the network alone (how long a command may take) keeps at least ``LINK_MS``. Nothing
else of the file changes but where it runs: brokers, the place of the database and of the packages.
"""

import json
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from gateway.core import durations
from gateway.errors import ConfigError

LINK_MS = 6_000
"""A broker and a busy machine are not faster because a site is."""
TIMED = ("assets",)
"""Sections whose durations are those of the site."""

_SECTION = re.compile(r"(?m)^(?=[a-z_]+:)")
_DURATION = re.compile(
    r"(?P<link>\b(?:within|deadline|expires): ?)?"
    r"(?<![\w.:/-])(?P<time>\d+(?:\.\d+)?(?:ms|s|m|h|d|w|y))(?![\w/:-])"
)
_RATE = re.compile(r"(max_rate: ?)([\d.]+)(?=[ /])")


def hasten(text: str, speed: float) -> str:
    """The text of one section with its durations divided by ``speed``, its rates multiplied."""

    def shorter(found: re.Match[str]) -> str:
        usual_ms = durations.parse(found["time"])
        quick_ms = max(1, round(usual_ms / speed))
        if found["link"]:
            quick_ms = max(quick_ms, min(usual_ms, LINK_MS))
        return f"{found['link'] or ''}{quick_ms}ms"

    steeper = _RATE.sub(lambda found: f"{found[1]}{float(found[2]) * speed:g}", text)
    return _DURATION.sub(shorter, steeper)


def rehearsed(
    recipe: Path, folder: Path, *, host: str, port: int, protocol: str, speed: float
) -> Path:
    """Write the configuration of a recipe, and the packages it names, into ``folder``."""
    text = recipe.read_text("utf-8")
    file: Mapping[str, Any] = yaml.safe_load(text)
    address = {"host": host, "port": port, "protocol": protocol}
    sections: dict[str, object] = {
        "brokers": dict.fromkeys(file["brokers"], address),
        "store": {"path": "gateway.db", "verdicts": "all"},
    }
    if "models" in file:
        sections["models"] = {
            name: {"package": str(quicken(recipe.parent / one["package"], folder / name, speed))}
            for name, one in file["models"].items()
        }
    config = folder / recipe.name
    config.write_text("".join(_written(part, sections, speed) for part in _SECTION.split(text)))
    return config


def quicken(package: Path, copy: Path, speed: float) -> Path:
    """A copy of a model package whose rows are closer together; the model itself is the same."""
    shutil.copytree(package, copy)
    manifest = copy / "manifest.json"
    document = json.loads(manifest.read_text())
    document["input"]["period_s"] /= speed
    for channel in document["input"]["channels"]:
        for key in ("max_age_s", "flatline_s"):
            if key in channel:
                channel[key] /= speed
    manifest.write_text(json.dumps(document))
    return copy


def placed(text: str, packages: Path) -> str:
    """The configuration for a user to keep: the shipped packages where they lie."""
    return re.sub(
        r"(package: )\.\./\.\./packages/([\w-]+)",
        lambda found: found[1] + json.dumps(str(packages / found[2])),
        text,
    )


def give(recipe: Path, folder: Path, packages: Path) -> list[Path]:
    """Write what a user starts from, the configuration and its cases, into ``folder``.

    Raises:
        ConfigError: one of them is there already.
    """
    files = {folder / name: recipe / name for name in ("gateway.yaml", "cases.yaml")}
    for file in files:
        if file.exists():
            raise ConfigError(f"{file} is there already: nothing is written")
    folder.mkdir(parents=True, exist_ok=True)
    for file, ours in files.items():
        file.write_text(placed(ours.read_text("utf-8"), packages), "utf-8")
    return list(files)


def _written(part: str, sections: Mapping[str, object], speed: float) -> str:
    name = part.partition(":")[0]
    if name in sections:
        return f"{name}: {json.dumps(sections[name])}\n\n"  # JSON is YAML
    return hasten(part, speed) if name in TIMED else part
