"""What a process tree has used so far, from /proc."""

from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
SECTOR_BYTES = 512
MB = 1e6


def tree(pid: int) -> list[int]:
    """A process and everything below it."""
    found = [pid]
    for task in (PROC / str(pid) / "task").glob("*/children"):
        with suppress(OSError):
            for child in task.read_text().split():
                found += tree(int(child))
    return found


def cpu_s(pid: int) -> float:
    """User and system time of the threads of a tree that live, to the nanosecond."""
    total = 0
    for one in tree(pid):
        for task in (PROC / str(one) / "task").glob("*/schedstat"):
            with suppress(OSError):
                total += int(task.read_text().split()[0])
    return total / 1e9


def resident_mb(pid: int) -> float:
    return _field(pid, "status", "VmRSS") * 1024 / MB


def written_bytes(pid: int) -> float:
    """What a tree has made the kernel write to storage."""
    return float(sum(_field(one, "io", "write_bytes") for one in tree(pid)))


def device_bytes(device: str) -> float:
    """What a block device was given to write (Documentation/block/stat.rst, field 7)."""
    return int(Path(f"/sys/block/{device}/stat").read_text().split()[6]) * SECTOR_BYTES


def worker(pid: int) -> int:
    """The daemon's child that runs the models; 0 when there is none."""
    return child(pid, "gateway.models.worker")


def child(pid: int, module: str) -> int:
    """The process below another that runs a module; 0 when there is none."""
    for one in tree(pid)[1:]:
        if module in (PROC / str(one) / "cmdline").read_bytes().decode().split("\0"):
            return one
    return 0


def _field(pid: int, file: str, name: str) -> int:
    for line in (PROC / str(pid) / file).read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1])
    return 0
