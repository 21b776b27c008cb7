"""What a cloud is sent instead of a window: what the package's own graph would see, or less."""

import json
from array import array
from pathlib import Path

import numpy as np
import pytest

from gateway.models.package import load_manifest
from gateway.models.parcel import parcel
from tests.models import make

SHIPPED = sorted(path.parent for path in Path("gateway").rglob("manifest.json"))


@pytest.mark.parametrize("folder", SHIPPED, ids=lambda path: path.name)
def test_a_shipped_package_would_take_it_in_the_cloud_or_gets_features(folder: Path) -> None:
    manifest = load_manifest(folder)
    made = parcel(manifest)
    window = np.asarray(json.loads((folder / manifest.golden.file).read_text())["windows"][0])
    shape, numbers = made.features(array("d", window.ravel().tolist()))
    assert len(numbers) == np.prod(shape)
    if manifest.input.features != "raw" or made.standardised:
        assert shape == (1, *manifest.input.dims)
    else:
        assert shape == (1, 6 * len(manifest.input.channels))


def test_the_features_are_those_of_training() -> None:
    folder = next(path for path in SHIPPED if load_manifest(path).input.features == "stats")
    manifest = load_manifest(folder)
    from gateway.models.features.compute import compute

    window = np.asarray(json.loads((folder / manifest.golden.file).read_text())["windows"][0])
    _, numbers = parcel(manifest).features(array("d", window.ravel().tolist()))
    assert numbers == compute("stats", window[None], manifest.input.channels)[0].tolist()


def test_of_a_raw_window_only_six_numbers_a_channel_leave(tmp_path: Path) -> None:
    recipe = make.linear()
    make.write(tmp_path, recipe)
    made = parcel(load_manifest(tmp_path))
    values = [float(i % 7) for i in range(recipe.rows * recipe.channels)]
    shape, numbers = made.features(array("d", values))
    assert shape == (1, 6 * recipe.channels)
    assert numbers[0] == values[-recipe.channels]


def test_the_score_is_found_among_probabilities(tmp_path: Path) -> None:
    make.write(tmp_path, make.trees())
    assert parcel(load_manifest(tmp_path)).output == ("probabilities", 3, 1)
