"""The budgets of the house: small files, small functions, telling names, nothing swallowed."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from statistics import median

import pytest

from gateway import registry
from gateway.cli.main import COMMANDS

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / "gateway").rglob("*.py"))

FILE_LINES, FILE_MEDIAN = 250, 120
FUNCTION_LINES, FUNCTION_MEDIAN = 40, 8
VAGUE_FILES = {"utils", "util", "helpers", "helper", "common", "misc"}
VAGUE_CLASSES = re.compile(r".*(Manager|Handler|Helper|Util|Utils)|Base[A-Z].*")

Function = ast.FunctionDef | ast.AsyncFunctionDef


def _name(file: Path) -> str:
    return str(file.relative_to(ROOT))


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def _nodes() -> list[tuple[Path, ast.AST]]:
    """What is looked at, of all files: they are read once."""
    kinds = (Function, ast.ExceptHandler, ast.ClassDef)
    return [
        (file, node) for file in FILES for node in ast.walk(_tree(file)) if isinstance(node, kinds)
    ]


def _functions() -> Iterator[tuple[str, Function]]:
    for file, node in _nodes():
        if isinstance(node, Function):
            yield f"{_name(file)}:{node.lineno} {node.name}", node


def _lines(function: Function) -> int:
    """Source lines of a function, its docstring not counted."""
    lines = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or first.lineno) - first.lineno + 1
    return lines


def test_no_file_is_longer_than_the_budget() -> None:
    lengths = {_name(file): len(file.read_text().splitlines()) for file in FILES}
    assert {name: n for name, n in lengths.items() if n > FILE_LINES} == {}
    assert median(lengths.values()) <= FILE_MEDIAN


def test_no_function_is_longer_than_the_budget() -> None:
    lengths = {name: _lines(function) for name, function in _functions()}
    assert {name: n for name, n in lengths.items() if n > FUNCTION_LINES} == {}
    assert median(lengths.values()) <= FUNCTION_MEDIAN


def test_every_function_is_annotated() -> None:
    def bare(function: Function) -> bool:
        args = function.args
        named = [*args.posonlyargs, *args.args, *args.kwonlyargs]
        named += [extra for extra in (args.vararg, args.kwarg) if extra]
        unannotated = [one for one in named if one.annotation is None]
        return function.returns is None or any(
            one.arg not in ("self", "cls") for one in unannotated
        )

    assert [name for name, function in _functions() if bare(function)] == []


def test_nothing_catches_everything() -> None:
    """A blind except hides the bug that it was written for."""
    blind = [
        f"{_name(file)}:{node.lineno}"
        for file, node in _nodes()
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or "Exception" in {one.id for one in _names(node.type)})
    ]
    assert blind == []


def _names(node: ast.expr) -> Iterator[ast.Name]:
    return (one for one in ast.walk(node) if isinstance(one, ast.Name))


def test_what_catches_base_exceptions_raises_them_again() -> None:
    silent = [
        f"{_name(file)}:{node.lineno}"
        for file, node in _nodes()
        if isinstance(node, ast.ExceptHandler)
        and node.type is not None
        and "BaseException" in {one.id for one in _names(node.type)}
        and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node))
    ]
    # the network thread hands what ended it to the loop, which raises it there
    assert [one for one in silent if not one.startswith("gateway/adapters/mqtt")] == []


def test_names_say_what_a_thing_is() -> None:
    assert [_name(file) for file in FILES if file.stem in VAGUE_FILES] == []
    classes = [
        f"{_name(file)} {node.name}"
        for file, node in _nodes()
        if isinstance(node, ast.ClassDef) and VAGUE_CLASSES.fullmatch(node.name)
    ]
    assert classes == []


def test_every_module_says_what_it_is_for() -> None:
    assert [_name(file) for file in FILES if not ast.get_docstring(_tree(file))] == []


@pytest.mark.parametrize("kind", registry.kinds("bridges"))
def test_every_bridge_has_a_sample_and_a_row(kind: str) -> None:
    samples = [file.read_text() for file in (ROOT / "config").glob("*.yaml")]
    assert any(f"bridge: {kind}" in sample for sample in samples)
    page = (ROOT / "docs/bridges.md").read_text()
    assert f"| [`{kind}`](#{kind}) |" in page
    assert f"\n## {kind}\n" in page


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_is_in_the_docs(command: str) -> None:
    texts = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    assert any(f"edge-gateway {command}" in text.read_text() for text in texts)
