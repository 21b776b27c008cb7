"""The gateway's configuration for a replay: one asset per run, one model, advice only."""

import json
from collections.abc import Sequence
from pathlib import Path

from scripts.replay.wires import Wire
from scripts.train.datasets import Run

VOTES = "18 of 20"
"""Of verdicts: what turns flickering verdicts into one alert; ``scripts/study_pump`` chose it."""
CLEAR = "25 of 30"
"""Verdicts without the label that end the alert."""


def configuration(
    runs: Sequence[Run], wire: Wire, *, host: str, port: int, package: Path | None, store: Path
) -> str:
    """Write the file; JSON, which is YAML.

    Args:
        runs: one asset each.
        wire: the bridge they are published through.
        host: of the broker.
        port: of the broker.
        package: the model; without one readings are stored and nothing is judged.
        store: the database file, to be made.
    """
    document = {
        "gateway": {"id": "replay"},
        "brokers": {"local": {"host": host, "port": port}},
        "sources": {"bench": {**wire.source, "broker": "local"}},
        **({"models": {"pump": {"package": str(package)}}} if package else {}),
        "store": {"path": str(store), "verdicts": "all"},
        "assets": {run.name: _asset(run, wire, judged=package is not None) for run in runs},
    }
    return json.dumps(document, indent=2) + "\n"


def _asset(run: Run, wire: Wire, *, judged: bool) -> dict[str, object]:
    device = f"bench/{wire.device(run.name)}"
    metrics = {
        name: {"from": device, "path": wire.path(name), **({"unit": unit} if unit else {})}
        for name, unit in run.units.items()
    }
    if not judged:
        return {"metrics": metrics}
    return {
        "metrics": metrics,
        "verdicts": [{"model": "pump"}],
        "policy": [{"when": "alarm", "for": VOTES, "clear": CLEAR, "mode": "advise"}],
    }
