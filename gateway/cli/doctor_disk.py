"""What kind of disk is under a folder, and how worn it says it is.

Sources: proc(5), /proc/self/mountinfo; Linux Documentation/ABI: /sys/dev/block, queue/rotational,
and of eMMC (JEDEC JESD84-B51, 7.4.101) ``life_time`` and ``pre_eol_info``.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from gateway.cli.doctor_finding import Finding

SYS: Final = Path("/sys")
MOUNTS: Final = Path("/proc/self/mountinfo")
_GONE: Final = frozenset({"tmpfs", "ramfs", "overlay", "squashfs"})
_REMOTE: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p", "ceph"})
_WORN: Final = 8
"""In tenths: eMMC tells its used life in steps of a tenth."""
_DEAD: Final = 10
_NORMAL_EOL: Final = 1


def disk(folder: Path, sys: Path = SYS, mounts: Path = MOUNTS) -> Iterator[Finding]:
    """Look at the file system, the device and its wear."""
    kind = _file_system(folder, mounts)
    if kind in _REMOTE:
        what = f"{folder} is on {kind}: locks and syncs over a network do not keep a database whole"
        yield Finding("disk-type", "error", what, "store.path on a disk of this machine")
        return
    if kind in _GONE:
        what = f"{folder} is on {kind}: what is stored may be gone after a restart of the machine"
        yield Finding("disk-type", "warning", what, "store.path on a disk")
        return
    device = _device(folder, sys)
    name = device.name if device is not None else ""
    card = name.startswith("mmcblk") and _text(device, "device/type") == "SD"
    if card:
        what = (
            f"{folder} is on an SD card ({name}): it tells nothing of its wear, and dies suddenly"
        )
        cure = "an SSD; else a card for endurance, and cloud.sync so that no history is only here"
        yield Finding("disk-type", "warning", what, cure)
    else:
        turning = _text(device, "queue/rotational") == "1"
        what = f"{folder} is on {kind or 'a disk'}{f' ({name})' if name else ''}"
        yield Finding("disk-type", "ok", f"{what}{', a turning disk' if turning else ''}")
    yield from _wear(device, name)


def _wear(device: Path | None, name: str) -> Iterator[Finding]:
    """As eMMC tells it; others do not without tools of their own."""
    used = [
        int(one, 16) for one in re.findall(r"0x[0-9a-fA-F]+", _text(device, "device/life_time"))
    ]
    end = _text(device, "device/pre_eol_info")
    spent = max(used, default=0)
    if not spent:
        return
    worn = bool(end) and int(end, 16) > _NORMAL_EOL
    what = f"{name} has used up to {min(spent, 10) * 10} % of its life"
    cure = "replace it before it becomes read-only; edge-gateway support-bundle, then a copy"
    if spent > _DEAD or worn:
        yield Finding("disk-wear", "error", f"{what}, and says that it is near its end", cure)
    elif spent >= _WORN:
        yield Finding("disk-wear", "warning", what, cure)
    else:
        yield Finding("disk-wear", "ok", what)


def _file_system(folder: Path, mounts: Path) -> str:
    """The type of the innermost mount over the folder; empty when that cannot be told."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return ""
    path, best, kind = str(folder.resolve()), "", ""
    for line in lines:
        words = line.split()
        if "-" not in words:
            continue
        point = words[4].encode().decode("unicode_escape")
        inside = path == point or path.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, words[words.index("-") + 1]
    return kind


def _device(folder: Path, sys: Path) -> Path | None:
    """The whole disk under the folder, in /sys; None where there is none."""
    number = folder.stat().st_dev
    link = sys / "dev/block" / f"{os.major(number)}:{os.minor(number)}"
    if not link.exists():
        return None
    found = link.resolve()
    return found.parent if (found / "partition").exists() else found


def _text(device: Path | None, name: str) -> str:
    try:
        return (device / name).read_text().strip() if device is not None else ""
    except OSError:
        return ""
