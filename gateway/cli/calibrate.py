"""``edge-gateway calibrate``: show, redo or reset what is normal on one asset."""

import json
from pathlib import Path
from typing import Any

import click

from gateway.cli.asking import ask
from gateway.cli.tables import print_table
from gateway.cli.user_file import config_option
from gateway.core.explanations import number
from gateway.core.times import rfc3339


@click.command("calibrate")
@click.argument("asset", default="")
@config_option()
@click.option("--model", default="", help="Only this one of the asset's models.")
@click.option("--from", "since", metavar="TIME", help="Learn from the readings stored since then,")
@click.option("--to", "until", metavar="TIME", help="and until then: 2026-01-01T00:00:00Z.")
@click.option("--rows", type=click.IntRange(1), help="Learn from the last ROWS stored rows.")
@click.option("--show", "op", flag_value="show", help="Change nothing.")
@click.option("--reset", "op", flag_value="reset", help="Learn anew from the rows to come.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    path: Path,
    asset: str,
    model: str,
    since: str | None,
    until: str | None,
    rows: int | None,
    op: str | None,
    as_json: bool,
) -> None:
    """Calibrate the models of ASSET anew, from stored readings of a time when it was healthy.

    Without a time, from as many of the newest rows as the model asks for. The running gateway does
    it, and judges with it from the next window on. Without ASSET, list all calibrations.
    """
    if not asset:
        if since is not None or until is not None or rows is not None or op or model:
            raise click.UsageError("name the asset")
        _list(ask(path, "calibrate", {"op": "list"})["calibrations"], as_json=as_json)
        return
    if (since is None) != (until is None) or (since is not None and rows is not None):
        raise click.UsageError("give --from and --to, or --rows, or none of them")
    fields: dict[str, object] = {"asset": asset, "op": op or "redo", "model": model}
    if since is not None:
        fields |= {"from": since, "to": until}
    if rows is not None:
        fields["rows"] = rows
    answer = ask(path, "calibrate", fields)
    if as_json:
        print(json.dumps(answer, ensure_ascii=False))
    else:
        for name, one in answer["calibrations"].items():
            _show(name, one)


def _list(found: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print(json.dumps({"calibrations": found}, ensure_ascii=False))
        return
    cells = [
        (
            one["asset"],
            f"{one['model']} {one['version']}",
            str(one["number"]),
            "ready" if one["ready"] else one["error"] or f"{one['seen']} of {one['rows']} rows",
            one["source"],
        )
        for one in found
    ]
    print_table(("asset", "model", "number", "state", "source"), cells)


def _show(model: str, one: dict[str, Any]) -> None:
    at = rfc3339(one["at_ms"]) if one["at_ms"] else f"{one['seen']} of {one['rows']} rows so far"
    print(
        f"{model} {one['version']} ({one['model_hash'][:12]}): calibration {one['number']},"
        f" {one['source']}, {one['rows']} rows, {at}"
    )
    cells = [
        (name, number(spread["mean"]), number(spread["sd"]))
        for name, spread in one["channels"].items()
    ]
    print_table(("channel", "mean", "sd"), cells)
