"""``scripts/prove_config``, in short: reports with places, and the right word for a typo."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.config.problems import near
from tests.fakes import mutations

ROOT = Path(__file__).parents[2]


def test_the_script_prints_its_figures_and_holds_its_bar() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "scripts/prove_config"), "140", "--seed", "3"],
        capture_output=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["files"] == 140
    assert told["without_place"] == 0
    assert told["share"] >= 0.8
    assert len(told["ways"]) == 14


def test_a_report_without_the_right_word_is_counted_as_missed() -> None:
    outcome = mutations.run(60, 5)
    helped = outcome.hinted.total()
    spoilt = mutations.Spoilt(mutations.SAMPLES[0], "key", b"gateway: {idd: x}", "other", "idd")
    outcome = mutations.Outcome()
    mutations.judge(outcome, spoilt)
    assert helped > 0
    assert (outcome.typos.total(), outcome.hinted.total(), len(outcome.missed)) == (1, 0, 1)


@pytest.mark.parametrize(
    ("typed", "known", "meant"),
    [
        ("ragne", ["range", "rail"], "'range'"),
        ("di", ["id", "name"], "'id'"),
        ("o", ["of", "at_most"], "'of'"),
        ("doo", ["do", "to"], "'do'"),
        ("zz", ["id", "of"], ""),
    ],
)
def test_a_word_that_is_nearly_known_is_understood(
    typed: str, known: list[str], meant: str
) -> None:
    assert near(typed, known) == (f"did you mean {meant}?" if meant else "")
