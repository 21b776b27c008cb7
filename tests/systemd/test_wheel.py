"""The wheel in an environment of its own, as pipx makes one."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


def ran(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, capture_output=True, text=True, check=False, cwd="/")


def test_the_wheel_is_a_tool_by_itself(tmp_path: Path) -> None:
    source, fresh = tmp_path / "source", tmp_path / "fresh"
    source.mkdir()
    parts = ("gateway", "setup.cfg", "pyproject.toml", "README.md", "LICENSE")
    packed = f"tar -cf - --exclude=__pycache__ {' '.join(parts)} | tar -xf - -C {source}"
    subprocess.run(packed, shell=True, check=True, cwd=ROOT)
    assert ran(sys.executable, "-m", "venv", str(fresh)).returncode == 0
    pip = (str(fresh / "bin/python"), "-m", "pip", "--quiet", "--disable-pip-version-check")
    built = ran(*pip, "wheel", "--no-deps", "--wheel-dir", str(tmp_path), str(source))
    if built.returncode:
        pytest.skip(f"needs a package index: {built.stderr[-300:]}")
    (wheel,) = tmp_path.glob("*.whl")
    installed = ran(*pip, "install", "--no-compile", str(wheel))
    if installed.returncode:
        pytest.skip(f"needs a package index: {installed.stderr[-300:]}")

    program = str(fresh / "bin/edge-gateway")
    version = ran(program, "--version")
    assert version.stdout.startswith("edge-gateway, version ")
    checked = ran(program, "check", str(ROOT / "config/gateway.yaml"))
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "--help" in ran(program, "demo", "--help").stdout
    # What was left out of the wheel is missed only when it is used.
    files = (one for one in (source / "gateway").rglob("*.*") if one.is_file())
    data = {str(one.relative_to(source)) for one in files}
    (site,) = fresh.glob("lib/python*/site-packages")
    assert {one for one in data if not (site / one).exists()} == set()
