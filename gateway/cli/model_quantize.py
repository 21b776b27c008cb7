"""``edge-gateway model quantize``: an int8 version, with what it gains and costs, measured."""

import json
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import NamedTuple

import click

from gateway.cli.recording import record
from gateway.cli.tables import print_table
from gateway.cli.trials import Trial, Windows, golden_windows, tried
from gateway.errors import ModelError
from gateway.models import archive, quantize
from gateway.models.files import MANIFEST, MODEL
from gateway.models.package import unpack, verify

RUNS = 300
NOTICEABLE = 0.9
"""A median below this share of the other is faster, not noise."""


class Measured(NamedTuple):
    """One version of the model."""

    bytes: int
    median_us: float
    """Per batch of one, in the worker."""
    scores: list[float]
    labels: list[str]


@click.command("quantize")
@click.option("--method", type=click.Choice(quantize.METHODS), default="static", show_default=True)
@click.argument("package", type=click.Path(exists=True, path_type=Path))
@click.argument("out", type=click.Path(path_type=Path))
def command(package: Path, out: Path, method: quantize.Method) -> None:
    """Write an int8 version of PACKAGE to the folder OUT, and print what it gains and costs.

    Accuracy is held against PACKAGE's own answers on its golden windows. A gain is claimed only
    where it was measured here, on this machine.
    """
    if out.exists():
        raise click.BadParameter(f"{out} is there", param_hint="OUT")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "package"
        _unpacked(package, folder)
        source = folder / MODEL
        small = Path(scratch) / "int8.onnx"
        quantize.quantize(source, small, method, quantize.feeds(package))
        shutil.copyfile(small, source)
        windows = golden_windows(verify(package))
        before = _measured(package)
        after = _recorded(folder, method, windows, _slack(before, method))
        shutil.copytree(folder, out)
    _print(before, after, method)
    click.echo(f"{out}: sealed, not signed")


def _unpacked(package: Path, folder: Path) -> None:
    _, contents = unpack(package)
    folder.mkdir()
    contents = {**contents, MANIFEST: archive.opened(package).read(MANIFEST)}
    for name, content in contents.items():
        (folder / name).write_bytes(content)


def _measured(package: Path) -> Measured:
    with tried(package) as trial:
        return _measure(trial)


def _measure(trial: Trial) -> Measured:
    windows = golden_windows(trial.package)
    answers = trial.judge(windows)
    if bad := [answer.error for answer in answers if answer.score is None]:
        raise ModelError(f"a golden window was not answered: {bad[0]}")
    scores = [answer.score or 0.0 for answer in answers]
    decide = trial.package.manifest.decision.decide
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        trial.judge(windows[:1])
        times.append((time.perf_counter() - start) * 1e6)
    size = trial.package.manifest.files[MODEL].bytes
    return Measured(size, median(times), scores, [decide(score)[0] for score in scores])


def _slack(before: Measured, method: str) -> float:
    """How far a score may be off its golden one.

    ``dynamic`` takes one scale for the activations of a whole batch, so that the rows of a batch
    move each other a little: a fiftieth of the span of the scores is allowed for that.
    """
    return (max(before.scores) - min(before.scores)) / 50 if method == "dynamic" else 0.0


def _recorded(folder: Path, method: str, windows: Windows, slack: float) -> Measured:
    """Make the int8 model's own answers its golden vectors, and measure it."""
    document = json.loads((folder / MANIFEST).read_text("utf-8"))
    del document["files"]
    golden = document["golden"]
    document["golden"] = {**golden, "atol": max(golden["atol"], slack)}
    document["version"] = f"{document['version'].partition('+')[0]}+int8.{method}"
    record(folder, document, windows)
    return _measured(folder)


def _print(before: Measured, after: Measured, method: str) -> None:
    moved = [abs(b - a) for a, b in zip(before.scores, after.scores, strict=True)]
    kept = sum(a == b for a, b in zip(before.labels, after.labels, strict=True))
    rows: Sequence[Sequence[object]] = [
        ("before", before.bytes, round(before.median_us)),
        (f"int8 {method}", after.bytes, round(after.median_us)),
    ]
    print_table(("version", "bytes", "median_us"), rows)
    spread = (max(before.scores) - min(before.scores)) or 1.0
    click.echo(
        f"scores move by up to {max(moved):.4g} ({max(moved) / spread:.1%} of their span);"
        f" {kept} of {len(moved)} golden labels kept"
    )
    click.echo(_verdict("size", after.bytes / before.bytes, "smaller"))
    click.echo(_verdict("latency", after.median_us / before.median_us, "faster"))


def _verdict(what: str, share: float, gain: str) -> str:
    if share < NOTICEABLE:
        return f"{what}: {gain}, {share:.2f} of before"
    return f"{what}: no gain measured ({share:.2f} of before)"
