"""Load a file: read, validate, check, build."""

from pathlib import Path

from gateway.config import build, checks, document, validate
from gateway.config.problems import BadFileError
from gateway.config.settings import Settings


def load(path: Path | str) -> Settings:
    """Give the settings of a file.

    Raises:
        BadFileError: with every problem of it, each with its place.
    """
    doc = document.read(Path(path))
    root, problems = validate.validate(doc)
    if root is not None:
        problems += checks.problems(root, doc)
    if problems or root is None:
        raise BadFileError(problems)
    return build.build(root, doc.file)
