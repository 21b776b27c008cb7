"""Candidates and ensembles in the user's file: what is built, and mistakes at their place."""

import shutil
from pathlib import Path

import pytest

from gateway.config import BadFileError, load
from gateway.config.rungs import rung as build
from gateway.config.verdicts import VerdictSection
from gateway.core.assets import EnsembleRung
from gateway.core.ensembles import Bound
from tests.config.samples import GOOD, written

SHIPPED = Path("gateway/demo/packages/pump-anomaly").absolute()
OLD = "- {rule: pressure < 1, label: dry}"
MODELS = """
models:
  wear: {package: pump, candidate: {package: pump, shadow: 200 windows, promote: auto}}
  wear2: {package: pump}
"""


def built(folder: Path, rung: str = OLD, models: str = MODELS) -> tuple[str, ...]:
    """The problems of a file with this rung, in their own words."""
    if not (folder / "pump").exists():
        shutil.copytree(SHIPPED, folder / "pump")
    try:
        load(written(folder, GOOD.replace(OLD, rung) + models))
    except BadFileError as error:
        return tuple(str(problem) for problem in error.problems)
    return ()


def test_a_candidate_has_its_rules_with_defaults(tmp_path: Path) -> None:
    assert built(tmp_path) == ()
    wear = load(written(tmp_path, GOOD + MODELS)).models["wear"]
    assert wear.candidate == tmp_path / "pump"
    assert (wear.rules.windows, wear.rules.probation, wear.rules.auto) == (200, 500, True)
    assert (wear.rules.alarm_low, wear.rules.alarm_high) == (0.0, 0.02)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("200 windows", "many", "write it like 500 windows"),
        ("promote: auto", "promote: yes", "one of auto, manual"),
        ("shadow: 200 windows", "shadw: 200", "'shadow'"),
        ("candidate: {package: pump", "candidate: {package: none", "none"),
    ],
)
def test_a_mistake_in_a_candidate_is_named(tmp_path: Path, old: str, new: str, words: str) -> None:
    (problem,) = built(tmp_path, models=MODELS.replace(old, new))
    assert words in problem


@pytest.mark.parametrize(
    ("rung", "words"),
    [
        ("- {models: [wear, waer], label: dry, on: 1}", "unknown model 'waer'"),
        ("- {models: [wear, wear], label: dry, on: 1}", "named twice"),
        ("- {models: [wear, wear2], least: 3, label: dry, on: 1}", "only 2 models"),
        ("- {models: [wear, wear2], off: 1}", "'off' goes with on"),
        ("- {models: [wear, wear2], combine: vote, on: 1, label: dry}", "a vote counts labels"),
        ("- {models: [wear, wear2], combine: men, label: dry, on: 1}", "'mean'"),
        ("- {models: [wear, wear2], label: dry, on: 1, off: 2}", "never clear"),
        ("- {rule: pressure < 1, label: dry, least: 2}", "'least' goes with models"),
    ],
)
def test_a_mistake_in_an_ensemble_is_named(tmp_path: Path, rung: str, words: str) -> None:
    assert any(words in problem for problem in built(tmp_path, rung))


def test_an_ensemble_needs_more_than_half_unless_told() -> None:
    made = build(VerdictSection(models=("a", "b", "c"), on=1.2, label="hot"))
    assert isinstance(made, EnsembleRung)
    assert (made.name, made.least) == ("ensemble:a+b+c", 2)
    assert made.declared == (Bound("hot", 1.2, 1.2),)
