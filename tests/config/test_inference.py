"""``cloud.inference`` and the rungs that ask it: what they come to, and every mistake."""

from pathlib import Path

import pytest

from gateway import config
from gateway.config import BadFileError, machine
from gateway.config.loader import load_document
from gateway.config.widening import found as wider
from gateway.core.assets import CloudRung
from gateway.core.ensembles import Bound
from gateway.core.purses import Budget
from tests.config.samples import GOOD, written
from tests.models import make

RULE = "      - {rule: pressure < 1, label: dry}\n"
DECLARED = "{cloud: big, inputs: [power, temperature], period: 10s, rows: 30, on: 0.8, off: 0.6}"
CLOUD = """cloud:
  inference:
    big: {url: https://models.example/, model: large, token_file: ttn.secret}
"""


def file(folder: Path, rung: str = DECLARED, cloud: str = CLOUD) -> Path:
    return written(folder, GOOD.replace(RULE, f"{RULE}      - {rung}\n") + cloud)


def rung(path: Path) -> CloudRung:
    found = config.load(path).assets["pump-7"].ladder[-1]
    assert isinstance(found, CloudRung)
    return found


def test_what_is_not_said_is_cautious(tmp_path: Path) -> None:
    cloud = config.load(file(tmp_path)).clouds["big"]
    assert (cloud.egress, cloud.pseudonyms, cloud.fields) == ("features", True, ("asset",))
    assert (cloud.budget, cloud.deadline_ms) == (Budget(500, 2_000_000), 5_000)
    assert cloud.token_file == str(tmp_path / "ttn.secret")
    assert not rung(file(tmp_path)).may_act


def test_declared_windows_are_in_the_metrics_own_units_and_as_old_as_they_may_be(
    tmp_path: Path,
) -> None:
    made = rung(file(tmp_path))
    shape = made.shape
    assert shape is not None
    assert (shape.period_ms, shape.length, made.key) == (10_000, 30, "cloud:big")
    power = shape.channels[0]
    assert (power.name, power.unit, power.hold_ms, power.high) == ("power", "W", 900_000, 4000)
    assert made.levels == (Bound("alarm", 0.8, 0.6),)


def test_the_first_model_of_the_ladder_lends_its_windows(tmp_path: Path) -> None:
    channel = {"name": "temperature", "unit": "degC"}
    window = {"tensor": "window", "layout": "n,t,c", "channels": [channel]}
    recipe = make.one_cell(*make.flat_tail("window", 1))
    make.write(tmp_path / "a", recipe, input=window | {"period_s": 1, "window": 1})
    rungs = "    verdicts:\n      - {model: a}\n"
    text = GOOD.replace(RULE, f"{RULE}      - {{cloud: big, deadline: 1s}}\n")
    text = text.replace("    verdicts:\n", rungs) + CLOUD + "models: {a: {package: a}}\n"
    made = rung(written(tmp_path, text))
    assert (made.like, made.deadline_ms, made.shape) == ("a", 1_000, None)


MISTAKES = [
    ("{cloud: bigg}", "", "unknown cloud 'bigg'"),
    ("{cloud: big}", "", "nothing says which windows it is asked with"),
    ("{cloud: big, like: heat}", "", "unknown model 'heat'"),
    ("{cloud: big, rule: power > 1}", "", "'rule' does not go with a cloud"),
    ("{rule: power > 1, may_act: true}", "", "'may_act' goes with a cloud"),
    ("{cloud: big, inputs: power}", "", "with inputs a cloud needs 'period'"),
    (DECLARED.replace("power", "powr"), "", "unknown metric 'powr'"),
    (DECLARED.replace("power", "note"), "", "metric 'note' is no number"),
    (DECLARED.replace("off: 0.6", "off: 0.9"), "", "off is above on: it could never clear"),
    (
        DECLARED.replace("rows: 30", "rows: 30, label: normal"),
        "",
        "'normal' is not a cloud's to say",
    ),
    (DECLARED, "{model: large}", "a cloud's model has either a url or a broker, this one neither"),
    (DECLARED, "{url: https://a.b, broker: local, topic: t, model: m}", "this one both"),
    (DECLARED, "{broker: local, model: m}", "'topic' is missing: where questions go"),
    (DECLARED, "{broker: lokal, topic: t, model: m}", "unknown broker 'lokal'"),
    (DECLARED, "{broker: local, topic: a/#, model: m}", "topic"),
    (DECLARED, "{url: ftp://a.b, model: m}", "url"),
    (DECLARED, "{url: https://a.b, model: m/../x}", "model"),
    (DECLARED, "{url: http://a.b, model: m, token_file: ttn.secret}", "for all to read"),
    (DECLARED, "{url: https://a.b, model: m, budget: {calls: 500}}", "not calls a day: '500'"),
    (DECLARED, "{url: https://a.b, model: m, budget: {bytes: 2MB}}", "not a size a day: '2MB'"),
    (DECLARED, "{url: https://a.b, model: m, egress: all}", "egress"),
]


@pytest.mark.parametrize(("asks", "cloud", "says"), MISTAKES)
def test_a_mistake_is_named(tmp_path: Path, asks: str, cloud: str, says: str) -> None:
    section = f"cloud: {{inference: {{big: {cloud}}}}}\n" if cloud else CLOUD
    with pytest.raises(BadFileError) as caught:
        config.load(file(tmp_path, asks, section))
    assert any(says in str(problem) for problem in caught.value.problems), caught.value


def test_a_policy_may_wait_for_what_only_a_cloud_says(tmp_path: Path) -> None:
    path = file(tmp_path, DECLARED.replace("off: 0.6", "off: 0.6, label: worn"))
    path.write_text(path.read_text().replace("when: dry, do: close", "when: worn, do: close"))
    assert config.load(path).assets["pump-7"].policy[1].when == "worn"


def test_a_missing_token_is_found_on_this_machine(tmp_path: Path) -> None:
    path = file(tmp_path, cloud=CLOUD.replace("ttn.secret", "lost.token"))
    problems = [str(one) for one in machine.problems(*load_document(path))]
    assert any("lost.token" in one for one in problems)


def test_a_received_file_cannot_let_a_cloud_act(tmp_path: Path) -> None:
    local = config.load(file(tmp_path))
    new = config.load(file(tmp_path, DECLARED.replace("rows: 30", "rows: 30, may_act: true")))
    assert list(wider(local, local)) == []
    assert list(wider(local, new)) == ["asset pump-7: cloud:big may act is new, or another one"]
