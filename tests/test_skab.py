"""Real faults of a real pump, judged by the real daemon; needs ``../shared/data/skab``."""

from pathlib import Path

import numpy as np
import pytest

from gateway.demo.broker import mosquitto
from scripts.replay.protocol import score
from scripts.replay.rig import judge
from scripts.replay.score import NORMAL, agreement, faults, offline
from scripts.replay.wires import WIRES
from scripts.train.datasets import Floats, Run, runs
from scripts.train.pump import CHANNELS, package

DATA = Path(__file__).parents[1] / "../shared/data/skab"
PERIOD_MS = 10
"""100 times the speed of the recording: the runs below take ten seconds."""

pytestmark = pytest.mark.shared


def recordings() -> list[Run]:
    if not DATA.is_dir():
        pytest.skip("needs ../shared/data/skab")
    return list(runs(DATA / NORMAL))


def normal() -> Floats:
    return np.concatenate([run.columns(CHANNELS) for run in recordings()])


def test_a_model_of_normal_running_alone_finds_the_recorded_faults() -> None:
    model = offline(normal())
    chosen = faults(DATA, [])
    result = score(chosen, [np.nan_to_num(model(run)) >= 1 for run in chosen])
    assert len(chosen) == 25
    assert result.f1 >= 0.80
    assert result.far <= 0.20


@pytest.mark.broker
@pytest.mark.slow
def test_the_daemon_judges_the_recorded_faults_as_the_mathematics_does(tmp_path: Path) -> None:
    model = offline(normal())
    if mosquitto() is None:
        pytest.skip("needs mosquitto")
    chosen = faults(DATA, ["valve1-8", "valve2-3", "other-1"])
    for period_ms in (PERIOD_MS, 2 * PERIOD_MS, 8 * PERIOD_MS):  # a busy machine needs more of it
        folder = tmp_path / str(period_ms)
        folder.mkdir()
        package(recordings(), folder, period_ms / 1000)
        outcome = judge(chosen, WIRES["json"], folder, period_ms)
        same, total = agreement(chosen, outcome, [model(run) for run in chosen])
        if same >= 0.98 * total:
            break
    assert same >= 0.98 * total, outcome.log
    verdicts = score(chosen, [judged.alarm for judged in outcome.judged])
    decisions = score(chosen, [judged.alert for judged in outcome.judged])
    for result in (verdicts, decisions):
        assert result.f1 >= 0.80
        assert result.far <= 0.20
        assert result.events == 3
