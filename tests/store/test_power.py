"""The short form of scripts/prove_power: full loses nothing, and the control loses something."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROVE = Path(__file__).parents[2] / "scripts" / "prove_power"


@pytest.mark.slow
@pytest.mark.parametrize("durability", ["full", "normal"])
def test_a_power_cut_loses_nothing_acknowledged_and_the_control_does(durability):
    if shutil.which("cc") is None:
        pytest.skip("needs cc")
    command = [sys.executable, str(PROVE), "--images", "100", "--durability", durability]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (" 0 lost" in done.stdout) is (durability == "full")
    assert done.stdout.endswith("0 damaged\n")
