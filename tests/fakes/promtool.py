"""Prometheus' own judge, and the names that our metrics may have in its questions."""

import shutil
import subprocess
from typing import Any

import pytest

from gateway.web.series import PREFIX, TABLE

OURS = {f"{PREFIX}series_dropped"}


def promtool(*words: str, said: str | None = None) -> str:
    program = shutil.which("promtool")
    if program is None:
        pytest.skip("needs promtool (Debian: prometheus)")
    done = subprocess.run(
        [program, *words], input=said, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def names_of(one: Any) -> set[str]:
    ends = ("_bucket", "_sum", "_count") if one.kind == "histogram" else ("",)
    return {one.full + end for end in ends}


KNOWN = OURS | {name for one in TABLE for name in names_of(one)}
