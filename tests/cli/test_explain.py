"""``edge-gateway explain`` on a store that holds a decision, its readings and its command."""

import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from gateway.cli.explain import command
from gateway.core import explanations
from gateway.core.explanations import Cause
from gateway.errors import StoreError
from gateway.store.batch import Batch
from tests.store.samples import NOW_MS, decision, open_store, order, reports, settings

CAUSES = [Cause("power", "W", 12.0, 30.0, (28.0, 33.0), 0.61)]


@pytest.fixture
def made():
    return decision(1)


@pytest.fixture
def store(tmp_path, made):
    """The database of a gateway that runs: it stays open while it is read."""
    store = open_store(settings(tmp_path))
    batch = reports(-20, 0)
    why = explanations.of_model(made.verdict, "occlusion", CAUSES, 3, 1_000)
    text = json.dumps(explanations.document(made, why))
    batch.decisions, batch.explanations = [made], {made.id: text}
    batch.commands = [replace(order(1), decision_id=made.id, evidence="proof: power 0.3 W < 5 W")]
    store.commit(batch)
    yield store
    store.close()


def run(tmp_path, *arguments):
    path = str(settings(tmp_path).path)
    result = CliRunner().invoke(command, [*arguments, "--db", path], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_it_tells_why_what_and_what_became_of_it(tmp_path, store, made):
    output = run(tmp_path, "pump-7")
    assert "why       power 12 W, usually 28 to 33: 61 %" in output
    for part in (made.id, made.policy, "score 0.9 against level 0.5", "proof: power 0.3 W < 5 W"):
        assert part in output
    (line,) = [line for line in output.splitlines() if line.startswith("vibration")]
    assert "W, last 21.5" in line
    assert "▅" in line


def test_one_decision_can_be_asked_for_and_ascii_is_ascii(tmp_path, store, made):
    output = run(tmp_path, "pump-7", made.id, "--ascii")
    assert output.isascii()
    assert made.id in output


def test_json_holds_the_record_and_the_window(tmp_path, store, made):
    tree = json.loads(run(tmp_path, "pump-7", "--json"))
    assert tree["explanation"]["channels"][0]["share"] == 0.61
    assert tree["verdict"]["label"] == "alarm"
    assert tree["commands"][0]["evidence"] == "proof: power 0.3 W < 5 W"
    assert tree["window"]["power"][-1] == [NOW_MS - 1, 1234.5]


def test_a_decision_that_was_not_explained_is_told_all_the_same(tmp_path, store):
    later = replace(decision(2), verdict=replace(decision(2).verdict, at_ms=NOW_MS + 10))
    store.commit(Batch(decisions=[later]))
    assert "not explained (yet)" in run(tmp_path, "pump-7")


def test_readings_that_are_gone_are_said_to_be_gone(tmp_path, store):
    early = replace(decision(3), verdict=replace(decision(3).verdict, at_ms=NOW_MS - 10**9))
    store.commit(Batch(decisions=[early]))
    assert "no longer stored one by one" in run(tmp_path, "pump-7", early.id)


@pytest.mark.parametrize("arguments", [("nobody",), ("pump-7", "D-unknown")])
def test_a_decision_that_does_not_exist_is_an_error_with_advice(tmp_path, store, arguments):
    with pytest.raises(StoreError, match="assets with one: pump-7"):
        run(tmp_path, *arguments)
