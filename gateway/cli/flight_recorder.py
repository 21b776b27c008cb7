"""``edge-gateway flight-recorder``: the last minutes of the running gateway, as a file."""

import json
from pathlib import Path

import click

from gateway.cli.asking import ask
from gateway.cli.deciding import login
from gateway.cli.tables import print_table
from gateway.cli.user_file import config_option
from gateway.core.counts import counted


@click.command("flight-recorder")
@config_option()
@click.option("--list", "listed", is_flag=True, help="Only say which files there are.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(path: Path, listed: bool, as_json: bool) -> None:
    """Have the running gateway write the last minutes of its log, debug events too, to a file.

    Topics of the newest messages are in it, payloads are not, and secrets are masked. After a
    crash there is such a file already: --list shows it.
    """
    if listed:
        _list(path, as_json=as_json)
        return
    answer = ask(path, "flight-recorder", {"author": login()})
    told = f"{answer['file']}: {counted(answer['lines'], 'line')}"
    click.echo(json.dumps(answer) if as_json else told)


def _list(path: Path, *, as_json: bool) -> None:
    from gateway.adapters import dumps
    from gateway.config import load_part

    database = load_part(path, "gateway", "brokers", "store").store.path
    found = dumps.dumps(dumps.folder_of(database))
    rows = [(str(one), dumps.why_of(one), one.stat().st_size) for one in found]
    if as_json:
        named = [dict(zip(("file", "why", "bytes"), row, strict=True)) for row in rows]
        click.echo(json.dumps({"files": named}))
    else:
        print_table(("file", "why", "bytes"), [(*row[:2], str(row[2])) for row in rows])
