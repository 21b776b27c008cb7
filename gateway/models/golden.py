"""Golden vectors: windows with the outputs that the model gave where it was made.

The file is JSON: ``{"windows": [window, ...], "outputs": {tensor: [row, ...]}}``. A window is its
rows of channel values whatever the layout of the graph; a row of an output is a number, or
a list of them. JSON rather than ``.npz``: no second reader of archives and pickles to keep safe.
"""

from array import array
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from gateway.models.contract import Manifest
from gateway.models.files import refused
from gateway.models.manifest import decode
from gateway.models.schema import is_number, shown

MAX_GOLDEN_BYTES: Final = 8 * 1024 * 1024
MAX_WINDOWS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Vectors:
    """The golden windows and their outputs, flat and finite."""

    count: int
    windows: "array[float]"
    """``count`` x rows x channels."""
    outputs: "Mapping[str, array[float]]"
    """``count`` x width of the output."""


def parse(content: bytes, manifest: Manifest) -> Vectors:
    """Read golden vectors and hold their sizes against the manifest.

    Raises:
        PackageError: they are malformed, of another size, or not finite.
    """
    file = manifest.golden.file
    tree = decode(content, file)
    if not isinstance(tree, dict) or not isinstance(tree.get("outputs"), dict):
        raise refused(
            file, "", "an object with windows and outputs", shown(tree), "export it again"
        )
    windows = tree.get("windows")
    if not isinstance(windows, list) or not 1 <= len(windows) <= MAX_WINDOWS:
        found = f"{len(windows)}" if isinstance(windows, list) else "none"
        raise refused(file, "windows", f"1 to {MAX_WINDOWS} windows", found, "export it again")
    count, channels = len(windows), len(manifest.shape.channels)
    outputs = {
        output.tensor: _flat(
            file,
            f"outputs.{output.tensor}",
            tree["outputs"].get(output.tensor),
            count * output.width(channels),
        )
        for output in manifest.answers
    }
    cells = count * manifest.shape.length * channels
    return Vectors(count, _flat(file, "windows", windows, cells), outputs)


def _flat(file: str, field: str, tree: object, size: int) -> "array[float]":
    try:
        values = array("d", _numbers(tree))
    except (ValueError, RecursionError) as error:
        raise refused(file, field, "finite numbers", str(error), "export it again") from error
    if len(values) != size:
        raise refused(file, field, f"{size} numbers", f"{len(values)}", "export it again")
    return values


def _numbers(tree: object) -> Iterator[float]:
    if isinstance(tree, list):
        for item in tree:
            yield from _numbers(item)
    elif isinstance(tree, int | float) and is_number(tree):
        yield float(tree)
    else:
        raise ValueError(shown(tree))
