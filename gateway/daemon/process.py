"""The daemon as a process: signals, and what the interpreter is told."""

import asyncio
import gc
import signal
from typing import Final

from gateway.config.settings import Settings
from gateway.daemon.app import Daemon
from gateway.daemon.clock import SystemClock
from gateway.errors import GatewayError

COLLECT: Final = (20_000, 20, 20)
"""Python's own (700, 10, 10) looks for cycles several times in each batch of messages, which have
none: a quarter of the daemon's CPU under flood."""


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP loads the file again.

    Raises:
        GatewayError: it cannot go on.
    """
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    gc.set_threshold(*COLLECT)
    daemon = Daemon(settings, SystemClock())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop.set)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload.set)
    try:
        await daemon.run()
    except* GatewayError as group:
        raise group.exceptions[0] from None
