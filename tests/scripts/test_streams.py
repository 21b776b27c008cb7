"""The benchmark's score by its own rules; the detector looks at nothing that comes later."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.streams import nab, score
from scripts.streams.detector import alarms, scores
from scripts.streams.nab import Stream

DOCS = Path(__file__).parents[2] / "docs/results.md"
ROWS = 1000
ONE = Stream("one", np.zeros(ROWS), [(400, 499)], 10.0)


def given_at(*rows: int):
    flags = np.zeros(ROWS, dtype=np.bool_)
    flags[list(rows)] = True
    return flags


def test_silence_is_0_and_an_alarm_at_the_start_of_every_window_100() -> None:
    assert nab.score([ONE], [given_at()]).nab == 0
    assert nab.score([ONE], [given_at(400)]).nab == pytest.approx(100)


def test_a_window_counts_its_earliest_alarm_alone() -> None:
    early = nab.score([ONE], [given_at(410)])
    assert nab.score([ONE], [given_at(410, 450, 490)]) == early
    assert nab.score([ONE], [given_at(490)]).nab < early.nab


def test_a_false_alarm_costs_less_right_after_a_window_than_far_from_one() -> None:
    far, near, before = (nab.raw(ONE, given_at(400, row))[0] for row in (950, 505, 200))
    assert far == pytest.approx(before)
    assert far == pytest.approx(1 - nab.FALSE_COST)
    assert near > far


def test_the_probation_is_not_scored() -> None:
    assert nab.score([ONE], [given_at(*range(150))]).nab == 0


@given(st.lists(st.integers(150, ROWS - 1), max_size=20, unique=True))
def test_no_alarms_score_more_than_100(rows) -> None:
    assert nab.score([ONE], [given_at(*rows)]).nab <= 100 + 1e-9


def wave(rows=600, seed=3):
    random = np.random.default_rng(seed)
    return np.sin(np.arange(rows) / 8) + random.normal(0, 0.1, rows)


def test_a_score_depends_on_nothing_that_comes_later() -> None:
    values = wave()
    whole = list(scores(values.tolist(), 90))
    values[400:] = 1e6
    assert list(scores(values.tolist(), 90))[:400] == whole[:400]


def test_a_jump_stands_out_and_units_do_not_matter() -> None:
    values = wave()
    values[400:] += 8
    found = np.array(list(scores(values.tolist(), 90)))
    assert 400 <= int(np.argmax(found)) <= 420
    scaled = np.array(list(scores((1000 * values - 7).tolist(), 90)))
    assert scaled == pytest.approx(found, abs=1e-3)


def test_one_event_is_one_alarm() -> None:
    assert np.flatnonzero(alarms(np.ones(400), 0.5)).tolist()[:4] == [0, 1, 2, 3]
    late = np.r_[np.zeros(300), np.ones(14)]
    assert np.flatnonzero(alarms(late, 0.5)).tolist() == [300]


@pytest.mark.shared
@pytest.mark.slow
def test_the_docs_give_what_the_script_prints() -> None:
    if not score.DATA.is_dir():
        pytest.skip("needs ../shared/data/nab")
    table = score.report(score.DATA, fixed=False)
    assert table[table.index("|") :] in DOCS.read_text("utf-8")
    assert f"threshold {score.THRESHOLD}," in table
