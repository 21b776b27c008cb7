"""The daemon as a process: signals, what the interpreter is told, and what is left of a crash."""

import asyncio
import gc
import signal
from typing import Final

from gateway import __version__
from gateway.config.settings import Settings
from gateway.daemon.app import Daemon
from gateway.daemon.clock import SystemClock
from gateway.daemon.flight import Flight
from gateway.errors import ConfigError, GatewayError

COLLECT: Final = (20_000, 20, 20)
"""Python's own (700, 10, 10) looks for cycles several times in each batch of messages, which have
none: a quarter of the daemon's CPU under flood."""


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP loads the file again.

    Raises:
        GatewayError: it cannot go on.
    """
    if not settings.log.recorder_bytes:
        asyncio.run(_run(settings))
        return
    flight = Flight(settings, SystemClock())
    flight.start()
    try:
        asyncio.run(_run(settings, flight))
    except (ConfigError, KeyboardInterrupt):
        raise
    except BaseException as error:
        flight.crashed("crashed", error)
        raise
    finally:
        flight.close()


def resource(settings: Settings) -> dict[str, str]:
    """What the lines of this process's log are from, in OpenTelemetry's words."""
    return {
        "service.name": "edge-gateway",
        "service.version": __version__,
        "service.instance.id": settings.gateway_id,
    }


async def _run(settings: Settings, flight: Flight | None = None) -> None:
    gc.set_threshold(*COLLECT)
    daemon = Daemon(settings, SystemClock())
    daemon.flight = flight
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop.set)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload.set)
    try:
        await daemon.run()
    except* GatewayError as group:
        raise group.exceptions[0] from None
