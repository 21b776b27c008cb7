"""The score of the milling machine is the textbook's, and the docs give what the script prints."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scripts.train import milling

DOCS = Path(__file__).parents[2] / "docs/results.md"


def test_a_perfect_order_has_the_whole_area() -> None:
    assert milling.precision_area(np.array([4.0, 3, 2, 1]), np.array([1, 1, 0, 0]) > 0) == 1


def test_the_area_is_the_sum_of_precisions_at_each_hit() -> None:
    found = milling.precision_area(np.array([4.0, 3, 2, 1]), np.array([1, 0, 1, 0]) > 0)
    assert found == pytest.approx((1 / 1 + 2 / 3) / 2)


@given(st.lists(st.booleans(), min_size=1, max_size=50).filter(any))
def test_scores_that_are_all_the_same_have_the_share_of_failures(failed) -> None:
    truth = np.array(failed)
    area = milling.precision_area(np.zeros(len(truth)), truth)
    assert area == pytest.approx(truth.mean())


def test_every_row_is_judged_once_by_a_model_that_did_not_see_it() -> None:
    failed = np.arange(103) % 9 == 0
    judged = np.zeros(103)
    for train, rest in milling.folds(failed, 1):
        assert not (train & rest).any()
        assert 2 <= failed[rest].sum() <= 3
        judged += rest
    assert (judged == 1).all()


@pytest.mark.shared
@pytest.mark.slow
def test_the_docs_give_what_the_script_prints() -> None:
    pytest.importorskip("lightgbm")
    if not milling.DATA.is_file():
        pytest.skip("needs ../shared/data/ai4i2020")
    assert milling.report(milling.DATA, None) in DOCS.read_text("utf-8")
