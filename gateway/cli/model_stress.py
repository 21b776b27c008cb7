"""``edge-gateway model stress``: what a package makes of noisy, biased, lost and false input."""

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import click

from gateway.adapters.worker import Answer
from gateway.cli.tables import print_table
from gateway.cli.trials import Trial, file_windows, golden_windows, tried
from gateway.models import stress

COLUMNS = ("disturbance", "score_change_mean", "score_change_max", "labels_kept", "worst")
_MEANS = {
    "noise": f"noise of {stress.NOISE_SD:g} sd on every channel",
    "dropout": f"{stress.DROPPED:.0%} of the rows lost, the last one held",
    "bias": f"one channel {stress.BIAS_SD:g} sd too high",
    "spoof": "one channel says what is usual",
}


class Effect(NamedTuple):
    """What one disturbance did."""

    kind: str
    channel: str
    changes: list[float]
    """Of the scores, absolute."""
    kept: float
    """Share of windows whose label stayed; a window without an answer did not keep it."""


@click.command("stress")
@click.option(
    "--windows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Other windows than the golden ones: .csv with a column per channel, or .json.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.option("--card", is_flag=True, help="Text for the model card.")
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def command(package: Path, windows: Path | None, *, as_json: bool, card: bool) -> None:
    """Disturb PACKAGE's input and say how scores move and how many labels stay.

    Standard deviations are those of the channel over the windows. bias and spoof are run for each
    channel in turn; "worst" is the channel that costs most labels.
    """
    with tried(package) as trial:
        shape = trial.package.shape
        given = file_windows(windows, shape) if windows else golden_windows(trial.package)
        usual = stress.channels(given, [channel.name for channel in shape.channels])
        clean = trial.judge(given)
        effects = [
            _effect(trial, clean, disturbance) for disturbance in stress.disturbances(given, usual)
        ]
        name = f"{trial.package.manifest.id} {trial.package.manifest.version}"
    rows = [_row(kind, [one for one in effects if one.kind == kind]) for kind in _MEANS]
    if as_json:
        found = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
        click.echo(json.dumps({"model": name, "windows": len(given), "effects": found}, indent=2))
    elif card:
        click.echo(_card(name, len(given), rows))
    else:
        print_table(COLUMNS, rows)


def _effect(trial: Trial, clean: Sequence[Answer], disturbance: stress.Disturbance) -> Effect:
    decide = trial.package.manifest.decision.decide
    changes, kept = [], 0
    for before, after in zip(clean, trial.judge(disturbance.windows), strict=True):
        if before.score is None or after.score is None:
            continue
        changes.append(abs(after.score - before.score))
        kept += decide(before.score)[0] == decide(after.score)[0]
    return Effect(disturbance.kind, disturbance.channel, changes, kept / len(clean))


def _row(kind: str, effects: Sequence[Effect]) -> tuple[str, float, float, float, str]:
    changes = [change for effect in effects for change in effect.changes] or [0.0]
    worst = min(effects, key=lambda effect: (effect.kept, -sum(effect.changes)))
    kept = round(fmean(effect.kept for effect in effects), 4)
    named = f"{worst.channel}: {worst.kept:.0%} kept" if worst.channel else "-"
    return kind, float(f"{fmean(changes):.4g}"), float(f"{max(changes):.4g}"), kept, named


def _card(name: str, count: int, rows: Sequence[tuple[str, float, float, float, str]]) -> str:
    lines = [
        "## Under disturbed input",
        "",
        f"`edge-gateway model stress` on {name}, {count} windows; sd is that of the channel over",
        "the windows. A label is kept when it is the one of the undisturbed window.",
        "",
        "| disturbance | score moves, mean | most | labels kept | worst channel |",
        "|---|---|---|---|---|",
    ]
    for kind, mean, most, kept, worst in rows:
        lines.append(f"| {_MEANS[kind]} | {mean:g} | {most:g} | {kept:.1%} | {worst} |")
    return "\n".join(lines)
