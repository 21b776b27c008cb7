"""What doctor says of crashes: dumps of the flight recorder that nobody asked for."""

import time
from collections.abc import Iterator
from typing import Final

from gateway.adapters import dumps
from gateway.cli.doctor_finding import Finding
from gateway.config.settings import Settings

RECENT_S: Final = 14 * 86_400


def crashes(settings: Settings) -> Iterator[Finding]:
    """Whether the gateway crashed in the last two weeks, and where that is written."""
    folder = dumps.folder_of(settings.store.path)
    found = [one for one in dumps.dumps(folder) if dumps.why_of(one) != dumps.ASKED]
    recent = [one for one in found if time.time() - one.stat().st_mtime < RECENT_S]
    if not recent:
        yield Finding("crash-dump", "ok", "no crash was recorded in the last 14 days")
        return
    what = f"{len(recent)} crashes or standstills recorded, the last in {recent[-1]}"
    cure = "read its first line, and edge-gateway support-bundle; remove the file when it is done"
    yield Finding("crash-dump", "warning", what, cure)
