"""The short form of ``scripts/prove_packages``."""

from pathlib import Path

from tests.models import make
from tests.models.proving import prove

COUNT = 120


def test_every_damaged_package_is_refused_with_its_reason_or_is_whole(tmp_path: Path) -> None:
    make.write(tmp_path / "good", make.autoencoder())
    (tmp_path / "cases").mkdir()
    ends = prove(tmp_path / "good", tmp_path / "cases", COUNT, seed=11)
    assert sum(n for end, n in ends.items() if ":" not in end) == COUNT
    assert ends["refused by the check"] > COUNT / 2
    assert not Path("/tmp/escaped").exists()
