import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import durations
from gateway.core.rules import Expression, RuleError, evaluate, parse


@dataclass
class Shelf:
    """A view over fixed values."""

    values: Mapping[str, float | bool | str] = field(default_factory=dict)
    rows: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)

    def value(self, metric: str) -> float | bool | str | None:
        return self.values.get(metric)

    def history(self, metric: str, span_ms: int) -> Sequence[tuple[int, float]]:
        rows = self.rows.get(metric, ())
        return [row for row in rows if row[0] > rows[-1][0] - span_ms]

    def age_ms(self, metric: str) -> int | None:
        return 2_500 if metric in self.values else None


PUMP = Shelf(
    {"t": 91.0, "p": 5.0, "on": True, "state": "ON", "line 3/a": 7.0, "object.temp": 4.0},
    {"t": [(0, 10.0), (60_000, 40.0), (120_000, 100.0)]},
)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("t > 90", True),
        ("t > 90 and p < 5", False),
        ("p <= 5 and p >= 5 and p == 5 and not p != 5", True),
        ("1 + 2 * 3 - 4 / 2", 5.0),
        ("-(1 + 2) * -2", 6.0),
        ("8 - 4 - 2", 2.0),
        ("t > 90 or p > 100 and p > 200", True),
        ("not t > 90 or on", True),
        ("on == true", True),
        ("on", True),
        ("state == 'ON'", True),
        ('state != "OFF"', True),
        ("`line 3/a` + object.temp", 11.0),
        ("min(t, 15m)", 10.0),
        ("max(t, 15m)", 100.0),
        ("mean(t, 15m)", 50.0),
        ("count(t, 90s)", 2.0),
        ("rate(t, 15m)", 0.75),
        ("rate(t, 90s) * 60 > 59", True),
        ("age(t)", 2.5),
        (".5 + 1e1", 10.5),
    ],
)
def test_a_rule_means_what_it_says(text: str, result: float | bool) -> None:
    assert evaluate(parse(text), PUMP) == pytest.approx(result)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("gone > 1", None),
        ("gone == gone", None),
        ("gone + 1", None),
        ("-gone", None),
        ("not gone", None),
        ("gone and false", False),
        ("false and gone", False),
        ("gone and true", None),
        ("gone or true", True),
        ("true or gone", True),
        ("gone or false", None),
        ("1 / 0 > 5", None),
        ("1e300 * 1e300", None),
        ("state > 5", None),
        ("state > 'A'", None),
        ("state and true", None),
        ("state", None),
        ("state + 1", None),
        ("mean(gone, 1h)", None),
        ("max(gone, 1h) > 5 or true", True),
        ("rate(gone, 1h)", None),
        ("count(gone, 1h)", 0.0),
        ("age(gone) > 5", None),
    ],
)
def test_unknown_spreads_by_the_three_valued_tables(text: str, result: object) -> None:
    assert evaluate(parse(text), PUMP) == result
    assert (evaluate(parse(text), PUMP) is None) == (result is None)


@pytest.mark.parametrize(
    ("text", "column", "says"),
    [
        ("", 1, "too early"),
        ("t >", 4, "too early"),
        ("t = 5", 3, "=="),
        ("t > 5 && on", 7, "and"),
        ("t > 5 t", 7, "unexpected 't'"),
        ("(t > 5", 7, "')'"),
        ("1 < t < 5", 7, "chain"),
        ("tan(t)", 1, "no function 'tan'"),
        ("mean(t)", 7, "','"),
        ("mean(5, 5m)", 6, "metric"),
        ("mean(t, 5)", 9, "duration"),
        ("mean(t, 0s)", 9, "between"),
        ("t > 5m", 5, "duration"),
        ("and t", 1, "before"),
        ("t > 1e999", 5, "large"),
        ("t == not on", 6, "parentheses"),
        ("'open", 1, "unexpected"),
        ("(" * 60 + "t" + ")" * 60, 41, "nested"),
        ("t" + " + t" * 300, 501, "words"),
    ],
)
def test_a_wrong_rule_names_the_column(text: str, column: int, says: str) -> None:
    with pytest.raises(RuleError, match=r".") as caught:
        parse(text)
    assert caught.value.column == column
    assert says in str(caught.value)


def test_a_rule_knows_its_metrics_and_how_much_history_they_need() -> None:
    rule = parse("mean(t, 5m) > mean(t, 1h) and p > 1 and age(`line 3/a`) < 60")
    assert rule.metrics == {"t", "p", "line 3/a"}
    assert rule.span_ms == {"t": 3_600_000, "p": 0, "line 3/a": 0}


@pytest.mark.parametrize(
    ("text", "condition"),
    [("t > 5", True), ("not t", True), ("on", True), ("true", True), ("a and b", True),
     ("t + 5", False), ("5", False), ("'x'", False), ("age(t)", False), ("-t", False)],
)  # fmt: skip
def test_a_condition_is_told_from_a_sum(text: str, condition: object) -> None:
    assert parse(text).is_condition is condition


@given(st.text() | st.text(alphabet="ab<>=!+-*/()., \"'`1e5mandornt", max_size=40))
def test_any_text_parses_or_is_a_rule_error_inside_it(text: str) -> None:
    column = None
    try:
        evaluate(parse(text), PUMP)
    except RuleError as error:
        column = error.column
    assert column is None or 1 <= column <= len(text) + 1


names = st.sampled_from(["t", "p", "on", "state", "gone", "`line 3/a`"])
atoms = names | st.sampled_from(
    ["0", "1.5", "7", "true", "false", "'ON'", "mean(t, 15m)", "age(p)", "rate(t, 90s)"]
)
rules = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(list("+-*/<>")), inner),
        st.builds("({} {} {})".format, inner, st.sampled_from(["and", "or", "==", "!="]), inner),
        st.builds("(not {})".format, inner),
        st.builds("-{}".format, inner),
    ),
    max_leaves=12,
)


@given(rules)
def test_a_printed_rule_reads_back_as_itself(text: str) -> None:
    rule = parse(text)
    again = parse(str(rule))
    assert again.node == rule.node
    assert str(again) == str(rule)


@given(rules)
def test_no_rule_ever_yields_nan_or_infinity(text: str) -> None:
    result = evaluate(parse(text), PUMP)
    assert result is None or math.isfinite(result)


@given(st.sampled_from(["t > 1", "p > 100", "gone"]), st.sampled_from(["t > 1", "p > 9", "gone"]))
def test_and_is_or_seen_from_the_other_side(a: str, b: str) -> None:
    def both(text: str) -> object:
        return evaluate(parse(text), PUMP)

    assert both(f"not ({a} and {b})") == both(f"(not {a}) or (not {b})")


@given(st.integers(1, durations.LONGEST_MS))
def test_a_duration_reads_back_as_itself(value_ms: int) -> None:
    assert durations.parse(durations.render(value_ms)) == value_ms


@pytest.mark.parametrize("text", ["", "5", "m", "-5m", "0s", "5 minutes", "1e3s", "٣s", "101y"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        durations.parse(text)


def test_an_expression_compares_by_what_it_says() -> None:
    assert parse("t > 5") == parse("t > 5")
    assert isinstance(parse("t"), Expression)
