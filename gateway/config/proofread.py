"""Proofreads a text that might become the file: ``python -m gateway.config.proofread FILE``.

The text comes on standard input; relative paths in it are relative to FILE, of which only the files
it includes matter: a text may include those, and what lies beside FILE, and no other. What is wrong
goes out as a JSON list, empty when nothing is; what is wrong in an included file stands where the
text includes it.
"""

import json
import os
import sys
from dataclasses import replace
from pathlib import Path

from gateway.config import build, checks, document, validate
from gateway.config.including import Reach
from gateway.config.problems import BadFileError, Problem
from gateway.errors import GatewayError


def proofread(data: bytes, file: Path) -> list[Problem]:
    """Every problem of a text, those of the machine (packages, secrets) not among them."""
    try:
        doc = document.parse(data, file, reach=_reach(file))
        root, problems = validate.validate(doc)
        if root is not None:
            problems += checks.problems(root, doc)
        if root is None or problems:
            return sorted(set(problems))
        build.build(root, file)
    except BadFileError as error:
        return list(error.problems)
    except GatewayError as error:
        return [Problem(str(file), 0, 1, str(error))]
    return []


def _reach(file: Path) -> Reach:
    """Whoever proofreads may be anywhere: of elsewhere only what the file itself includes."""
    try:
        parts = document.read(file, ()).parts
    except BadFileError:
        parts = ()
    return Reach(
        Reach.of(file).folder, frozenset(Path(os.path.realpath(one.file)) for one in parts)
    )


def _here(problem: Problem) -> Problem:
    """A problem as it concerns the text itself."""
    if problem.via == (0, 0):
        return problem
    name = f"{problem.file}:{problem.line}:{problem.column}"
    line, column = problem.via
    return replace(problem, line=line, column=column, message=f"{name}: {problem.message}")


def main() -> None:
    """Read, check, tell."""
    file = Path(sys.argv[1])
    data = sys.stdin.buffer.read()
    keys = ("line", "column", "message", "hint")
    told = [_here(one) for one in proofread(data, file)]
    print(json.dumps([{key: getattr(one, key) for key in keys} for one in told]))  # noqa: T201


if __name__ == "__main__":
    main()
