"""``edge-gateway audit export``: the audit chain as lines of JSON, to be verified elsewhere."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from gateway.cli.options import FILE, of_database
from gateway.cli.tables import database
from gateway.core.audit import line
from gateway.store.audit_reader import AuditReader
from gateway.store.reader import Reader


@click.command("export")
@of_database
@click.option("--out", type=FILE, help="Write to this file; without it to standard output.")
def command(config: Path | None, db: Path | None, out: Path | None) -> None:
    """Write every record, and every checkpoint behind the record that it is over.

    A line ends with its hash: SHA-256 over the hash before it (32 bytes) and the line without
    ,"hash":"..." before the closing brace. "audit verify FILE" checks it, with --key or without.
    """
    with Reader.open(database(config, db)) as reader:
        lines = exported(reader.audit)
        if out is None:
            sys.stdout.writelines(lines)
            return
        with out.open("w", encoding="utf-8") as file:
            file.writelines(lines)


def exported(audit: AuditReader) -> Iterator[str]:
    """The lines of an export."""
    waiting = audit.checkpoints()
    seq, document = next(waiting, (0, ""))
    for entry in audit.entries():
        while document and seq < entry.seq:
            yield f"{document}\n"
            seq, document = next(waiting, (0, ""))
        yield f"{line(entry)}\n"
    while document:
        yield f"{document}\n"
        seq, document = next(waiting, (0, ""))
