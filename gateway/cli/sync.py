"""``edge-gateway sync``: how far the clouds are, what they refused."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.options import of_gateway
from gateway.cli.tables import printer
from gateway.errors import StoreReadOnlyError

_COLUMNS: Final = (
    *("sink", "lane", "state", "left", "rows_per_s", "done", "sent", "refused"),
    *("today", "error"),
)
_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")


@click.group("sync", invoke_without_command=True)
@of_gateway
@_JSON
@click.option("--follow", is_flag=True, help="Go on, with a bar for each lane.")
@click.pass_context
def command(context: click.Context, path: Path, *, as_json: bool, follow: bool) -> None:
    """Show each cloud's lanes: rows left, rate, time to finish, what was sent and refused.

    Exits 0; 1 when a cloud is out of reach, or the process of sync does not run.
    """
    if context.invoked_subcommand is not None:
        return
    if follow:
        from gateway.cli.sync_follow import watch

        watch(path, as_json=as_json)
        return
    from gateway.cli import sync_view

    view = sync_view.look(path)
    lanes = sync_view.lanes(view.health)
    if as_json or lanes:
        _print(lanes, as_json=as_json)
    if not as_json:
        click.echo(view.remark or _verdict(view.health, lanes))
    context.exit(0 if not view.remark and _well(view.health, lanes) else 1)


def _print(lanes: list[Mapping[str, Any]], *, as_json: bool) -> None:
    if as_json:
        for lane in lanes:
            click.echo(json.dumps(lane, ensure_ascii=False))
        return
    from gateway.cli import sync_view

    rows = [sync_view.row(lane) for lane in lanes]
    printer(as_csv=False, as_json=False)(_COLUMNS, rows)


def _well(health: Mapping[str, Any], lanes: list[Mapping[str, Any]]) -> bool:
    running = not lanes or health.get("sync", {}).get("state") == "running"
    return running and not any(lane.get("error") for lane in lanes)


def _verdict(health: Mapping[str, Any], lanes: list[Mapping[str, Any]]) -> str:
    if not lanes:
        return "no cloud is told anything: the file has no cloud.sync, or it has just started"
    failing = sorted({lane["sink"] for lane in lanes if lane.get("error")})
    if failing:
        return f"out of reach: {', '.join(failing)}"
    return f"sync is {health.get('sync', {}).get('state', 'unknown')}"


@command.command("refused")
@of_gateway
@_JSON
@click.option("--sink", default="", help="Only of this one.")
@click.option("--limit", default=1_000, show_default=True, help="The newest so many.")
def refused(path: Path, sink: str, limit: int, *, as_json: bool) -> None:
    """List rows that a cloud refused, with the reason; they are not sent again by themselves."""
    from gateway.store import sync_notes

    try:
        found = sync_notes.refused(_ledger(path), sink, limit)
    except StoreReadOnlyError:
        found = []
    if as_json:
        for one in found:
            told = one._asdict() | {"row": json.loads(one.row), "again": bool(one.again)}
            click.echo(json.dumps(told, ensure_ascii=False))
    elif found:
        columns = ("sink", "lane", "at_ms", "reason", "row")
        rows = [[getattr(one, name) for name in columns] for one in found]
        printer(as_csv=False, as_json=False)(columns, rows)
    else:
        click.echo("nothing was refused")


@command.command("retry")
@of_gateway
@click.option("--sink", required=True, help="Whose refused rows are offered once more.")
def retry(path: Path, sink: str) -> None:
    """Offer the rows that a cloud refused once more, as new rows at the end of their lane."""
    from gateway.store import sync_notes

    count = sync_notes.offer_again(_ledger(path), sink)
    click.echo(f"{sink}: {count} rows are offered again")


def _ledger(path: Path) -> Path:
    from gateway.config import load_part
    from gateway.store.sync_opening import ledger_of

    return ledger_of(load_part(path, "gateway", "brokers", "store").store.path)
