"""What systemd is told (sd_notify(3)): one datagram of ``KEY=value`` lines to $NOTIFY_SOCKET.

Without that variable, on a terminal or in a container, nothing happens.
"""

import os
import socket
import time


def ready(status: str = "") -> bool:
    """Started, or done reloading."""
    return notify("READY=1", *_status(status))


def reloading() -> bool:
    """The configuration is being read again; ``ready`` ends it.

    Type=notify-reload wants the time, so that it can tell two reloads apart.
    """
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def stopping(status: str = "") -> bool:
    """On the way out."""
    return notify("STOPPING=1", *_status(status))


def status(text: str) -> bool:
    """One line for ``systemctl status``."""
    return notify(*_status(text))


def watchdog() -> bool:
    """The pipeline moves."""
    return notify("WATCHDOG=1")


def notify(*lines: str) -> bool:
    """Send lines as one datagram; False when nobody listens. Never raises and never waits."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not lines or not address.startswith(("/", "@")):
        return False
    if address.startswith("@"):  # the abstract name space is spelled with a zero byte
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sender:
        try:
            sender.sendto("\n".join(lines).encode(), address)
        except OSError:
            return False
    return True


def _status(text: str) -> list[str]:
    return [f"STATUS={' '.join(text.split())}"] if text else []
