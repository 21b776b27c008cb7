"""The package of this architecture: built, looked at, installed, taken off and purged, in a minute.

Without systemd and without an upgrade: those are in ``test_machine.py``, which takes minutes.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fakes.rootfs import RootFs

ROOT = Path(__file__).parents[2]
CONFIG = "etc/edge-gateway/gateway.yaml"
PLACES = ("etc", "var/lib", "opt", "usr/lib")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("dpkg-deb") is None, reason="needs dpkg-deb"),
    pytest.mark.skipif(sys.platform != "linux", reason="needs Linux"),
]


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Without extras: it is about the package, and what is not in it need not be fetched."""
    out = tmp_path_factory.mktemp("dist")
    path = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
    done = subprocess.run(
        [str(ROOT / "scripts/build-deb")],
        env=path | {"OUT": str(out), "EXTRAS": "", "PYTHON": "/usr/bin/python3"},
        capture_output=True,
        text=True,
        check=False,
    )
    found = list(out.glob("*.deb"))
    if not found:
        pytest.skip(f"needs what pip fetches: {done.stderr[-500:]}")
    return found[0]


@pytest.fixture
def rootfs(tmp_path: Path, package: Path) -> Iterator[RootFs]:
    with RootFs(tmp_path) as rootfs:
        shutil.copy(package, rootfs.root / "srv/edge-gateway.deb")
        rootfs.run("dpkg", "--purge", "edge-gateway", check=False)
        yield rootfs


def test_the_package_brings_everything_and_touches_nothing_else(package: Path) -> None:
    listed = subprocess.run(
        ["dpkg-deb", "--contents", str(package)], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 5) for line in listed.stdout.splitlines()]
    assert {row[1] for row in rows} == {"root/root"}
    assert not [row for row in rows if "w" in row[0][4:10] and row[0][0] != "l"]
    names = {row[5].split(" -> ")[0] for row in rows}
    assert all(name in ("./", "./usr/") or name.startswith("./usr/") for name in names)
    units = {Path(name).name for name in names if name.endswith(".service")}
    assert units == {"edge-gateway.service", "edge-gateway-failsafe.service"}
    assert any(name.endswith("examples/gateway.yaml") for name in names)
    wheels = {Path(name).name.split("-")[0] for name in names if name.endswith(".whl")}
    assert {"edge_gateway", "onnxruntime", "paho_mqtt", "pydantic"} <= wheels


def test_it_is_installed_without_a_network_taken_off_and_purged(rootfs: RootFs) -> None:
    done = rootfs.run("unshare", "--net", "dpkg", "-i", "/srv/edge-gateway.deb")
    assert "no configuration yet" in done.stdout
    assert rootfs.run("edge-gateway", "--version").stdout.startswith("edge-gateway, version ")
    user = rootfs.run("id", "-u", "edge-gateway").stdout.strip()
    assert user != "0"
    etc = (rootfs.root / "etc/edge-gateway").stat()
    state = (rootfs.root / "var/lib/edge-gateway").stat()
    assert (etc.st_mode & 0o777, etc.st_uid) == (0o750, 0)
    assert (state.st_mode & 0o777, state.st_uid) == (0o750, int(user))
    shutil.copy(ROOT / "config/gateway.yaml", rootfs.root / CONFIG)
    checked = rootfs.run("edge-gateway", "check", f"/{CONFIG}", check=False)
    assert "Traceback" not in checked.stdout + checked.stderr
    data = rootfs.root / "var/lib/edge-gateway/gateway.db"
    data.touch()

    rootfs.run("dpkg", "-r", "edge-gateway")
    assert not (rootfs.root / "opt/edge-gateway").exists()
    assert not (rootfs.root / "usr/bin/edge-gateway").is_symlink()
    assert data.exists()
    assert (rootfs.root / CONFIG).exists()

    rootfs.run("dpkg", "--purge", "edge-gateway")
    assert [one for one in PLACES if (rootfs.root / one / "edge-gateway").exists()] == []
    assert rootfs.run("id", "edge-gateway", check=False).returncode != 0
