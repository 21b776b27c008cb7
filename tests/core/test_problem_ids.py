"""Every problem has a word of its own, and troubleshooting explains it under that anchor."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.core.problem_ids import IDS, OTHER, PAGE, id_of, link_of

ROOT = Path(__file__).parents[2]
TROUBLE = (ROOT / PAGE).read_text()
CHAPTER = TROUBLE.split("## `problems` in health")[1].split("\n## ")[0]
TELLING = {"problems", "problem", "_trust", "__str__"}
FILES = [*sorted((ROOT / "gateway/daemon").glob("*.py")), ROOT / "gateway/core/pace.py"]


def _rows() -> Iterator[tuple[list[str], str]]:
    """The anchors of a row of the table, and a line that it explains."""
    for anchors, words in re.findall(
        r'^\| ((?:<a id="[^"]+"></a>)*)(`[^|]*`) \|', CHAPTER, re.MULTILINE
    ):
        for text in re.findall(r"`([^`]+)`", words):
            line = re.sub(r"<n>", "0", text)
            yield re.findall(r'id="([^"]+)"', anchors), re.sub(r"<[^>]+>", "x", line)


def test_every_id_is_an_anchor_once() -> None:
    assert [id_ for id_, _ in IDS if CHAPTER.count(f'<a id="{id_}">') != 1] == []
    assert len({id_ for id_, _ in IDS}) == len(IDS)


def test_every_line_that_is_explained_stands_under_its_own_anchor() -> None:
    rows = list(_rows())
    assert len(rows) >= len(IDS)
    assert [(line, id_of(line)) for anchors, line in rows if id_of(line) not in anchors] == []


def _said() -> Iterator[str]:
    """Every line that the daemon builds where it tells its problems, with names left open."""
    for file in FILES:
        for function in ast.walk(ast.parse(file.read_text())):
            if isinstance(function, ast.FunctionDef) and function.name in TELLING:
                for node in ast.walk(function):
                    if isinstance(node, ast.JoinedStr):
                        yield "".join(_part(one) for one in node.values)


def _part(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    assert isinstance(node, ast.FormattedValue)
    name = node.value.id if isinstance(node.value, ast.Name) else ""
    return {"SAFE_MODE": "configuration: safe mode: ", "route": "alerts/0"}.get(name, "x")


def test_every_problem_that_the_daemon_can_tell_has_an_id() -> None:
    lines = {line for line in _said() if ": " in line and not line.startswith(("x: ", " ", "quar"))}
    assert len(lines) > 15
    assert [line for line in lines if id_of(line) == OTHER and line not in PARTS] == []


PARTS = {"breaker open: x", "cloud x: x"}
"""The two halves of what a cloud says."""


@pytest.mark.parametrize(
    ("line", "id_"),
    [
        ("broker local: [Errno 111] Connection refused", "broker-away"),
        ("broker local refused zigbee2mqtt/#: not authorized", "broker-refused"),
        ("store: full", "store-full"),
        ("store: disk I/O error", "store"),
        ("3 more devices are quarantined", "device-quarantined"),
        ("something new", OTHER),
    ],
)
def test_a_line_is_known_by_how_it_begins(line: str, id_: str) -> None:
    assert id_of(line) == id_
    assert link_of(line) == f"docs/troubleshooting.md#{id_}"
