"""``edge-gateway model bench``: what a package costs on this machine, in a real worker."""

import json
import sys
import time
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import click

from gateway.cli.tables import print_table
from gateway.cli.trials import Trial, Windows, golden_windows, tried

BATCHES = (1, 8, 64)


@click.command("bench")
@click.option("--seconds", default=1.0, show_default=True, help="How long each batch size is run.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
@click.argument("package", type=click.Path(exists=True, path_type=Path))
def command(package: Path, seconds: float, *, as_json: bool) -> None:
    """Measure PACKAGE: the round trip to the worker by batch size, and the worker's memory.

    The time is wall time from question to answer, as the daemon waits for it.
    """
    with tried(package) as trial:
        windows = golden_windows(trial.package)
        rows = [_measure(trial, windows, batch, seconds) for batch in BATCHES]
        memory = {
            "worker_mb": round(trial.idle_bytes / 1e6, 1),
            "with_model_mb": round(trial.worker.rss_bytes / 1e6, 1),
            "model_mb": round(trial.package.manifest.files["model.onnx"].bytes / 1e6, 3),
        }
        runtime = trial.runtime
    if as_json:
        document = {"runtime": runtime, "batches": rows, "memory": memory}
        json.dump(document, sys.stdout, indent=2)
        click.echo()
        return
    columns = list(rows[0])
    print_table(columns, [[row[name] for name in columns] for row in rows])
    click.echo(
        f"worker {memory['worker_mb']} MB, with the model {memory['with_model_mb']} MB"
        f" (model.onnx {memory['model_mb']} MB); onnxruntime {runtime}"
    )


def _measure(trial: Trial, windows: Windows, batch: int, seconds: float) -> dict[str, float]:
    asked = list(islice(cycle(windows), batch))
    trial.judge(asked)  # the first of a batch size allocates
    times: list[float] = []
    until = time.perf_counter() + seconds
    while not times or time.perf_counter() < until:
        start = time.perf_counter()
        trial.judge(asked)
        times.append((time.perf_counter() - start) * 1e6)
    times.sort()
    middle = median(times)
    return {
        "batch": batch,
        "runs": len(times),
        "median_us": round(middle),
        "p95_us": round(times[int(len(times) * 0.95)]),
        "us_per_window": round(middle / batch, 1),
    }
