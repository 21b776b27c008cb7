"""``models.x.trust``: a package without a good signature by that key is out, here and there."""

import shutil
from pathlib import Path

import pytest

from gateway import config
from gateway.config import machine
from gateway.config.loader import load_document
from gateway.daemon.fleet import open_fleet
from gateway.models import signature
from gateway.models.shelf import Shelf
from tests.config.samples import GOOD, written

SHIPPED = Path("gateway/demo/packages/pump-anomaly").absolute()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file that trusts a key; the package beside it is not signed yet."""
    shutil.copytree(SHIPPED, tmp_path / "pump")
    signature.write(signature.generate(), tmp_path / "plant.key", tmp_path / "plant.pub")
    return written(tmp_path, GOOD + "models:\n  wear: {package: pump, trust: plant.pub}\n")


def shelf(file: Path) -> Shelf:
    return Shelf(file.parent / "packages", 0)


def signed(file: Path) -> None:
    package = file.parent / "pump"
    manifest = (package / "manifest.json").read_bytes()
    (package / "manifest.sig").write_bytes(signature.sign(manifest, file.parent / "plant.key"))


def said(file: Path) -> list[str]:
    return [str(problem) for problem in machine.packages(*load_document(file))[1]]


def test_check_refuses_an_unsigned_package_at_its_key(file: Path) -> None:
    (problem,) = said(file)
    assert f"{file}:" in problem
    assert "manifest.sig: expected a signature by ed25519:" in problem
    signed(file)
    assert said(file) == []


def test_the_daemon_leaves_an_unsigned_package_out(file: Path) -> None:
    found = open_fleet(config.load(file), {}, shelf(file), 0)
    assert not found.active
    assert "found none" in found.refused["wear"]
    signed(file)
    assert (
        open_fleet(config.load(file), {}, shelf(file), 0)
        .active["wear"]
        .trust.startswith("-----BEGIN PUBLIC KEY")
    )


def test_check_holds_a_candidate_against_the_same_key(file: Path) -> None:
    signed(file)
    shutil.copytree(SHIPPED, file.parent / "next")
    text = file.read_text().replace(
        "trust: plant.pub", "trust: plant.pub, candidate: {package: next}"
    )
    file.write_text(text)
    (problem,) = said(file)
    assert "manifest.sig: expected a signature" in problem


def test_a_trusted_key_that_is_not_there_refuses_the_package(file: Path) -> None:
    signed(file)
    (file.parent / "plant.pub").unlink()
    assert "plant.pub: expected a readable file" in said(file)[0]
    assert "plant.pub" in open_fleet(config.load(file), {}, shelf(file), 0).refused["wear"]
