"""Proofreads a text that might become the file: ``python -m gateway.config.proofread FILE``.

The text comes on standard input; relative paths in it are relative to FILE, which is not read. What
is wrong goes out as a JSON list, empty when nothing is.
"""

import json
import sys
from pathlib import Path

from gateway.config import build, checks, document, validate
from gateway.config.problems import BadFileError, Problem
from gateway.errors import GatewayError


def proofread(data: bytes, file: Path) -> list[Problem]:
    """Every problem of a text, those of the machine (packages, secrets) not among them."""
    try:
        doc = document.parse(data, file)
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


def main() -> None:
    """Read, check, tell."""
    found = proofread(sys.stdin.buffer.read(), Path(sys.argv[1]))
    keys = ("line", "column", "message", "hint")
    print(json.dumps([{key: getattr(one, key) for key in keys} for one in found]))  # noqa: T201


if __name__ == "__main__":
    main()
