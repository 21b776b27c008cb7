"""The daemon's configuration for the bench: sixteen assets of seven metrics each."""

import subprocess
import sys
from pathlib import Path
from typing import Literal

from scripts.benchmark import plant
from scripts.benchmark.rig import ROOT

Kind = Literal["flood", "rule", "model", "idle"]
GATEWAY = "bench"
FLOOD_PERIOD_S = 0.1
"""Ten windows a second and asset become due, which is fast for a plant: judging counts, too."""
MODEL_PERIOD_S = 0.25
"""Below the 0.32 s between two messages of a device, so that each message closes a row at once."""
IDLE_PERIOD_S = 1.0
PERIODS_S = {"flood": FLOOD_PERIOD_S, "model": MODEL_PERIOD_S, "idle": IDLE_PERIOD_S}

HEAD = """
gateway: {{id: {gateway}}}
brokers: {{local: {{host: 127.0.0.1, port: {port}}}}}
sources:
  zigbee:
    bridge: zigbee2mqtt
    broker: local
{models}
store: {{path: {folder}/gateway.db, durability: full, min_free_bytes: 1MiB, verdicts: {verdicts}}}
limits: {{commands_per_minute: 6000}}
log: {{level: warning, format: json}}
assets:
"""
ASSET = """
  {asset}:
    metrics:
{metrics}
    actions:
      stop: {{to: zigbee/{asset}, set: {{state: "OFF"}}, deadline: 5s}}
    verdicts:
{verdicts}
    policy:
      - {{when: alarm, for: 1 of 1, clear: 1 of 1, do: stop, mode: act}}
"""
RULE = f"      - {{rule: power > {plant.LIMIT_W}, label: alarm}}"
GUARD = f"      - {{rule: power > {plant.LIMIT_W}, label: alarm, guard: true}}"
MODEL = "      - {model: bench}"


def write(folder: Path, port: int, kind: Kind, *, keep_verdicts: bool, web: int = 0) -> Path:
    """Write the configuration, and the model package it names, into a folder.

    ``web``: the port of a page; 0: there is none.
    """
    models = "" if kind == "rule" else f"models: {{bench: {{package: {folder}/package}}}}"
    if models:
        model(folder / "package", PERIODS_S[kind])
    # To time the model alone, no rule stands beside it.
    verdicts = {"rule": RULE, "model": MODEL}.get(kind, f"{MODEL}\n{GUARD}")
    head = HEAD.format(
        gateway=GATEWAY,
        port=port,
        folder=folder,
        models=models,
        verdicts="all" if keep_verdicts else "changes",
    )
    if web:
        head = head.replace("assets:", f'web: {{listen: "127.0.0.1:{web}"}}\nassets:')
    assets = [_asset(plant.device(number), verdicts) for number in range(plant.DEVICES)]
    file = folder / "gateway.yaml"
    file.write_text(head + "".join(assets), "utf-8")
    return file


def long(folder: Path, port: int, lines: int) -> Path:
    """Write a configuration of so many lines, or some more."""
    file, number = write(folder, port, "rule", keep_verdicts=False), 0
    text = file.read_text("utf-8")
    while text.count("\n") < lines:
        text += _asset(f"machine{number:03}", RULE)
        number += 1
    file.write_text(text, "utf-8")
    return file


def _asset(device: str, verdicts: str) -> str:
    lines = []
    for name, unit in zip(plant.METRICS, plant.UNITS, strict=True):
        kind = ", kind: counter" if name == "energy" else ""
        lines.append(f"      {name}: {{from: zigbee/{device}, unit: {unit}{kind}}}")
    return ASSET.format(asset=device, metrics="\n".join(lines), verdicts=verdicts)


def model(folder: Path, period_s: float) -> None:
    """Make the model package, in a process of its own: the onnx library is large."""
    make = "import pathlib, sys; from scripts.benchmark.model import write;"
    make += "write(pathlib.Path(sys.argv[1]), float(sys.argv[2]))"
    subprocess.run([sys.executable, "-c", make, str(folder), str(period_s)], cwd=ROOT, check=True)
