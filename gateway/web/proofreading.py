"""Proofreading: the user's file as it is, and what is wrong with it as it might become.

It is read in a process of its own, one at a time: what checks a file is 20 MB. Nothing is written:
who may change the file is the machine's affair.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import anyio
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from gateway.web.desk import Desk, body, refusal

MOST: Final = 1 << 20
CHECK_S: Final = 60.0
CHECKING: Final = anyio.CapacityLimiter(1)


async def show(desk: Desk, _request: Request) -> Response:
    """The file."""
    try:
        text = await anyio.to_thread.run_sync(_text, Path(desk.spec.file))
    except (OSError, UnicodeDecodeError) as error:
        return refusal(503, f"{desk.spec.file}: {getattr(error, 'strerror', None) or error}")
    return JSONResponse({"file": desk.spec.file, "text": text})


def _text(file: Path) -> str:
    with file.open(encoding="utf-8-sig") as opened:
        return opened.read(MOST)


async def check(desk: Desk, request: Request) -> Response:
    """Every problem of a text that might become the file, each with its place."""
    try:
        told = await body(request, 2 * MOST)
        text = told["text"]
    except (ValueError, KeyError, TypeError) as error:
        return refusal(400, f"text, please: {error}")
    if not isinstance(text, str) or len(text) > MOST:
        return refusal(400, f"a text of at most {MOST} characters")
    if CHECKING.statistics().tasks_waiting:
        return refusal(429, "another text is being checked: wait a moment")
    found = await anyio.to_thread.run_sync(_checked, desk.spec.file, text, limiter=CHECKING)
    return JSONResponse(found, 503 if "error" in found else 200)


def _checked(file: str, text: str) -> dict[str, Any]:
    command = [sys.executable, "-P", "-m", "gateway.config.proofread", file]
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter and words
            command,
            input=text.encode("utf-8", "replace"),
            capture_output=True,
            timeout=CHECK_S,
            check=False,
        )
        problems: list[Any] = json.loads(done.stdout)
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        return {"error": f"it could not be checked: {type(error).__name__}"}
    return {"problems": problems}
