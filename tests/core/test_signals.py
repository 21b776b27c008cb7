"""Signals: what is taken for samples, and what is said of what is not."""

from array import array
from base64 import b64encode
from math import isnan, pi, sin
from statistics import fmean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.documents import load
from gateway.core.mapping import Mapper
from gateway.core.messages import Message, Quality, Reason, Uplink
from gateway.core.paths import Path
from gateway.core.readings import Metric
from gateway.core.signals import Sampling, Signal, SignalError, find, read, same_rate

RATE = Sampling(rate_hz=1000.0)
WAVE = [round(3 * sin(2 * pi * 50 * at / 1000), 6) for at in range(64)]


def block(values: object, sampling: Sampling = RATE, **around: object) -> Signal:
    return read(sampling, values, {"samples": values, **around})


def said(values: object, sampling: Sampling = RATE, **around: object) -> str:
    with pytest.raises(SignalError) as refused:
        block(values, sampling, **around)
    return str(refused.value)


def test_the_figures_of_a_block_are_numpy_s() -> None:
    values = np.random.default_rng(1).normal(5, 2, 4096)
    signal = block(values.tolist())
    off = values - values.mean()
    assert signal.rms == pytest.approx(values.std(), rel=1e-6)
    assert signal.peak == pytest.approx(np.abs(off).max(), rel=1e-6)
    assert signal.crest == pytest.approx(np.abs(off).max() / values.std(), rel=1e-6)
    assert signal.kurtosis == pytest.approx((off**4).mean() / (off**2).mean() ** 2, rel=1e-5)
    assert signal.mean == pytest.approx(values.mean(), rel=1e-6)
    assert signal.duration_s == pytest.approx(4.096)


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=16, max_size=64))
def test_whatever_the_samples_the_figures_are_finite_and_in_order(values: list[float]) -> None:
    signal = block(values)
    assert not any(map(isnan, (signal.rms, signal.peak, signal.crest, signal.kurtosis)))
    assert 0 <= signal.rms <= signal.peak * (1 + 1e-6)


def test_a_block_that_stands_still_has_no_shakes() -> None:
    signal = block([9.80665] * 32)
    assert (signal.rms, signal.peak, signal.crest, signal.kurtosis) == (0, 0, 0, 3)


def test_whole_numbers_of_16_bits_stay_what_they_are() -> None:
    signal = read(RATE, [-32768, 32767, 0, 1] * 4, {}, scale=0.5, offset=1.0)
    assert signal.counts == array("h", [-32768, 32767, 0, 1] * 4)
    assert list(signal.samples[:4]) == [-16383.0, 16384.5, 1.0, 1.5]
    assert block([40000] * 16).counts is None
    assert block([1.5] * 16).counts is None


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ([1.0] * 15, "15 samples, at least 16 are a signal"),
        ([], "0 samples"),
        ([1.0] * 20_000, "20000 samples, more than 16384"),
        ([1.0] * 17 + ["2"], "sample 17 is text"),
        ([1.0] * 17 + [None], "sample 17 is null"),
        ([True] + [1.0] * 17, "sample 0 is true"),
        ([1.0] * 17 + [[2.0]], "sample 17 is an array"),
        ([1.0] * 17 + [{}], "sample 17 is an object"),
        ([1.0] * 17 + [1e300], "sample 17 is not finite"),
        (3.5, "3.5 where an array of numbers should be"),
        ({"a": 1}, "an object where an array"),
        ("AAAA", "text where an array"),
    ],
)
def test_what_is_no_signal_is_said_with_its_place(values: object, why: str) -> None:
    assert why in said(values)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "-1e999"])
def test_a_number_that_is_none_is_found_where_it_is(number: str) -> None:
    text = "[" + ",".join(["1.5"] * 16 + [number]) + "]"
    assert said(load(text.encode())).startswith("sample 16 is")


@pytest.mark.parametrize(
    ("sampling", "around", "why"),
    [
        (Sampling(), {}, "no rate is declared"),
        (Sampling(rate_path=Path.parse("fs")), {}, "no rate at fs"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": None}, "no rate at fs"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": "fast"}, "the rate at fs is text"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": True}, "the rate at fs is true"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": 0}, "a rate of 0 Hz cannot be"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": -5}, "cannot be"),
        (Sampling(rate_path=Path.parse("fs")), {"fs": 2e6}, "a rate of 2e+06 Hz cannot be"),
        (Sampling(1000.0, Path.parse("fs")), {"fs": 2000}, "where 1000 Hz is declared"),
        (Sampling(1000.0, scale_path=Path.parse("k")), {}, "no scale at k"),
    ],
)
def test_a_rate_that_is_missing_or_unbelievable_is_said(
    sampling: Sampling, around: dict[str, object], why: str
) -> None:
    assert why in said(WAVE, sampling, **around)


def test_the_message_may_say_the_rate_and_the_scale() -> None:
    sampling = Sampling(1000.0, Path.parse("meta.fs"), scale_path=Path.parse("meta.lsb"))
    signal = block([1, 3] * 8, sampling, meta={"fs": 1001, "lsb": 0.5})
    assert signal.rate_hz == 1001
    assert list(signal.samples[:2]) == [0.5, 1.5]


@pytest.mark.parametrize("encoding", ["int16", "int16-be", "float32", "float32-be"])
def test_packed_samples_are_read_as_declared(encoding: str) -> None:
    order = ">" if encoding.endswith("be") else "<"
    kind = "i2" if encoding.startswith("int16") else "f4"
    values = np.arange(-20, 20).astype(order + kind)
    text = b64encode(values.tobytes()).decode()
    signal = read(Sampling(1000.0, encoding=encoding), text, {}, scale=2.0)  # type: ignore[arg-type]
    assert list(signal.samples) == [2.0 * one for one in range(-20, 20)]


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("####", "no base64"),
        ("äöü", "no base64"),
        (b64encode(b"123").decode(), "3 bytes are no whole number of int16"),
        ("A" * 1_000_000, "samples, more than 16384"),
        ([1, 2], "an array where base64 text should be"),
    ],
)
def test_packed_samples_that_are_none_are_said(raw: object, why: str) -> None:
    assert why in said(raw, Sampling(1000.0, encoding="int16"))


def test_packed_floats_that_are_no_numbers_are_found() -> None:
    raw = b64encode(np.array([1.0] * 20 + [np.nan], "<f4").tobytes()).decode()
    assert said(raw, Sampling(1000.0, encoding="float32")) == "sample 20 is not finite"


def test_points_of_three_axes_are_gathered_axis_by_axis() -> None:
    tree = {"points": [{"x": at, "y": -at} for at in range(20)]}
    assert find(Path.parse("points[*].y"), tree, 100) == [-at for at in range(20)]
    assert len(find(Path.parse("points[*].y"), tree, 5)) == 6  # type: ignore[arg-type]


def test_rates_are_the_same_within_half_a_percent() -> None:
    assert same_rate(12_000, 12_050)
    assert not same_rate(12_000, 12_100)


# -- in an uplink ---------------------------------------------------------------------------------


def mapper(**changes: object) -> Mapper:
    metric = Metric(
        "shake", "plc", "pump", Path.parse("samples"), "press", unit="m/s2",
        **{"signal": RATE, **changes},  # type: ignore[arg-type]
    )  # fmt: skip
    speed = Metric("speed", "plc", "pump", Path.parse("rpm"), "press", unit="rpm")
    return Mapper("plc", [speed, metric], discover=True)


def message(*, retain: bool = False) -> Message:
    return Message("b", "t", b"", 1, retain, dup=False, received_at_ms=1000, received_mono_ms=5)


def test_the_value_of_a_signal_is_its_rms_and_its_samples_go_beside_it() -> None:
    report = mapper().report(Uplink("pump", {"samples": WAVE, "rpm": 1500}), message())
    assert report is not None
    speed, shake = report.readings
    assert (speed.metric.name, speed.value) == ("speed", 1500)
    assert shake.value == pytest.approx(float(np.std(WAVE)), rel=1e-5)
    assert list(report.signals) == [1]
    assert len(report.signals[1].samples) == len(WAVE)


def test_samples_are_not_discovered_one_by_one() -> None:
    report = mapper().report(Uplink("pump", {"samples": WAVE, "more": 2}), message())
    assert report is not None
    assert [one.metric.name for one in report.readings] == ["more", "shake"]


@pytest.mark.parametrize(
    ("values", "reason", "words", "kept"),
    [
        ([*WAVE[:40], 9.0, *WAVE[:40]], Reason.RANGE, "sample 40 is 9, above 8", True),
        ([*WAVE[:40], -9.0, *WAVE[:40]], Reason.RANGE, "sample 40 is -9, below -8", True),
        ([*WAVE, "x"], Reason.SIGNAL, "sample 64 is text, no finite number", False),
    ],
)
def test_a_bad_block_is_a_bad_reading_that_says_why(
    values: list[object], reason: Reason, words: str, kept: bool
) -> None:
    report = mapper(low=-8.0, high=8.0).report(Uplink("pump", {"samples": values}), message())
    assert report is not None
    (reading,) = report.readings
    assert (reading.reason, reading.value, reading.quality) == (reason, words, Quality.BAD)
    assert bool(report.signals) is kept


def test_no_samples_are_no_reading() -> None:
    assert mapper().report(Uplink("pump", {"samples": None}), message()) is None
    assert mapper().report(Uplink("pump", {}), message()) is None


def test_a_retained_or_repeated_block_is_no_fresh_evidence() -> None:
    of = mapper()
    retained = of.report(Uplink("pump", {"samples": WAVE}), message(retain=True))
    assert retained is not None
    assert retained.readings[0].reason is Reason.RETAINED
    first, second = (
        of.report(Uplink("pump", {"samples": [*WAVE]}, cached=True), message()) for _ in range(2)
    )
    assert first is not None
    assert second is not None
    assert second.readings[0].reason is Reason.CACHED


def test_the_mean_of_samples_is_exact_at_a_high_level() -> None:
    values = [1e6 + (at % 2) for at in range(32)]
    assert block(values).rms == pytest.approx(0.5)
    assert fmean(block(values).samples) == pytest.approx(1e6 + 0.5)
