"""The shipped package is what its script makes; the graph is what the mathematics says."""

import gzip
import json
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from gateway.demo.plant import simulate
from gateway.models.package import verify
from scripts.train import plant, pump
from scripts.train.datasets import SKAB, Floats, Run, runs
from scripts.train.distance import Distance, Smoothing, precision
from scripts.train.graph import build
from scripts.train.package import contributions

SHIPPED = plant.OUT


@cache
def model() -> Distance:
    """Made within a test, where nothing is traced: a fixture would take ten times as long."""
    return plant.train()


def shipped_session() -> onnxruntime.InferenceSession:
    return onnxruntime.InferenceSession((SHIPPED / "model.onnx").read_bytes())


def shipped_scores(rows: Floats) -> Floats:
    length = verify(SHIPPED).shape.length
    windows = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0).swapaxes(1, 2)
    (scores,) = shipped_session().run(["score"], {"window": windows.astype(np.float32)})
    return np.asarray(scores, dtype=np.float64).ravel()


def recording(rows: int = 1600) -> Run:
    """A made-up test bed: noise, a slow wander, and two channels that move together."""
    random = np.random.default_rng(3)
    values = random.normal(0, 1, (rows, len(SKAB)))
    values[:, 7] += np.cumsum(random.normal(0, 0.02, rows))
    values[:, 1] += values[:, 0]
    values += np.arange(len(SKAB)) * 10
    units = dict(SKAB.values())
    return Run("anomaly-free", units, values, np.zeros(rows, dtype=np.bool_), np.arange(rows) * 1.0)


@pytest.mark.no_cover
def test_training_again_gives_the_shipped_golden_vectors() -> None:
    golden = json.loads((SHIPPED / "golden.json").read_text("utf-8"))
    scores = [float(model().score(np.array(window))[0]) for window in golden["windows"]]
    assert scores == pytest.approx(golden["outputs"]["score"], rel=1e-4)


def test_the_shipped_package_passes_the_gateways_checks_and_is_small() -> None:
    package = verify(SHIPPED)
    assert [channel.name for channel in package.shape.channels] == list(plant.CHANNELS)
    assert sum(file.stat().st_size for file in SHIPPED.iterdir()) < 20_000


def test_the_shipped_model_is_quiet_on_healthy_pumps_it_never_saw() -> None:
    assert max(float(shipped_scores(rows).max()) for rows in plant.histories(9_001, 900)) < 1


def test_the_shipped_model_sees_wear_long_before_the_temperature_does() -> None:
    rows = simulate(9_002, 75, 1.0, 30.0)
    first = np.flatnonzero(shipped_scores(plant.history(rows)) >= 1)[0] + 7
    hot = next(i for i, row in enumerate(rows) if row.temperature > 90)
    assert rows[first].wear > 0
    assert first < hot - 20


def test_a_worn_bearing_shows_as_vibration() -> None:
    rows = plant.history(simulate(9_002, 55, 1.0, 30.0))
    (parts,) = shipped_session().run(
        ["contributions"], {"window": rows[np.newaxis, -15:-7].astype(np.float32)}
    )
    assert list(plant.CHANNELS)[int(np.argmax(parts[0]))] == "vibration"


def test_the_graph_does_what_the_mathematics_says() -> None:
    random = np.random.default_rng(1)
    smoothing = Smoothing(decay=0.2, length=6, clip=3.0)
    spread = precision(random.normal(0, 1, (200, 3)), 0.1)
    model = Distance(smoothing, random.normal(0, 5, 3), random.uniform(1, 9, 3), spread)
    rows = random.normal(0, 20, (100, 3))
    windows = np.lib.stride_tricks.sliding_window_view(rows, 6, axis=0).swapaxes(1, 2)
    session = onnxruntime.InferenceSession(build(model))
    score, parts = session.run(None, {"window": windows.astype(np.float32)})
    assert np.asarray(score).ravel() == pytest.approx(model.score(rows), rel=1e-4)
    assert np.asarray(parts).sum(axis=1) == pytest.approx(model.score(rows) ** 2, rel=1e-3)
    assert np.asarray(parts)[0] == pytest.approx(contributions(model, windows[0]), rel=1e-3)


@pytest.mark.no_cover
def test_the_same_model_gives_the_same_bytes() -> None:
    assert build(model()) == build(model())


def test_a_pump_package_is_made_for_its_period_and_calibrates_on_the_spot(tmp_path: Path) -> None:
    pump.package([recording()], tmp_path, period_s=0.05)
    manifest = verify(tmp_path).manifest
    assert manifest.shape.period_ms == 50
    assert (manifest.calibration.per_asset, manifest.calibration.rows) == ("mean_sd", 400)
    assert [channel.name for channel in manifest.shape.channels] == list(pump.CHANNELS)


def test_a_pump_model_calls_few_rows_of_its_own_recording_and_a_fallen_flow() -> None:
    normal = recording().columns(pump.CHANNELS)
    model = pump.train(normal)
    rows = pump.standardised(normal)
    assert np.mean(model.score(rows[:400]) >= 1) <= 0.01
    rows[:, pump.CHANNELS.index("flow")] -= 5
    assert np.all(model.score(rows[:400]) >= 1)


def test_a_recording_that_is_too_short_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1150"):
        pump.train(recording(1000).columns(pump.CHANNELS))


def test_a_test_bed_file_is_read_as_one_run(tmp_path: Path) -> None:
    columns = ["datetime", *SKAB, "anomaly", "changepoint"]
    lines = [";".join(columns)]
    for second, faulty in ((58, 0), (59, 1)):
        lines.append(f"2020-03-09 10:14:{second};1;2;3;4;5;6;7;8;{faulty}.0;0.0")
    (tmp_path / "valve1").mkdir()
    (tmp_path / "valve1/12.csv.gz").write_bytes(gzip.compress("\n".join(lines).encode()))
    (run,) = runs(tmp_path)
    assert (run.name, run.faulty.tolist(), run.at_s.tolist()) == (
        "valve1-12",
        [False, True],
        [0.0, 1.0],
    )
    assert run.columns(("flow", "current")).tolist() == [[8.0, 3.0], [8.0, 3.0]]


def test_an_engine_file_is_read_as_one_run_per_engine(tmp_path: Path) -> None:
    names = ["unit", "cycle", *(f"set{i}" for i in range(1, 4)), *(f"s{i}" for i in range(1, 22))]
    lines = [",".join(names)]
    for unit, cycle in ((1, 1), (1, 2), (2, 1)):
        lines.append(",".join(map(str, [unit, cycle, *range(24)])))
    file = tmp_path / "test_FD001.csv.gz"
    file.write_bytes(gzip.compress("\n".join(lines).encode()))
    assert [(run.name, len(run.values)) for run in runs(file)] == [
        ("test_FD001-1", 2),
        ("test_FD001-2", 1),
    ]


def test_no_data_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no \.csv\.gz"):
        list(runs(tmp_path))
