"""Features against plain formulas, against the laws they must keep, and through the session."""

import json
import math
import statistics
import time
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from onnx import TensorProto, helper, numpy_helper

from gateway.errors import PackageError
from gateway.models.features import presets
from gateway.models.features.compute import compute
from gateway.models.features.presets import STATS, Vibration
from gateway.models.package import unpack
from gateway.models.seal import seal
from gateway.models.session import open_session
from gateway.models.watchdog import Watchdog

RATE, SAMPLES = 4096.0, 4096
THREE = Vibration(RATE, bands_hz=((0, 512), (512, 1024), (1024, 2048)), orders=(3.5,), rpm=1800)
NUMBERS = st.floats(-1e6, 1e6, allow_subnormal=False)
WINDOWS = arrays(np.float64, st.tuples(st.integers(1, 3), st.integers(2, 9), st.integers(1, 3)),
                 elements=NUMBERS)  # fmt: skip


def by_name(window, channels=("flow",), preset="stats", settings=None):
    block = np.asarray(window, dtype=np.float64)
    block = block[np.newaxis, :, np.newaxis] if block.ndim == 1 else block[np.newaxis]
    names = presets.names(preset, channels, block.shape[1], settings)
    (values,) = compute(preset, block, channels, settings)
    return dict(zip(names, values.tolist(), strict=True))


def tone(hertz, amplitude=1.0, samples=SAMPLES):
    return amplitude * np.sin(2 * np.pi * hertz * np.arange(samples) / RATE)


def hammered(order, rpm, seed=1):
    """A bearing: a knock ``order`` times a turn, each one ringing at 1,500 Hz and dying away."""
    random = np.random.default_rng(seed)
    block, at = random.normal(0, 0.05, SAMPLES), 0.0
    ring = tone(1500, samples=200) * np.exp(-np.arange(200) / 25)
    while at < SAMPLES - 200:
        block[int(at) : int(at) + 200] += ring
        at += RATE * 60 / (order * rpm)
    return block


def test_stats_are_the_formulas_of_the_textbook() -> None:
    rows = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0]
    assert by_name(rows) == pytest.approx(
        {
            "flow.last": 9.0,
            "flow.mean": statistics.fmean(rows),
            "flow.sd": statistics.pstdev(rows),
            "flow.slope": statistics.linear_regression(range(6), rows).slope,
            "flow.min": 1.0,
            "flow.max": 9.0,
        }
    )


def test_features_lie_channel_by_channel_as_named() -> None:
    window = np.array([[1.0, 10.0], [2.0, 30.0]])
    assert presets.names("stats", ("a", "b"), 2)[5:7] == ("a.max", "b.last")
    found = by_name(window, ("a", "b"))
    assert (found["a.last"], found["b.last"], found["b.slope"]) == (2.0, 30.0, 20.0)


def test_raw_is_the_window_itself_row_by_row() -> None:
    window = np.arange(6.0).reshape(1, 3, 2)
    assert compute("raw", window) is window
    names = presets.names("raw", ("a", "b"), 3)
    assert names == ("a[0]", "b[0]", "a[1]", "b[1]", "a[2]", "b[2]")
    assert presets.count("raw", ("a", "b"), 3, None) == len(names)


def test_one_row_has_no_spread_and_no_slope() -> None:
    assert by_name([7.0]) == {f"flow.{name}": 0.0 if name in ("sd", "slope") else 7.0
                              for name in STATS}  # fmt: skip


@given(WINDOWS)
def test_the_extremes_hold_the_rest_between_them(windows) -> None:
    last, mean, sd, slope, low, high = np.moveaxis(
        compute("stats", windows).reshape(len(windows), -1, len(STATS)), 2, 0
    )
    slack = 1e-9 * (1 + np.abs(windows).max())
    assert np.all((low <= last) & (last <= high))
    assert np.all((low - slack <= mean) & (mean <= high + slack))
    assert np.all(sd <= (high - low) / 2 + slack)  # Popoviciu 1935
    assert np.all(np.abs(slope) <= (high - low) * 1.5 / 1 + slack)


@given(WINDOWS, st.floats(-1e3, 1e3), st.floats(0.125, 64))
def test_shift_and_gain_move_stats_as_they_must(windows, shift, gain) -> None:
    before = compute("stats", windows).reshape(len(windows), -1, len(STATS))
    after = compute("stats", gain * windows + shift).reshape(before.shape)
    moved = shift * np.array([1, 1, 0, 0, 1, 1])
    assert after == pytest.approx(gain * before + moved, rel=1e-6, abs=1e-5)


@given(WINDOWS)
def test_a_window_turned_round_has_the_opposite_slope(windows) -> None:
    there = compute("stats", windows).reshape(len(windows), -1, len(STATS))
    back = compute("stats", windows[:, ::-1]).reshape(there.shape)
    assert back[..., 3] == pytest.approx(-there[..., 3], rel=1e-9, abs=1e-6)


@pytest.mark.parametrize("preset", ["raw", "stats", "vibration"])
def test_windows_of_a_batch_do_not_see_each_other(preset) -> None:
    blocks = np.random.default_rng(2).normal(0, 1, (5, 64, 2))
    settings = Vibration(64, bands_hz=((0, 32),), orders=(2.0,), rpm=300)
    whole = compute(preset, blocks, ("a", "b"), settings)
    for i in range(5):
        (alone,) = compute(preset, blocks[i : i + 1], ("a", "b"), settings)
        assert alone == pytest.approx(whole[i], rel=1e-12)


def test_the_shakes_of_a_tone_are_known() -> None:
    found = by_name(tone(100, 2.0), ("x",), "vibration", THREE)
    assert found["x.rms"] == pytest.approx(math.sqrt(2))
    assert found["x.peak"] == pytest.approx(2.0, rel=1e-3)
    assert found["x.crest"] == pytest.approx(math.sqrt(2), rel=1e-3)
    assert found["x.kurtosis"] == pytest.approx(1.5)


def test_kurtosis_is_the_formula_of_the_textbook() -> None:
    block = np.random.default_rng(4).normal(3, 1, 500)
    off = block - block.mean()
    wanted = np.mean(off**4) / np.mean(off**2) ** 2
    assert by_name(block, ("x",), "vibration", THREE)["x.kurtosis"] == pytest.approx(wanted)


def test_a_tone_lies_in_its_band_alone() -> None:
    found = by_name(tone(700, 2.0), ("x",), "vibration", THREE)
    assert found["x.band_512_1024"] == pytest.approx(2.0)
    assert found["x.band_0_512"] == pytest.approx(0, abs=1e-12)


@given(arrays(np.float64, st.integers(8, 65), elements=st.floats(-1e3, 1e3)))
def test_the_bands_of_a_partition_add_up_to_the_squared_rms(block) -> None:
    found = by_name(block, ("x",), "vibration", THREE)
    parts = sum(value for name, value in found.items() if "band" in name)
    assert parts == pytest.approx(found["x.rms"] ** 2, rel=1e-9, abs=1e-9)


@given(st.floats(0.125, 64), st.floats(-100, 100))
def test_gain_and_offset_of_the_sensor_leave_the_dimensionless_features_alone(gain, offset) -> None:
    block = hammered(3.5, 1800)
    before = by_name(block, ("x",), "vibration", THREE)
    after = by_name(gain * block + offset, ("x",), "vibration", THREE)
    power = {"rms": 1, "peak": 1}
    for name, value in before.items():
        degree = 2 if "band" in name else power.get(name.removeprefix("x."), 0)
        assert after[name] == pytest.approx(value * gain**degree, rel=1e-6, abs=1e-9), name


def test_a_knock_stands_out_at_its_order_and_at_no_other() -> None:
    settings = Vibration(RATE, orders=(3.5, 4.7, 5.4), rpm=1800)
    found = by_name(hammered(3.5, 1800), ("x",), "vibration", settings)
    assert found["x.order_3.5"] > 20
    assert found["x.order_3.5"] > 4 * max(found["x.order_4.7"], found["x.order_5.4"])


def test_the_speed_may_be_a_channel() -> None:
    settings = Vibration(RATE, orders=(3.5,), speed="speed")
    for rpm in (1200.0, 1800.0):
        window = np.column_stack([hammered(3.5, rpm), np.full(SAMPLES, rpm)])
        found = by_name(window, ("x", "speed"), "vibration", settings)
        assert list(found)[-1] == "x.order_3.5"
        assert found["x.order_3.5"] > 20


@pytest.mark.parametrize("rpm", [0.0, 1e9])
def test_a_shaft_that_stands_or_flies_has_no_orders(rpm) -> None:
    settings = Vibration(RATE, orders=(3.5,), speed="speed")
    window = np.column_stack([tone(100), np.full(SAMPLES, rpm)])
    assert by_name(window, ("x", "speed"), "vibration", settings)["x.order_3.5"] == 0


def test_a_dead_sensor_gives_finite_features() -> None:
    found = by_name(np.full(SAMPLES, 3.3), ("x",), "vibration", THREE)
    assert found.pop("x.kurtosis") == 3.0
    assert all(value == pytest.approx(0, abs=1e-20) for value in found.values())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("preset", ["stats", "vibration"])
def test_a_bad_sample_spoils_its_window_and_no_other(preset, bad) -> None:
    blocks = np.random.default_rng(5).normal(0, 1, (2, 64, 1))
    blocks[0, 10, 0] = bad
    found = compute(preset, blocks, ("x",), Vibration(64, bands_hz=((0, 32),)))
    assert not np.isfinite(found[0]).all()
    assert np.isfinite(found[1]).all()


def test_vibration_asks_for_its_settings() -> None:
    with pytest.raises(ValueError, match="settings"):
        compute("vibration", np.zeros((1, 8, 1)), ("x",))


def write(folder: Path, features="stats", layout="n,f", width=12, rows=5, **settings):
    """A package that gives the first feature back."""
    pick = numpy_helper.from_array(np.eye(width, 1, dtype=np.float32), "pick")
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["window", "pick"], ["score"])],
        "first",
        [helper.make_tensor_value_info("window", TensorProto.FLOAT, ["n", width])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["n", 1])],
        [pick],
    )
    made = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
    onnx.save(made, folder / "model.onnx")
    windows = np.random.default_rng(6).normal(0, 1, (2, rows, 2)).round(3)
    first = np.zeros((2, 1))
    if settings.get("speed", "a") in ("a", "b"):
        bands = tuple(map(tuple, settings.get("bands_hz", ())))
        vibration = Vibration(settings.get("rate_hz", 1.0), bands_hz=bands)
        first = compute(features, windows, ("a", "b"), vibration).reshape(2, -1)[:, :1]
    golden = {"windows": windows.tolist(), "outputs": {"score": first.tolist()}}
    (folder / "golden.json").write_text(json.dumps(golden))
    package = seal(
        folder,
        {
            "schema": 1,
            "id": "first",
            "version": "1.0.0",
            "task": "anomaly",
            "created": "2026-11-21",
            "input": {
                "tensor": "window",
                "layout": layout,
                "features": features,
                "channels": [{"name": "a", "unit": "W"}, {"name": "b", "unit": "W"}],
                "period_s": 1,
                "window": rows,
                **({"vibration": settings} if settings else {}),
            },
            "outputs": [{"tensor": "score", "meaning": "score"}],
            "decision": {"levels": [{"label": "alarm", "on": 1, "off": 1}]},
            "golden": {"file": "golden.json", "rtol": 1e-4, "atol": 1e-6},
            "licence": "Apache-2.0",
        },
    )
    return package, windows, first


@pytest.mark.parametrize(
    "settings",
    [
        {"features": "stats", "width": 12},
        {"features": "raw", "width": 10},
        {"features": "vibration", "width": 10, "rows": 32, "rate_hz": 32.0, "bands_hz": [[0, 16]]},
    ],
    ids=["stats", "raw", "vibration"],
)
def test_the_worker_computes_the_features_that_training_did(tmp_path: Path, settings) -> None:
    package, windows, first = write(tmp_path, **settings)
    loaded = open_session(*unpack(package.path), Watchdog(), 10.0)
    judged = loaded.judge(windows, time.monotonic() + 10)
    assert judged.scores == pytest.approx(first[:, 0], rel=1e-5, abs=1e-6)
    windows[0, 0, 0] = math.nan
    judged = loaded.judge(windows, time.monotonic() + 10)
    assert judged.refused == {0: "non-finite input"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"layout": "n,t,c"}, "input.layout: expected 'n,f' for stats"),
        ({"width": 11}, r"expected \[n, 12\]"),
        ({"features": "vibration", "rate_hz": 32.0, "bands_hz": [[9, 17]]}, "half the rate"),
        ({"rate_hz": 32.0}, "only with it"),
        ({"features": "vibration", "rate_hz": 32.0, "orders": [2]}, "one of rpm and speed"),
        ({"features": "vibration", "rate_hz": 32.0, "speed": "c"}, "one of the channels"),
    ],
)
def test_settings_that_do_not_agree_are_refused(tmp_path: Path, settings, said) -> None:
    with pytest.raises(PackageError, match=said):
        write(tmp_path, **settings)
