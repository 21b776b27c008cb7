"""What a visit costs: requests, bytes of bodies, time and memory of its process."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from tests.fakes.daemon import ROOT
from tests.updates.plant import Plant


def costs(folder: Path) -> dict[str, str]:
    """Visits in processes of their own, as the daemon makes them."""
    with Plant(folder) as plant:
        plant.offer("1.1.0")
        found = {"first visit, one package of 10 kB": _visit(plant)}
        found["nothing new"] = _visit(plant)
        plant.offer("1.2.0", 92.0)
        found["a new version of 10 kB"] = _visit(plant)
        plant.offer_config("{}")
        found["a new configuration"] = _visit(plant)
        plant.author().refresh()
        found["a new timestamp alone"] = _visit(plant)
        for number in range(20):
            plant.offer(f"2.{number}.0", 92.0)
        found["the newest of 20 new versions"] = _visit(plant)
    return found


def _visit(plant: Plant) -> str:
    plant.server.counted()
    words = [sys.executable, "-m", "gateway.updates", str(plant.file)]
    done = subprocess.run(words, capture_output=True, check=True, cwd=ROOT)
    said: dict[str, Any] = json.loads(done.stdout)
    asked, sent = plant.server.counted()
    assert asked == said["requests"]
    rss = said["rss_bytes"] / 1_000_000
    return f"{asked} requests, {sent} bytes, {rss:.0f} MB of memory while it lasts"
