"""A model package: a directory with ``manifest.json``, ``model.onnx``, golden vectors, a card.

``verify`` does everything that can be done without running the model, and needs neither numpy nor
onnxruntime: manifest, list of files, sizes, hashes, structure of the graph, graph against manifest.
"""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.windows import Shape
from gateway.errors import PackageError
from gateway.models import fit, golden, lint
from gateway.models.contract import Level, Manifest, Output
from gateway.models.files import MANIFEST, MODEL, read, refused
from gateway.models.graph import Graph, read_graph
from gateway.models.manifest import load_manifest
from gateway.models.protobuf import WireError
from gateway.models.schema import Problem

__all__ = ["Package", "load_manifest", "unpack", "verify"]

MAX_PACKAGE_BYTES: Final = 96 * 1024 * 1024
MAX_PROBLEMS: Final = 50
BESIDE: Final = frozenset({MANIFEST, "manifest.sig"})
"""Files that no manifest lists: itself, and the signature over it."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose every byte agrees with its manifest."""

    path: Path
    manifest: Manifest
    graph: Graph

    @property
    def sha256(self) -> str:
        """Hash of ``model.onnx``, hex: which model a verdict came from."""
        return self.manifest.files[MODEL].sha256

    @property
    def hashes(self) -> Mapping[str, str]:
        """Hash of every file."""
        return {name: file.sha256 for name, file in self.manifest.files.items()}

    @property
    def shape(self) -> Shape:
        """What to cut from an asset's readings."""
        return self.manifest.shape

    @property
    def levels(self) -> tuple[Level, ...]:
        """The decision levels, mildest first."""
        return self.manifest.decision.levels

    @property
    def output(self) -> Output:
        """The output that carries the score, with its meaning and unit."""
        return self.manifest.scored


def verify(directory: Path | str) -> Package:
    """Check a package without running it.

    Raises:
        PackageError: one line per problem: file, field, expected, found, what to do.
    """
    return unpack(directory)[0]


def unpack(directory: Path | str) -> tuple[Package, Mapping[str, bytes]]:
    """Check a package and hand over the very bytes that were checked, by file name.

    Raises:
        PackageError: one line per problem.
    """
    path = Path(directory)
    manifest = load_manifest(path)
    _check_names(path, manifest)
    contents = {name: _content(path, name, manifest) for name in manifest.files}
    graph = _graph(contents[MODEL])
    found = [*lint.problems(graph), *fit.problems(manifest, graph)]
    if found:
        raise PackageError("\n".join(map(str, found[:MAX_PROBLEMS])))
    golden.parse(contents[manifest.golden.file], manifest)
    return Package(path, manifest, graph), contents


def _check_names(path: Path, manifest: Manifest) -> None:
    try:
        present = {entry.name for entry in os.scandir(path)}
    except OSError as error:
        advice = "give the package's directory"
        raise refused(str(path), "", "a directory", error.strerror or "none", advice) from error
    surprises = [
        str(Problem(name, "", "no file that the manifest does not list", "one", "remove it"))
        for name in sorted(present - set(manifest.files) - BESIDE)
    ]
    if surprises:
        raise PackageError("\n".join(surprises[:MAX_PROBLEMS]))
    if (total := sum(file.bytes for file in manifest.files.values())) > MAX_PACKAGE_BYTES:
        expected = f"at most {MAX_PACKAGE_BYTES} bytes in all"
        raise refused(MANIFEST, "files", expected, str(total), "use a smaller model")


def _content(path: Path, name: str, manifest: Manifest) -> bytes:
    wanted, limit = manifest.files[name], golden.MAX_GOLDEN_BYTES
    content = (
        read(path, name, max_bytes=limit) if name == manifest.golden.file else read(path, name)
    )
    advice = "the file is damaged or was exchanged: fetch the package again"
    if len(content) != wanted.bytes:
        raise refused(name, "", f"{wanted.bytes} bytes", str(len(content)), advice)
    if (found := hashlib.sha256(content).hexdigest()) != wanted.sha256:
        raise refused(name, "sha256", wanted.sha256, found, advice)
    return content


def _graph(content: bytes) -> Graph:
    try:
        return read_graph(content)
    except WireError as error:
        raise refused(MODEL, "", "an ONNX model", str(error), "export the model again") from error
