"""One visit, as a process: ``python -m gateway.updates [--check] FILE``.

Prints one JSON object; ends with 0 when the repository was asked and believed, else with 1. The
caller says that the clock is right, and ends the process when it takes too long.
"""

import contextlib
import json
import logging
import os
import sys
import time
from pathlib import Path
from typing import Final

from gateway.config import load_part
from gateway.errors import GatewayError, RepositoryRefusedError, UpdateError
from gateway.updates import deliveries, proposals
from gateway.updates.fetch import USUAL, Pace
from gateway.updates.record import changing, locked
from gateway.updates.visit import Visit, begin

NICENESS: Final = 10
"""Updates wait for readings, not readings for updates."""


def main(words: list[str]) -> int:
    """Visit, and say what came of it."""
    *options, name = words
    file, dry = Path(name), "--check" in options
    now_ms = time.time_ns() // 1_000_000
    logging.getLogger("tuf").setLevel(logging.CRITICAL)
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICENESS)
    said: dict[str, object] = {"found": [], "why": ""}
    try:
        settings = load_part(file, "gateway", "brokers", "store", "updates")
        if settings.updates is None:
            raise UpdateError(f"{file} has no section updates")
        folder = settings.updates.folder
        with locked(folder, "visit", wait=False):
            said = visited(file, folder, now_ms, dry=dry)
    except BlockingIOError:
        said["why"] = "another visit is under way"
    except (GatewayError, OSError) as error:
        said["why"] = str(error)
    said["rss_bytes"] = _most_bytes()
    sys.stdout.write(json.dumps(said) + "\n")
    return 1 if said["why"] else 0


def _most_bytes() -> int:
    """Most memory so far: ``ru_maxrss`` would count what the parent had at the fork."""
    lines = Path("/proc/self/status").read_text("ascii").splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")), 0)


def visited(
    file: Path, folder: Path, now_ms: int, *, dry: bool = False, pace: Pace = USUAL
) -> dict[str, object]:
    """Visit; what came of it is remembered."""
    visit, why, refused = None, "", False
    try:
        visit = begin(file, now_ms, dry=dry, pace=pace)
        run(visit)
    except GatewayError as error:
        why, refused = str(error), isinstance(error, RepositoryRefusedError)
    finally:
        if visit is not None:
            visit.fetcher.close()
    requests = visit.fetcher.requests if visit else 0
    came = visit.fetcher.bytes if visit else 0
    with changing(folder) as record:
        record.ended(why, now_ms, refused=refused)
        record.requests, record.bytes = requests, came
    return {
        "found": visit.found if visit else [],
        "why": why,
        "refused": refused,
        "requests": requests,
        "bytes": came,
    }


def run(visit: Visit) -> None:
    """Ask, and take what is for us; what is wrong with one thing does not keep another.

    Raises:
        UpdateError: something was not there, or is not to be believed.
    """
    visit.catalogue.refresh()
    wrong: list[UpdateError] = []
    for name, model in visit.settings.models.items():
        if model.delivered:
            try:
                deliveries.look(visit, name, model)
            except UpdateError as error:
                wrong.append(error)
    if visit.updates.may:
        try:
            proposals.look(visit)
        except UpdateError as error:
            wrong.append(error)
    visit.catalogue.settle()
    worst = sorted(wrong, key=lambda one: isinstance(one, RepositoryRefusedError), reverse=True)
    if worst:
        raise worst[0]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
