"""``edge-gateway model stress``: what a package makes of noisy, biased, lost and false input."""

import json
from array import array
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import click

from gateway.adapters.worker import Answer
from gateway.cli.tables import print_table
from gateway.cli.trials import Trial, file_truth, file_windows, golden_windows, tried
from gateway.core.counts import counted
from gateway.core.verdicts import NORMAL
from gateway.models import stress
from gateway.models.contract import Manifest

COLUMNS = (
    "disturbance",
    "score_change_mean",
    "score_change_max",
    "labels_kept",
    "worst",
    "abstained",
    "accuracy",
)
_MEANS = {
    "none": "nothing",
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
    abstained: float
    """Share of windows on which the package's own limits would forbid an answer."""
    right: float | None
    """Share of windows with the label that the file calls true; None where it does not say."""


class Row(NamedTuple):
    """What one kind of disturbance did, over its channels and repeats."""

    kind: str
    mean: float
    most: float
    kept: float
    worst: str
    silent: float
    right: float | None


@click.command("stress")
@click.option(
    "--windows",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Other windows than the golden ones: .csv with a column per channel, or .json;"
    ' a .json {"windows": [...], "labels": [...]} with the true labels gives the accuracy, too.',
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
        truth = file_truth(windows, len(given)) if windows else []
        usual = stress.channels(given, [channel.name for channel in shape.channels])
        clean = trial.judge(given)
        effects = [_effect(trial, clean, stress.Disturbance("none", "", given), truth)] + [
            _effect(trial, clean, one, truth) for one in stress.disturbances(given, usual)
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


def _effect(
    trial: Trial, clean: Sequence[Answer], disturbance: stress.Disturbance, truth: Sequence[str]
) -> Effect:
    manifest = trial.package.manifest
    changes, kept, silent, right = [], 0, 0, 0
    answers = trial.judge(disturbance.windows)
    for at, (before, after) in enumerate(zip(clean, answers, strict=True)):
        if before.score is None or after.score is None:
            silent += after.score is None
            continue
        label = manifest.decision.decide(after.score)[0]
        changes.append(abs(after.score - before.score))
        kept += manifest.decision.decide(before.score)[0] == label
        silent += bool(_doubt(manifest, after.score, disturbance.windows[at]))
        right += bool(truth) and truth[at] == label
    count = len(clean)
    share = right / count if truth else None
    return Effect(
        disturbance.kind, disturbance.channel, changes, kept / count, silent / count, share
    )


def _doubt(manifest: Manifest, score: float, window: "array[float]") -> str:
    """Why the daemon would not take the score, by the package's own limits."""
    ood, conformal = manifest.trust.ood, manifest.trust.conformal
    why = ood.outside(window) if ood else ""
    decide = manifest.decision.decide
    return why or (conformal.crosses(score, NORMAL, decide) if conformal else "")


def _row(kind: str, effects: Sequence[Effect]) -> Row:
    changes = [change for effect in effects for change in effect.changes] or [0.0]
    worst = min(effects, key=lambda effect: (effect.kept, -sum(effect.changes)))
    kept = round(fmean(effect.kept for effect in effects), 4)
    named = f"{worst.channel}: {worst.kept:.0%} kept" if worst.channel else "-"
    silent = round(fmean(effect.abstained for effect in effects), 4)
    right = [effect.right for effect in effects if effect.right is not None]
    return Row(
        kind,
        float(f"{fmean(changes):.4g}"),
        float(f"{max(changes):.4g}"),
        kept,
        named,
        silent,
        round(fmean(right), 4) if right else None,
    )


def _card(name: str, count: int, rows: Sequence[Row]) -> str:
    many = counted(count, "window")
    lines = [
        "## Under disturbed input",
        "",
        f"`edge-gateway model stress` on {name}, {many}; sd is that of the channel over",
        "the windows. A label is kept when it is the one of the undisturbed window. Abstained: the",
        "package's own limits forbid an answer; elsewhere in the table its score counts all the",
        "same.",
        "",
        "| disturbance | accuracy | labels kept | worst channel | score moves | most | abstained |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        right = "-" if row.right is None else f"{row.right:.1%}"
        cells = [right, f"{row.kept:.1%}", row.worst, f"{row.mean:g}", f"{row.most:g}"]
        lines.append(f"| {' | '.join([_MEANS[row.kind], *cells, f'{row.silent:.1%}'])} |")
    return "\n".join(lines)
