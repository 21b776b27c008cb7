"""The policy of the pump test bed: what it does, and that it is chosen as the docs say."""

from pathlib import Path

import numpy as np
import pytest

from scripts.replay import configure
from scripts.replay.score import NORMAL, faults, offline
from scripts.replay.study import CHOSEN_ON, alerts, choose, first_channels, judged
from scripts.train.datasets import Run, runs
from scripts.train.pump import CHANNELS, train

ROOT = Path(__file__).parents[2]
DATA = ROOT / "../shared/data/skab"


def votes(text: str) -> tuple[int, int]:
    hits, of = text.split(" of ")
    return int(hits), int(of)


def test_an_alert_outlasts_a_flicker_and_ends_with_the_fault() -> None:
    over = np.array([False] * 5 + [True, False] * 3 + [True] * 20 + [False] * 30)
    raised = alerts(over, (4, 5), (5, 5))
    assert int(np.sum(raised & ~np.r_[False, raised[:-1]])) == 1
    assert not raised[:11].any()
    assert raised[20]
    assert not raised[-1]


def recorded() -> list[Run]:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data/skab")
    return faults(DATA, [])


@pytest.mark.shared
@pytest.mark.slow
def test_the_policy_is_the_one_that_valve1_chooses_and_is_quiet_elsewhere() -> None:
    every = recorded()
    scorer = offline(np.concatenate([r.columns(CHANNELS) for r in runs(DATA / NORMAL)]))
    over = {run.name: np.nan_to_num(scorer(run)) >= 1 for run in every}
    tuned = [run for run in every if run.name.startswith(CHOSEN_ON)]
    _, chosen = choose(tuned, [over[run.name] for run in tuned])
    assert chosen == (votes(configure.VOTES), votes(configure.CLEAR))
    found = judged(every, [over[run.name] for run in every], *chosen)
    assert found.onsets_per_h <= 3
    assert f"| policy | all, {len(every)} | {found} |" in (ROOT / "docs/results.md").read_text()


@pytest.mark.shared
def test_the_flow_is_named_first_when_a_valve_closes() -> None:
    valves = [run for run in recorded() if run.name.startswith("valve")]
    normal = np.concatenate([run.columns(CHANNELS) for run in runs(DATA / NORMAL)])
    named = list(first_channels(valves, train(normal)))
    assert named.count("flow") >= 0.95 * len(named)
