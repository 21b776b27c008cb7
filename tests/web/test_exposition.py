"""What Prometheus reads, and that its page is the table's."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from gateway.web.exposition import text
from gateway.web.series import BY_NAME, MOST, PREFIX, TABLE, page
from tests.fakes.promtool import KNOWN, promtool

ROOT = Path(__file__).parents[2]
SAMPLE = re.compile(r'(\w+)(?:\{((?:\w+="(?:[^"\\\n]|\\.)*",?)*)\})? (\S+)')
USED = re.compile(rf"{PREFIX}\w+")


def every() -> dict[str, Any]:
    """A sample of everything in the table."""
    found: dict[str, Any] = {}
    for one in TABLE:
        labels = [f"{name} 1" for name in one.labels]
        figure = [[1] * (len(one.buckets) + 1), 2.5] if one.kind == "histogram" else [3]
        found[one.name] = [[*labels, *figure]]
    return found


def test_the_page_of_metrics_is_made_of_the_table() -> None:
    assert (ROOT / "docs/metrics.md").read_text() == page()


def test_names_say_what_they_count_and_in_which_unit() -> None:
    for one in TABLE:
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", one.name)
        assert (one.kind == "counter") == one.name.endswith("_total"), one.name
        assert not re.search(r"_(ms|kb|mb|minutes|percent|count|sum|bucket)(_|$)", one.name)
        assert one.help.endswith(".")
    assert len(BY_NAME) == len(TABLE)


def test_every_line_can_be_read() -> None:
    for line in text(every()).splitlines():
        assert line.startswith("# ") or SAMPLE.fullmatch(line), line


def test_promtool_has_nothing_to_say_against_it() -> None:
    assert promtool("check", "metrics", said=text(every())) == ""


def test_a_histogram_is_cumulative() -> None:
    counts = [*range(1, 12), 1]
    said = text({"inference_seconds": [[counts, 12.5]]})
    found = [int(line.rsplit(" ", 1)[1]) for line in said.splitlines() if "_bucket{" in line]
    assert found == sorted(found)
    assert f'le="+Inf"}} {sum(counts)}' in said
    assert f"{PREFIX}inference_seconds_count {sum(counts)}\n" in said
    assert f"{PREFIX}inference_seconds_sum 12.5\n" in said


@given(st.text(max_size=300))
def test_a_label_can_be_anything_and_stays_one_line(name: str) -> None:
    said = text({"source_silent": [[name, True]]})
    (line,) = (one for one in said.split("\n") if one.startswith(f"{PREFIX}source_silent"))
    assert SAMPLE.fullmatch(line)


def test_what_would_be_too_many_is_counted_and_not_told() -> None:
    said = text({"source_silent": [[f"s{number}", 0] for number in range(MOST + 7)]})
    assert said.count(f"\n{PREFIX}source_silent{{") == MOST
    assert f"{PREFIX}series_dropped 7\n" in said


def test_a_figure_that_nobody_documented_is_an_error() -> None:
    with pytest.raises(KeyError):
        text({"strangers_total": [[1]]})


# -- what is made of them --------------------------------------------------------------------------


def rules() -> str:
    return (ROOT / "config/prometheus-rules.yml").read_text()


def dashboard() -> Any:
    return json.loads((ROOT / "config/grafana-dashboard.json").read_text())


def test_rules_and_dashboard_use_nothing_that_is_not_told() -> None:
    for written in (rules(), json.dumps(dashboard())):
        used = set(USED.findall(written)) - {f"{PREFIX}rules"}
        assert used
        assert used - KNOWN == set()


def test_promtool_takes_the_rules() -> None:
    promtool("check", "rules", str(ROOT / "config/prometheus-rules.yml"))


def test_the_rules_fire_when_they_should() -> None:
    promtool("test", "rules", str(ROOT / "tests/web/prometheus-rules.test.yml"))


def test_every_alert_says_what_to_do() -> None:
    (group,) = yaml.safe_load(rules())["groups"]
    for rule in group["rules"]:
        assert {"summary", "description"} <= rule["annotations"].keys()
        assert rule["labels"]["severity"] in ("warning", "critical")


def _expressions() -> list[str]:
    return [target["expr"] for panel in dashboard()["panels"]
            for target in panel.get("targets", [])]  # fmt: skip


def test_the_questions_of_the_dashboard_are_promql(tmp_path: Path) -> None:
    entries = [
        {"record": f"panel:{number}", "expr": expr.replace("$__rate_interval", "5m")
         .replace("$instance", "x")} for number, expr in enumerate(_expressions())
    ]  # fmt: skip
    file = tmp_path / "panels.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": entries}]}))
    promtool("check", "rules", str(file))


def test_the_dashboard_has_panels_of_their_own_and_nothing_from_outside() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert "http" not in json.dumps(dashboard())
    assert len(_expressions()) >= 15
