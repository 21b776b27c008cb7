"""``edge-gateway update``: visit the repository now, by hand."""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import click

from gateway.cli.user_file import config_option
from gateway.errors import UpdateError


@click.command("update")
@config_option()
@click.option("--check", is_flag=True, help="Only look; take nothing.")
@click.option("--json", "as_json", is_flag=True, help="For programs: everything, as JSON.")
def command(path: Path, *, check: bool, as_json: bool) -> None:
    """Ask the repository of the file's section updates, and take what is for this gateway.

    A running gateway takes up what was put down by itself. Exits 1 when the repository was not
    there, or is not to be believed.
    """
    from gateway.config import load_part
    from gateway.daemon.clock import SystemClock

    settings = load_part(path, "gateway", "brokers", "store", "updates").updates
    if settings is None:
        raise UpdateError(f"{path} has no section updates")
    if not SystemClock().ok():
        raise UpdateError("the clock is not synchronised: what has ended, and what not?")
    began = time.monotonic()
    said = _visited(path, settings.timeout_ms / 1000, check=check)
    said["took_ms"] = round((time.monotonic() - began) * 1000)
    if as_json:
        click.echo(json.dumps(said, indent=2))
    else:
        _print(said)
    if said["why"]:
        sys.exit(1)


def _visited(path: Path, limit_s: float, *, check: bool) -> dict[str, Any]:
    """In a process of its own, as the daemon does it."""
    words = [
        sys.executable,
        "-P",
        "-m",
        "gateway.updates",
        *(["--check"] if check else []),
        str(path),
    ]
    try:
        done = subprocess.run(  # noqa: S603  # our own interpreter and words
            words, capture_output=True, timeout=limit_s, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UpdateError(f"not done within {limit_s:g} s; the next visit goes on") from error
    try:
        said: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        last = done.stderr.decode(errors="replace").strip().rpartition("\n")[2]
        raise UpdateError(f"the process ended with {done.returncode}: {last[:300]}") from error
    return said


def _print(said: dict[str, Any]) -> None:
    for line in said["found"]:
        click.echo(line)
    if said["why"]:
        click.echo(said["why"], err=True)
    elif not said["found"]:
        click.echo("nothing is offered for this gateway")
    requests, came = said.get("requests", 0), said.get("bytes", 0)
    click.echo(f"{requests} requests, {came} bytes, {said['took_ms']} ms")
