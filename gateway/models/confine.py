"""What the worker gives up before it looks at a model: memory, files, network, processes.

The other processes beside the daemon only ``stay_behind``.
"""

import contextlib
import ctypes
import os
import resource
import signal
import sys
from pathlib import Path
from typing import Final

from gateway.models import landlock, seccomp

PR_SET_PDEATHSIG: Final = 1
PR_SET_NO_NEW_PRIVS: Final = 38
OOM_SCORE: Final = 500
"""Under memory pressure the kernel takes the worker, not the daemon."""
MAX_OPEN_FILES: Final = 64


def die_with(parent: int) -> None:
    """End this process when its parent ends, even in the middle of an inference.

    The signal comes when the *thread* that started us ends (prctl(2)): the daemon starts the worker
    from a thread that lives as long as the worker.
    """
    _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        sys.exit(0)


def confine(memory_bytes: int, niceness: int) -> None:
    """Limit what a hostile model can take: call after the imports, before the first model.

    Args:
        memory_bytes: address space beyond what the imports already use.
        niceness: added to the process's own.
    """
    _prctl(PR_SET_NO_NEW_PRIVS, 1)
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[0])
    memory = pages * resource.getpagesize() + memory_bytes
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_NOFILE, MAX_OPEN_FILES)
    _be_nice(niceness)


def shut_in() -> tuple[str, ...]:
    """Give up files, network, other processes and programs: call after ``confine``, last of all.

    What is open stays open; what is needed from now on comes over the socket. Where a kernel has
    only one of the two means, the other does it alone.

    Returns:
        by which means; empty where the kernel has none.
    """
    means = (landlock.close_files(), seccomp.refuse())
    return tuple(one for one in means if one)


def stay_behind(parent: int, niceness: int) -> None:
    """For a process beside the daemon: end with it, and leave it memory and processor first."""
    die_with(parent)
    offer_to_oom_killer()
    _be_nice(niceness)


def offer_to_oom_killer() -> None:
    """Raise our score: always allowed, unless /proc is not there."""
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text(str(OOM_SCORE), "ascii")


def _be_nice(niceness: int) -> None:
    with contextlib.suppress(OSError):  # a container may forbid it
        os.nice(niceness)


def _limit(kind: int, value: int) -> None:
    """A hard limit; one that the service already has and that is tighter stays."""
    _, hard = resource.getrlimit(kind)
    value = value if hard == resource.RLIM_INFINITY else min(value, hard)
    resource.setrlimit(kind, (value, value))


def _prctl(option: int, value: int) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(option, value, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), f"prctl {option}")
