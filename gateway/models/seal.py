"""Writes a package: the last step of a training script."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from gateway.models.files import MANIFEST
from gateway.models.package import BESIDE, Package, verify
from gateway.models.signature import SIGNATURE


def seal(directory: Path | str, document: Mapping[str, object]) -> Package:
    """Write ``manifest.json`` over the files that lie in a directory, and check the whole.

    Args:
        directory: holds ``model.onnx``, the golden vectors and whatever else belongs to it.
        document: the manifest without ``files``, which is filled in here.

    Raises:
        PackageError: the finished package would be refused; one line per problem.
    """
    path = Path(directory)
    names = sorted(file.name for file in path.iterdir() if file.name not in BESIDE)
    files = {name: entry((path / name).read_bytes()) for name in names}
    manifest = json.dumps({**document, "files": files}, indent=2, ensure_ascii=False)
    (path / MANIFEST).write_text(manifest + "\n", "utf-8")
    (path / SIGNATURE).unlink(missing_ok=True)  # it was over another manifest
    return verify(path)


def entry(content: bytes) -> dict[str, object]:
    """What a manifest says of a file."""
    return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
