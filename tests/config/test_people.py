"""How long what people decide holds, as the file says it."""

from pathlib import Path

import pytest

from gateway.config import BadFileError, load
from gateway.core.interventions import TERMS, Kind, Terms
from tests.config.samples import GOOD, written

HOUR = 3_600_000


def test_without_a_word_the_usual_times_hold(tmp_path: Path) -> None:
    assert load(written(tmp_path)).people == TERMS


def test_the_file_changes_what_it_names(tmp_path: Path) -> None:
    text = GOOD + "people: {hold: {default: 30m, most: 4h}, mode: {most: 1h}}\n"
    people = load(written(tmp_path, text)).people
    assert people[Kind.HOLD] == Terms(HOUR // 2, 4 * HOUR)
    assert people[Kind.MODE] == Terms(HOUR, HOUR)
    assert people[Kind.MAINTENANCE] == TERMS[Kind.MAINTENANCE]


@pytest.mark.parametrize(
    ("section", "place", "why"),
    [
        ("people: {hold: {default: 5h, most: 4h}}", "people", "default is longer than most, 4h"),
        ("people: {hodl: {most: 4h}}", "hodl", "did you mean 'hold'?"),
        ("people: {stop: {most: 4h}}", "stop", "unknown key 'stop'"),
        (
            "people: {hold: {most: 4h}}\nhomeassistant: {hold: 8h}",
            *("hold: 8h", "more than people.hold.most"),
        ),
        ("people: {hold: {most: 4h}}\nhomeassistant: {}", "homeassistant", "at most 4h"),
    ],
)
def test_what_does_not_fit_is_said_where_it_stands(
    tmp_path: Path, section: str, place: str, why: str
) -> None:
    text = GOOD + section + "\n"
    with pytest.raises(BadFileError) as caught:
        load(written(tmp_path, text))
    (problem,) = caught.value.problems
    lines = text.splitlines()
    assert lines[problem.line - 1][problem.column - 1 :].startswith(place)
    assert why in f"{problem.message} {problem.hint}"
