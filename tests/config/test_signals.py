"""Signals in the user's file: what is wrong is said with its place, before anything runs."""

from pathlib import Path

import pytest

from gateway.config import BadFileError, Problem, load
from gateway.core.paths import Path as ValuePath
from gateway.core.signals import Sampling
from tests.fakes.press import press


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(press(1883, *changes))
    return file


def test_a_signal_is_read_as_it_was_declared(tmp_path: Path) -> None:
    given = (
        "{rate: 12000 Hz, rate_path: fs}",
        "{rate: 12 kHz, rate_path: meta.fs, encoding: int16, scale_path: lsb, max_samples: 8192}",
    )
    metric = load(written(tmp_path, given)).assets["press-4"].metrics["vibration"]
    assert metric.signal == Sampling(
        12_000.0, ValuePath.parse("meta.fs"), "int16", ValuePath.parse("lsb"), 8192
    )
    assert metric.scale == pytest.approx(9.80665)


def test_the_rate_may_be_left_to_the_message(tmp_path: Path) -> None:
    settings = load(written(tmp_path, ("rate: 12000 Hz, ", "")))
    assert settings.assets["press-4"].metrics["vibration"].signal == Sampling(
        rate_path=ValuePath.parse("fs")
    )


MISTAKES = [
    ("{rate: 12000 Hz, rate_path: fs}", "{}", "nothing says how fast it is sampled", "rate:"),
    ("rate: 12000 Hz", "rate: fast", "not a frequency", ""),
    ("rate: 12000 Hz", "rate: 0 Hz", "cannot be", ""),
    ("rate: 12000 Hz", "rate: 2000 kHz", "cannot be", ""),
    ("rate: 12000 Hz", "rate: 25600 Hz", "takes 4096 samples at 12000 Hz", "set the sensor"),
    ("rate_path: fs}", "encoding: int12}", "should be one of", ""),
    ("rate_path: fs}", "max_samples: 8}", "at least 16", ""),
    ("rate_path: fs}", "max_samples: 1024}", "1024 samples are the most taken", "raise it to 4096"),
    ("        signal: {rate: 12000 Hz, rate_path: fs}\n", "", "is a single value", "signal: {rate"),
    ("rail: [-1900, 1900]", "max_rate: 5/min", "'max_rate' is for single values", ""),
    ("rail: [-1900, 1900]", "flatline: 5m", "'flatline' is for single values", "anyway"),
    ("rail: [-1900, 1900]", "words: {on: 1}", "'words' is for single values", ""),
    ("rail: [-1900, 1900]", "kind: counter", "a signal is no counter", "leave kind out"),
    ("peak(vibration)", "peak(speed)", "'speed' has none", "declare it with signal"),
    ("peak(vibration)", "peak(vibration, 5m)", "')' is missing here", ""),
    ("    verdicts:", "    cross: peak(vibration) > 1\n    verdicts:", "not at the samples", "rms"),
    ("unit: rpm}", "unit: rpm, signal: {rate: 1 kHz}, source_unit: g}", "cannot be converted", ""),
]


@pytest.mark.parametrize(("old", "new", "message", "hint"), MISTAKES, ids=[m[1] for m in MISTAKES])
def test_a_mistake_is_said(tmp_path: Path, old: str, new: str, message: str, hint: str) -> None:
    with pytest.raises(BadFileError) as caught:
        load(written(tmp_path, (old, new)))
    problems: tuple[Problem, ...] = caught.value.problems
    (one,) = [problem for problem in problems if message in str(problem)]
    assert hint in str(one)
    assert str(one).split(":")[1].isdigit(), "its line"


def test_a_model_of_scalars_takes_the_rms_of_a_signal(tmp_path: Path) -> None:
    """The value of a signal is a number like any other."""
    rule = ("peak(vibration) > 1000", "mean(vibration, 15m) > 4")
    assert load(written(tmp_path, rule)).assets["press-4"].ladder[1]
