"""Visiting: one visit to the repository of updates, in a process that has so much time."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path

from gateway.config.settings import UpdateSettings


async def visited(settings: UpdateSettings, file: Path) -> str:
    """Visit; why it could not even say how it ended, empty when it could: that is in its record.

    It is ended when it takes too long, and when we are to stop.
    """
    words = (sys.executable, "-P", "-m", "gateway.updates", str(file))
    child = await asyncio.create_subprocess_exec(*words, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        async with asyncio.timeout(settings.timeout_ms / 1000):
            _, said = await child.communicate()
    except TimeoutError:
        return f"the visit took longer than {settings.timeout_ms // 1000} s"
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if child.returncode in (0, 1):
        return ""
    return f"the visit ended with {child.returncode}: {said.decode(errors='replace')[-300:]}"
