"""Fleet: the packages of all versions of all models, verified, under the names they are loaded by.

A version is loaded under ``<model>@<start of its hash>``: a name never means two packages, so a
candidate loads beside the active version, and nothing needs to stop for it.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from gateway.config.settings import ModelSettings, Settings
from gateway.core import lineages
from gateway.core.versions import Lineage, Version
from gateway.errors import PackageError
from gateway.models.package import Package, verify
from gateway.models.shelf import Shelf
from gateway.models.signature import public_key

SHORT: Final = 12
"""Hex digits of a hash that a name carries."""

log = structlog.get_logger()


class Fleet(NamedTuple):
    """What the file and the store name, opened."""

    lineages: Mapping[str, Lineage]
    packages: Mapping[str, Package]
    """Every version whose package is good, by the name it is loaded under."""
    refused: Mapping[str, str]
    """Models, and candidates as ``<model> candidate``, that cannot be trusted, and why."""

    @property
    def active(self) -> Mapping[str, Package]:
        """The package that judges, by model."""
        found = {}
        for model, lineage in self.lineages.items():
            name = loaded_name(model, lineage.active.hash) if lineage.active else ""
            if name in self.packages:
                found[model] = self.packages[name]
        return found


def loaded_name(model: str, hash_: str) -> str:
    """What the worker knows a version by."""
    return f"{model}@{hash_[:SHORT]}"


def fingerprint(package: Package) -> str:
    """Of everything that makes a package what it is; another level is another version."""
    manifest = package.manifest
    parts = {
        "id": manifest.id,
        "version": manifest.version,
        "files": dict(package.hashes),
        "decision": asdict(manifest.decision),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def shelf_of(settings: Settings) -> Shelf:
    """Where the copies of packages lie: beside the store."""
    return Shelf(settings.store.path.parent / "package-copies", settings.store.min_free_bytes)


def open_fleet(settings: Settings, known: Mapping[str, Lineage], shelf: Shelf, at_ms: int) -> Fleet:
    """Verify every package that may be needed, and take up what the file declares."""
    packages: dict[str, Package] = {}
    refused: dict[str, str] = {}
    found: dict[str, Lineage] = {}
    for name, model in settings.models.items():
        lineage = known.get(name, Lineage(name))
        package = _opened(model, model.package, packages, refused, name)
        candidate = None
        if model.candidate is not None:
            told = f"{name} candidate"
            candidate = _opened(model, model.candidate, packages, refused, told)
        if package and candidate and package.hash == candidate.hash:
            candidate = None
        rules = json.dumps(asdict(model.rules)) if model.candidate else ""
        named = (package, candidate, rules)
        came = model.delivered
        lineage = lineages.declare(lineage, *named, at_ms, model.keep, delivered=came)
        found[name] = _held(model, lineage, packages, shelf, at_ms)
    return Fleet(found, packages, refused)


def kept(fleet: Fleet, shelf: Shelf) -> Fleet:
    """The same, with a copy of every package on the shelf."""
    packages = {one: replace(of, copy=shelf.keep(one, of)) for one, of in fleet.packages.items()}
    return fleet._replace(packages=packages)


def _opened(
    model: ModelSettings,
    path: Path,
    packages: dict[str, Package],
    refused: dict[str, str],
    told: str,
) -> Version | None:
    try:
        package = _verified(model, path)
    except PackageError as error:
        log.error("model_refused", model=told, error=str(error))
        refused[told] = str(error)
        return None
    hash_ = fingerprint(package)
    packages[loaded_name(model.name, hash_)] = package
    return Version(hash_, package.manifest.version, str(path))


def _verified(model: ModelSettings, path: Path) -> Package:
    """Raises PackageError when it is not what it says, or not signed as the file demands."""
    return verify(path, public_key(model.trust) if model.trust else "")


def _held(
    model: ModelSettings, lineage: Lineage, packages: dict[str, Package], shelf: Shelf, at_ms: int
) -> Lineage:
    """Open the versions that only the store names; one that judges must be what it was."""
    for version in lineage.versions:
        name = loaded_name(model.name, version.hash)
        if name in packages:
            continue
        package, why = _found(model, version, (Path(version.path), shelf.path(name)))
        if package is None:
            lineage = lineages.lost(lineage, version.hash, at_ms, why)
        else:
            packages[name] = package
    return lineage


def _found(
    model: ModelSettings, version: Version, places: Sequence[Path]
) -> tuple[Package | None, str]:
    """A version at the first place where it still is what it was; else why it is at none."""
    whys = []
    for place in places:
        try:
            package = _verified(model, place)
        except PackageError as error:
            whys.append(str(error))
            continue
        if fingerprint(package) == version.hash:
            return package, ""
        whys.append("its package was changed")
    return None, whys[0]
