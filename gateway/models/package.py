"""A model package: ``manifest.json``, ``model.onnx``, golden vectors, a card, maybe a signature.

It is a directory, or the same files in an uncompressed ``.tar``.

``verify`` does everything that can be done without running the model, and needs neither numpy nor
onnxruntime: manifest, list of files, sizes, hashes, structure of the graph, graph against manifest.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.core.windows import Shape
from gateway.errors import PackageError
from gateway.models import fit, golden, lint, signature
from gateway.models.archive import Box, opened
from gateway.models.contract import Level, Manifest, Output
from gateway.models.files import MANIFEST, MODEL, refused
from gateway.models.graph import Graph, read_graph
from gateway.models.manifest import MAX_MANIFEST_BYTES, load_manifest, parse
from gateway.models.protobuf import WireError
from gateway.models.schema import Problem

__all__ = ["Package", "load_manifest", "unpack", "verify"]

MAX_PACKAGE_BYTES: Final = 96 * 1024 * 1024
MAX_PROBLEMS: Final = 50
BESIDE: Final = frozenset({MANIFEST, signature.SIGNATURE})
"""Files that no manifest lists: itself, and the signature over it."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package whose every byte agrees with its manifest."""

    path: Path
    manifest: Manifest
    graph: Graph
    trust: str = ""
    """The public key (PEM) whose signature it bears; empty where none was asked for."""
    seal: str = ""
    """sha256 of ``manifest.json``, hex: it holds every other file's, so this is the whole."""
    copy: Path | None = None
    """Where a copy of it lies that nobody overwrites."""

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


def verify(path: Path | str, trust: str = "") -> Package:
    """Check a package without running it.

    Args:
        path: its directory, or its ``.tar``.
        trust: the public key (PEM) that must have signed it; empty: no signature is asked for.

    Raises:
        PackageError: one line per problem: file, field, expected, found, what to do.
    """
    return unpack(path, trust)[0]


def unpack(
    path: Path | str, trust: str = "", handed: Mapping[str, int] | None = None
) -> tuple[Package, Mapping[str, bytes]]:
    """Check a package and hand over the very bytes that were checked, by file name.

    Args:
        path: its directory, or its ``.tar``.
        trust: the public key (PEM) that must have signed it; empty: no signature is asked for.
        handed: the same, opened by somebody who may: name -> descriptor, or of the ``.tar`` alone
            with an empty name. Then the path only names it.

    Raises:
        PackageError: one line per problem.
    """
    path = Path(path)
    box = opened(path, handed)
    names = box.names()
    told = _trusted(box, names, trust)
    manifest = parse(told)
    _check_names(names, manifest)
    contents = {name: _content(box, name, manifest) for name in manifest.files}
    graph = _graph(contents[MODEL])
    found = [*lint.problems(graph), *fit.problems(manifest, graph)]
    if found:
        raise PackageError("\n".join(map(str, found[:MAX_PROBLEMS])))
    golden.parse(contents[manifest.golden.file], manifest)
    seal = hashlib.sha256(told).hexdigest()
    return Package(path, manifest, graph, trust, seal), contents


def _trusted(box: Box, names: set[str], trust: str) -> bytes:
    """The manifest's bytes; nothing in them is believed before their signature is."""
    content = box.read(MANIFEST, MAX_MANIFEST_BYTES)
    if trust:
        signed = signature.SIGNATURE in names
        by = box.read(signature.SIGNATURE, signature.MAX_KEY_BYTES) if signed else None
        signature.check(content, by, trust)
    return content


def _check_names(present: set[str], manifest: Manifest) -> None:
    surprises = [
        str(Problem(name, "", "no file that the manifest does not list", "one", "remove it"))
        for name in sorted(present - set(manifest.files) - BESIDE)
    ]
    if surprises:
        raise PackageError("\n".join(surprises[:MAX_PROBLEMS]))
    if (total := sum(file.bytes for file in manifest.files.values())) > MAX_PACKAGE_BYTES:
        expected = f"at most {MAX_PACKAGE_BYTES} bytes in all"
        raise refused(MANIFEST, "files", expected, str(total), "use a smaller model")


def _content(box: Box, name: str, manifest: Manifest) -> bytes:
    wanted, limit = manifest.files[name], golden.MAX_GOLDEN_BYTES
    content = box.read(name, limit) if name == manifest.golden.file else box.read(name)
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
