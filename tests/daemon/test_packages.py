"""Damaged packages through a running daemon's reload: no reading is lost, and it stays up."""

from pathlib import Path

import pytest

from tests.fakes.mosquitto import PROGRAM
from tests.fakes.reloads import reload_each
from tests.models import make

COUNT = 60


@pytest.mark.broker
@pytest.mark.skipif(PROGRAM is None, reason="needs mosquitto")
def test_a_daemon_outlives_every_damaged_package_and_stores_every_reading(tmp_path: Path) -> None:
    make.write(tmp_path / "good", make.autoencoder())
    (tmp_path / "site").mkdir()
    ends = reload_each(tmp_path / "good", tmp_path / "site", COUNT, seed=5)
    met = ("refused by the file's check", "refused by check or worker", "runs with its hash")
    assert sum(ends[end] for end in (*met, "ended the worker")) == COUNT
    assert all(ends[end] for end in met[:2])
    assert ends["readings stored"] == COUNT
