"""``edge-gateway sync --follow``: a bar for each lane on a terminal, lines in a pipe."""

import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli import sync_view
from gateway.cli.asking import OFFLINE_S, Visit
from gateway.core.counts import counted

WAIT_S: Final = 3_600.0
BAR: Final = 24
"""Characters of a bar."""


class Bars:
    """What is drawn; a bar is full when nothing is left of the most that was left."""

    def __init__(self) -> None:
        """Nothing was seen yet."""
        self._most: dict[tuple[str, str], int] = {}

    def lines(self, lanes: list[Mapping[str, Any]], width: int) -> list[str]:
        """One line per lane."""
        return [self._line(lane)[:width] for lane in lanes]

    def _line(self, lane: Mapping[str, Any]) -> str:
        name = (str(lane["sink"]), str(lane["lane"]))
        left = lane.get("left")
        head = f"{name[0]}/{name[1]}".ljust(22)
        if lane.get("error"):
            return f"{head} out of reach: {lane['error']}"
        if left is None:
            return f"{head} {lane.get('state')}"
        most = self._most[name] = max(self._most.get(name, 0), left) if left else 0
        full = BAR if not most else round(BAR * (most - left) / most)
        waits = f", waits: {lane['waits']}" if lane.get("waits") else ""
        done = sync_view.span(lane.get("done_s"))
        rest = f"{counted(left, 'row')} left, {lane.get('rows_per_s') or 0:.0f}/s"
        rest += f", {done} to go" if left and done else ""
        return f"{head} [{'#' * full}{'.' * (BAR - full)}] {rest}{waits}"


def watch(path: Path, *, as_json: bool) -> None:
    """Show every new document until interrupted.

    Raises:
        ConfigError: the user's file is wrong.
        BrokerError: there is no connection.
    """
    bars, drawn = Bars(), 0
    drawing = sys.stdout.isatty() and not as_json
    with Visit(path, "sync", wait_s=WAIT_S) as visit:
        while True:
            told = visit.wait(lambda topic, _: topic == "sync", OFFLINE_S * 20)
            if told is None:
                click.echo("the gateway is offline, or tells nothing", err=True)
                sys.exit(1)
            lanes = sync_view.lanes({"sync": told})
            if as_json:
                click.echo(json.dumps({"ts": told.get("ts"), "lanes": lanes}, ensure_ascii=False))
                continue
            if drawing and drawn:
                click.echo(f"\x1b[{drawn}F\x1b[J", nl=False)
            lines = bars.lines(lanes, shutil.get_terminal_size().columns)
            click.echo("\n".join(lines or ["no cloud is told anything"]))
            drawn = max(1, len(lines))
