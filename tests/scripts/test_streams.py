"""The benchmark's score by its own rules; the shipped detector is what its reference says."""

import time
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.adapters.worker import Job, Worker
from gateway.models.package import unpack
from gateway.models.session import open_session
from gateway.models.watchdog import Watchdog
from scripts.streams import detector, graph, nab, score
from scripts.streams.nab import Stream
from scripts.train import streaming

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


def wave(rows=600, streams=1, seed=3):
    random = np.random.default_rng(seed)
    return np.sin(np.arange(rows) / 8)[:, np.newaxis] + random.normal(0, 0.1, (rows, streams))


def said(values, level=1.0):
    return np.array(list(detector.scores(values, level)))


def test_a_score_depends_on_nothing_that_comes_later() -> None:
    values = wave()
    whole = said(values)
    values[400:] = 1e6
    assert (said(values)[:400] == whole[:400]).all()


def test_a_jump_stands_out_and_streams_do_not_see_each_other() -> None:
    values = wave(streams=3)
    values[400:, 1] += 8
    found = said(values)
    assert 400 <= int(np.argmax(found[:, 1])) <= 430
    assert found[:, 1] == pytest.approx(said(values[:, 1:2])[:, 0])
    assert found[400:, 1].max() > 2 * found[200:, 0].max()


def test_what_stays_becomes_usual() -> None:
    values = wave(rows=4_000)
    values[1_000:] += 4
    found = said(values)[:, 0]
    assert found[3_500:].max() < found[1_000:1_100].max() / 2


def test_a_sensor_that_stands_still_for_ever_breaks_nothing() -> None:
    values = np.concatenate([wave(300), np.full((6_000, 1), 0.3), wave(300)])
    assert np.isfinite(said(values)).all()


def test_after_an_alarm_the_score_is_hushed_for_a_while() -> None:
    values = wave(rows=1_500)
    values[500:] += 8
    found = said(values, level=1.5)[:, 0]
    raised = np.flatnonzero(found >= 1)
    assert 500 <= raised[0] <= 510
    assert (np.diff(raised) > detector.REFRACTORY * raised[:-1]).all()
    assert (found[raised[0] + 1 : raised[0] + 10] == detector.HUSHED).any()


def test_the_shipped_graph_gives_the_reference_s_scores_row_by_row_in_the_worker() -> None:
    """On three streams, one of them broken, each with its own state; scores and states alike."""
    level = float(str(streaming_manifest().provenance["level"]))
    values = wave(rows=400, streams=3)
    values[300:, 2] += 6
    worker, states = Worker(), [(0.0,) * detector.SIZE] * 3
    wanted, state = [], np.zeros((3, detector.SIZE))
    worker.start()
    worker.load("stream", score.PACKAGE)
    found = []
    for row in values:
        one, state = detector.step(row, state, level)
        wanted.append(one)
        jobs = [Job("stream", str(i), array("d", [value]), 1, 1, states[i])
                for i, value in enumerate(row.tolist())]  # fmt: skip
        answers = worker.judge(jobs, 20.0)
        found.append([answer.score for answer in answers])
        states = [tuple(answer.outputs["next"]) for answer in answers]
    worker.stop()
    assert np.array(found) == pytest.approx(np.array(wanted), abs=1e-8)
    assert np.array(states) == pytest.approx(state, abs=1e-6)
    assert np.max(found) >= 1


def streaming_manifest():
    return unpack(score.PACKAGE)[0].manifest


def test_the_shipped_package_is_what_its_script_builds() -> None:
    package, contents = unpack(score.PACKAGE)
    level = float(str(package.manifest.provenance["level"]))
    assert contents["model.onnx"] == graph.build(level)
    assert str(package.manifest.provenance["judged"]) in contents["MODEL_CARD.md"].decode()
    assert sum(map(len, contents.values())) < 40_000
    open_session(package, contents, Watchdog(), time.monotonic() + 10)


def test_training_sees_the_alarms_that_the_package_will_give() -> None:
    values = wave(rows=1_500)
    values[700:720] += 8
    values[1_200:1_300] -= 6
    manifest, rows = streaming_manifest(), streaming.ROWS
    level = float(str(manifest.provenance["level"]))
    expected = streaming.alarms(1e6 * said(values, 1e6)[:, 0], level)
    given = score.alarms(said(values, level)[:, 0], manifest, rows)
    assert given.tolist() == expected.tolist()
    assert given.any()


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.no_cover  # 160,000 questions to a worker
def test_the_docs_give_what_the_script_prints() -> None:
    if not score.DATA.is_dir():
        pytest.skip("needs ../shared/data/nab")
    assert score.report(score.PACKAGE, score.DATA) in DOCS.read_text("utf-8")
