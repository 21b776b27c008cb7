"""Copies of packages: made once, checked, bounded, removed when they are of no use."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from gateway.models import shelf
from gateway.models.package import Package, verify
from gateway.models.shelf import Shelf
from tests.models import make

NAME = "wear@0123456789ab"


@pytest.fixture
def package(tmp_path: Path) -> Package:
    return make.write(tmp_path / "wear", make.linear())


def test_a_copy_is_the_same_package_though_the_original_is_gone(
    tmp_path: Path, package: Package
) -> None:
    place = Shelf(tmp_path / "copies", 0).keep(NAME, package)
    shutil.rmtree(package.path)
    assert place == tmp_path / "copies" / f"{NAME}.tar"
    assert verify(place).seal == package.seal


def test_a_damaged_copy_is_made_again(tmp_path: Path, package: Package) -> None:
    place = Shelf(tmp_path / "copies", 0).keep(NAME, package)
    assert place is not None
    place.write_bytes(place.read_bytes().replace(b"Flatten", b"Flatter"))
    assert Shelf(tmp_path / "copies", 0).keep(NAME, package) == place
    assert verify(place).seal == package.seal


def test_what_was_exchanged_while_it_was_copied_is_not_kept(
    tmp_path: Path, package: Package
) -> None:
    with capture_logs() as logs:
        assert Shelf(tmp_path / "copies", 0).keep(NAME, replace(package, seal="other")) is None
    assert [(one["event"], one["model"]) for one in logs] == [("package_not_kept", NAME)]
    assert list((tmp_path / "copies").iterdir()) == []


def test_neither_the_disk_nor_the_bound_is_filled(
    tmp_path: Path, package: Package, monkeypatch: pytest.MonkeyPatch
) -> None:
    with capture_logs() as logs:
        assert Shelf(tmp_path / "copies", 1 << 60).keep(NAME, package) is None
        monkeypatch.setattr(shelf, "MAX_BYTES", 10)
        assert Shelf(tmp_path / "copies", 0).keep(NAME, package) is None
    assert ["min_free_bytes" in logs[0]["error"], "10 bytes" in logs[1]["error"]] == [True, True]
    assert not (tmp_path / "copies").exists()


def test_only_copies_of_forgotten_versions_are_removed(tmp_path: Path, package: Package) -> None:
    kept = Shelf(tmp_path / "copies", 0)
    kept.keep(NAME, package)
    kept.keep("wear@ba9876543210", package)
    (tmp_path / "copies" / "mine.tar").write_bytes(b"")
    kept.tidy(["wear@ba9876543210"])
    names = sorted(file.name for file in (tmp_path / "copies").iterdir())
    assert names == ["mine.tar", "wear@ba9876543210.tar"]
