"""``edge-gateway receiver status``: gateways, streams, how far, how fast, what was refused."""

import json
import time

import click

from gateway.cli.tables import print_table


@click.command("status")
@click.option("--store", default="receiver.db", show_default=True, help="A file, or postgresql://")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(store: str, *, as_json: bool) -> None:
    """Show what a receiver's store holds; the receiver may run meanwhile.

    Exits 1 when an audit chain contradicts itself.
    """
    from gateway.receiver.stores import look_into

    found = look_into(store)
    try:
        standings = found.standings(time.time_ns() // 1_000_000)
        alarms = found.alarms()
    finally:
        found.close()
    if as_json:
        told = {
            "streams": [one._asdict() for one in standings],
            "alarms": [one._asdict() for one in alarms],
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        names = ("gateway", "lane", "seq", "rows", "refused", "rows_per_s", "newest_at_ms")
        rows = [(*(getattr(one, name) for name in names), one.taken_at_ms) for one in standings]
        print_table((*names, "taken_at_ms"), rows)
        for alarm in alarms:
            click.echo(f"ALARM: audit of {alarm.gateway}: {alarm.alarm}")
    if alarms:
        raise SystemExit(1)
