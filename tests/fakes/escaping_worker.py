"""The real worker, but whoever loads a package tries to get out first, as a hostile model would.

Run as ``python escaping_worker.py MEANS FD PARENT MEMORY NICENESS SIGNED``; what it tried and what
came of it is in the refusal of the package. MEANS: ``both``, ``landlock``, ``seccomp``, ``none``.
"""

import ctypes
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from gateway.errors import PackageError
from gateway.models import confine, landlock, seccomp, session, worker

PARENT = os.getppid()


def fork() -> None:
    if os.fork() == 0:
        os._exit(0)


def in_thread(attempt: Callable[[], object]) -> None:
    """The same from a thread that was there before the door was shut."""
    said: list[OSError | None] = []

    def go() -> None:
        try:
            attempt()
        except OSError as error:
            said.append(error)
        else:
            said.append(None)

    asked.append(go)
    bell.release()
    done.acquire(timeout=10)
    if said[0] is not None:
        raise said[0]


bell, done, asked = threading.Semaphore(0), threading.Semaphore(0), list[Callable[[], None]]()


def serve() -> None:
    while True:
        bell.acquire()
        asked.pop()()
        done.release()


def call(number: int, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(number, *arguments) < 0:
        raise OSError(ctypes.get_errno(), "refused")


ATTEMPTS: dict[str, Callable[[], object]] = {
    "read": lambda: Path("/etc/hostname").read_bytes(),
    "read_in_thread": lambda: in_thread(lambda: Path("/etc/hostname").read_bytes()),
    "write": lambda: Path(os.environ["TMPDIR"], "left-behind").write_bytes(b""),
    "list": lambda: list(Path("/").iterdir()),
    "remove": lambda: Path(os.environ["TMPDIR"], "canary").unlink(),
    "rename": lambda: Path(os.environ["TMPDIR"], "canary").rename("/tmp/moved"),
    "change_mode": lambda: Path(os.environ["TMPDIR"], "canary").chmod(0o777),
    "tcp": lambda: socket.create_connection(("127.0.0.1", int(os.environ["LANG"])), 1).close(),
    "udp": lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM).close(),
    "unix": lambda: socket.socket(socket.AF_UNIX).close(),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "fork": fork,
    "spawn": lambda: os.posix_spawn("/bin/true", ["true"], {}),
    "signal": lambda: os.kill(PARENT, signal.SIGCONT),
    "signal_of_thread": lambda: call(seccomp_number("tgkill"), PARENT, PARENT, 0),
    "memory_file": lambda: os.memfd_create("program"),
    "io_uring": lambda: call(425, 8, ctypes.create_string_buffer(120)),
    "namespace": lambda: call(272 if X86 else 97, 0x10000000),
}
X86 = os.uname().machine == "x86_64"


def seccomp_number(name: str) -> int:
    return seccomp.THREADS[os.uname().machine][name]


def escape(*_: object) -> None:
    came: dict[str, str] = {}
    for name, attempt in ATTEMPTS.items():
        try:
            attempt()
        except OSError as error:
            came[name] = os.strerror(error.errno or 0)
        else:
            came[name] = "done"
    threading.Thread(target=int).start()  # this must still work
    raise PackageError(json.dumps(came))


MEANS = {
    "both": confine.shut_in,
    "landlock": lambda: (landlock.close_files(),),
    "seccomp": lambda: (seccomp.refuse(),),
    "none": lambda: (),
}

if __name__ == "__main__":
    session.open_session = escape  # type: ignore[assignment]  # that is the attack
    worker.shut_in = MEANS[sys.argv[1]]
    if sys.argv[1] in ("none", "landlock"):  # these would succeed, and end the attempts
        del ATTEMPTS["exec"], ATTEMPTS["namespace"]
    threading.Thread(target=serve, daemon=True).start()
    sys.exit(worker.main(sys.argv[2:]))
