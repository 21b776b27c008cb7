"""The threat model names tests that are there."""

import re
from pathlib import Path

from gateway.core.source_limits import SourceLimits

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/security.md").read_text()


def test_every_threat_has_a_test_and_every_test_that_is_named_exists() -> None:
    table = PAGE.split("## Threat model")[1].split("\n## ")[0]
    rows = [line for line in table.splitlines() if line.startswith("| ")][1:]
    assert len(rows) >= 15
    for row in rows:
        named = re.findall(r"`(tests/[\w/.]+)(?:::(\w+))?`", row.split("|")[4])
        assert named, row
        for file, test in named:
            text = (ROOT / file).read_text()
            assert not test or f"def {test}(" in text, (file, test)


def test_the_defaults_on_the_page_are_those_of_the_code() -> None:
    shown = PAGE.split("limits: {")[1].split("}")[0] + "}"
    said = dict(re.findall(r"(\w+): (\d+)(?:MiB)?[,}]", shown))
    limits = SourceLimits()
    assert said.pop("max_payload") == str(limits.max_payload >> 20)
    assert said == {name: f"{getattr(limits, name):g}" for name in said}
    assert len(said) == 6
