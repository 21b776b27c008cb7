"""``edge-gateway feedback``: say whether a decision was right, and take out the labels."""

import csv
import getpass
import sys
from pathlib import Path
from typing import Final, TextIO

import click

from gateway.cli.asking import ask
from gateway.cli.user_file import config_option, database
from gateway.core.counts import counted
from gateway.core.feedback import RIGHT, WRONG
from gateway.core.times import rfc3339
from gateway.store.audit_reader import Said
from gateway.store.reader import Reader

_PATH = click.Path(path_type=Path, dir_okay=False, allow_dash=True)
COLUMNS: Final = ("asset", "start", "end", "label", "decision", "verdict", "why", "author")


@click.command("feedback")
@click.argument("decision", required=False)
@click.argument("verdict", required=False, type=click.Choice([RIGHT, WRONG]))
@click.option("--why", default="", help="In a few words.")
@click.option("--label", default="", help="What it really was: normal, alarm, bearing ...")
@click.option("--author", default="", help="Who says so; default: your user name.")
@click.option("--export", "out", type=_PATH, help="Write all labels to this CSV (-: print).")
@config_option()
@click.option("--db", type=_PATH, help="For --export: the database itself.")
def command(
    decision: str | None,
    verdict: str | None,
    why: str,
    label: str,
    author: str,
    out: Path | None,
    path: Path,
    db: Path | None,
) -> None:
    """Say that DECISION (its id) was right or wrong; the running gateway records it.

    A right one gets its own label; a wrong alarm was "normal"; of anything else wrong say --label.
    """
    if out is not None:
        if decision:
            raise click.UsageError("--export takes no decision")
        _export(database(path, db), out)
        return
    if not decision or not verdict:
        raise click.UsageError("name a decision, and right or wrong; or --export FILE")
    fields: dict[str, object] = {"decision": decision, "verdict": verdict, "why": why}
    fields |= {"label": label, "author": author or _user()}
    told = ask(path, "feedback", fields)
    print(f"recorded: {told['asset']} was {told['label']!r}, and {told['decided']!r} was decided")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as in containers
        return ""


def _export(db: Path, out: Path) -> None:
    with Reader.open(db) as reader:
        found = reader.audit.feedback()
    if str(out) == "-":
        write(found, sys.stdout)
        return
    with out.open("w", encoding="utf-8", newline="") as file:
        write(found, file)
    print(f"{out}: {counted(len(found), 'label')}")


def write(found: list[Said], file: TextIO) -> None:
    """Labels as CSV: one period of an asset a line, and what it was."""
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(COLUMNS)
    for one in found:
        body = one.body
        said = (body.get("verdict", ""), body.get("why", ""), body.get("author", ""))
        period = (rfc3339(one.since_ms), rfc3339(one.until_ms))
        rows.writerow([body.get("asset"), *period, body.get("label"), one.decision, *said])
