"""Runs in the gateway's sandbox, in its place: what must work there, and what must not."""

import ctypes
import json
import mmap
import os
import signal
import socket
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

STATE = Path(os.environ["STATE_DIRECTORY"])


def call(name: str, *arguments: object) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, name)(*arguments) < 0:
        raise OSError(ctypes.get_errno(), name)


def onnxruntime() -> None:
    import onnxruntime as ort

    from gateway.models import session

    assert ort.__version__ == session.RUNTIME


def database() -> None:
    with sqlite3.connect(STATE / "probe.db") as connection:
        connection.execute("pragma journal_mode = wal")
        connection.execute("create table if not exists one (x)")


def signing() -> None:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    Ed25519PrivateKey.generate().sign(b"")


MAY: dict[str, Callable[[], object]] = {
    "onnxruntime": onnxruntime,
    "database": database,
    "signing": signing,
    "broker": lambda: socket.create_connection(("localhost", 1883), 5).close(),
    "names": lambda: socket.getaddrinfo("localhost", 1883),
    "configuration": lambda: Path("/etc/edge-gateway/gateway.yaml").read_bytes(),
    "certificates": lambda: list(Path("/etc/ssl/certs").iterdir()),
    "processor": lambda: Path("/proc/cpuinfo").read_bytes(),
    "boot": lambda: Path("/proc/sys/kernel/random/boot_id").read_bytes(),
    "memory": lambda: Path("/proc/meminfo").read_bytes(),
    "clock": lambda: list(Path("/run/systemd").iterdir()),
    "child": lambda: subprocess.run(["/bin/true"], check=True),
    "scratch": lambda: Path("/tmp/probe").write_bytes(b"x"),
    "callback": ctypes.CFUNCTYPE(ctypes.c_int)(int),
}
MAY_NOT: dict[str, Callable[[], object]] = {
    "write_etc": lambda: Path("/etc/edge-gateway/new").write_bytes(b""),
    "write_program": lambda: Path("/opt/edge-gateway/new").write_bytes(b""),
    "write_usr": lambda: Path("/usr/new").write_bytes(b""),
    "shadow": lambda: Path("/etc/shadow").read_bytes(),
    "home": lambda: list(Path("/root").iterdir()),
    "journal": lambda: list(Path("/var/log").iterdir()),
    "boot_partition": lambda: list(Path("/boot").iterdir()),
    "others": lambda: Path("/proc/1/cmdline").read_bytes(),
    "devices": lambda: Path("/dev/mem").read_bytes(),
    "code": lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC),
    "netlink": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0),
    "packet": lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0),
    "clock_set": lambda: time.clock_settime(time.CLOCK_REALTIME, 1e9),
    "clock_adjust": lambda: call("adjtimex", ctypes.create_string_buffer(512)),
    "mount": lambda: call("mount", b"t", b"/tmp", b"tmpfs", 0, None),
    "namespace": lambda: call("unshare", 0x10000000),
    "be_root": lambda: os.setuid(0),
    "real_time": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
    "nicer": lambda: os.nice(-1),
    "kill_init": lambda: os.kill(1, signal.SIGCONT),
    "host_name": lambda: call("sethostname", b"x", 1),
    "reboot": lambda: call("reboot", 0),
    "set_user_bit": lambda: (STATE / "probe.db").chmod(0o4755),
}


def came(attempts: dict[str, Callable[[], object]]) -> dict[str, str]:
    found = {}
    for name, attempt in attempts.items():
        try:
            attempt()
            found[name] = "done"
        except (OSError, ImportError) as error:
            found[name] = str(error)
    return found


print(json.dumps({"may": came(MAY), "may_not": came(MAY_NOT)}), flush=True)
