"""Gates of signals: rate, flatline, clipping; and what goes on after a reload."""

from array import array

import pytest

from gateway.core.assets import Asset
from gateway.core.gates import Gates
from gateway.core.messages import Reason
from gateway.core.paths import Path
from gateway.core.readings import Metric, Reading, Readings, Report
from gateway.core.signals import Sampling, Signal

METRIC = Metric(
    "shake", "plc", "pump", Path.parse("samples"), "press", signal=Sampling(1000.0), rail=(-8, 8)
)
WAVE = [float(at % 7 - 3) for at in range(64)]


def gates() -> Gates:
    return Gates([Asset("press", "Press", {"shake": METRIC})])


def judged(gates: Gates, values: list[float], rate_hz: float = 1000.0) -> Reading:
    signal = Signal.of(array("f", values), rate_hz)
    report = Report(
        "plc", "pump", Readings.of((Reading(METRIC, signal.rms),)), 0, 0, 0, signals={0: signal}
    )
    return gates.judge(report).readings[0]


def moved(by: float) -> list[float]:
    return [one + by for one in WAVE]


def test_a_living_block_passes_whatever_its_rms_is_beside_the_rail() -> None:
    of = gates()
    assert [judged(of, moved(at / 100)).reason for at in range(10)] == [Reason.OK] * 10


def test_equal_samples_are_a_flatline_at_once_and_the_next_good_block_ends_it() -> None:
    of = gates()
    flat = judged(of, [1.5] * 64)
    assert (flat.reason, flat.value) == (Reason.FLATLINE, "all 64 samples are 1.5")
    assert judged(of, WAVE).reason is Reason.OK


def test_the_very_same_block_for_the_third_time_is_a_flatline() -> None:
    of = gates()
    reasons = [judged(of, WAVE).reason for _ in range(4)]
    assert reasons == [Reason.OK, Reason.OK, Reason.FLATLINE, Reason.FLATLINE]
    assert judged(of, moved(0.5)).reason is Reason.OK


@pytest.mark.parametrize("end", [8.0, -8.0, 9.5])
def test_three_samples_at_an_end_are_a_clipped_block_and_two_are_not(end: float) -> None:
    of = gates()
    assert judged(of, [*WAVE, end, end]).reason is Reason.OK
    clipped = judged(of, [*WAVE, end, *WAVE[:3], end, end])
    assert clipped.reason is Reason.RAIL
    assert clipped.value == "3 samples at an end of the sensor, the first is sample 64"


def test_a_changed_rate_is_refused_until_three_blocks_agree() -> None:
    of = gates()
    assert judged(of, WAVE).reason is Reason.OK
    changed = [judged(of, moved(at), 2000.0) for at in (0.1, 0.2, 0.3, 0.4)]
    assert [one.reason for one in changed] == [Reason.SIGNAL] * 2 + [Reason.OK] * 2
    assert changed[0].value == "the rate changed from 1000 Hz to 2000 Hz"


def test_rates_that_jump_about_never_become_the_rate() -> None:
    of = gates()
    judged(of, WAVE)
    rates = (2000.0, 3000.0, 2000.0, 3000.0, 2000.0)
    reasons = [judged(of, moved(at), rate).reason for at, rate in enumerate(rates, 1)]
    assert reasons == [Reason.SIGNAL] * 5


def test_a_reload_goes_on_with_what_is_remembered() -> None:
    of, after = gates(), gates()
    judged(of, WAVE)
    judged(of, WAVE)
    after.take_over(of)
    assert judged(after, WAVE).reason is Reason.FLATLINE


def test_what_is_no_fresh_evidence_changes_nothing() -> None:
    of = gates()
    signal = Signal.of(array("f", [1.0] * 64), 1000.0)
    late = Reading(METRIC, 0.0, Reason.LATE)
    report = Report("plc", "pump", Readings.of((late,)), 0, 0, 0, signals={0: signal})
    assert tuple(of.judge(report).readings) == (late,)
