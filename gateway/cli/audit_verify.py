"""``edge-gateway audit verify``: whether the audit chain is whole, and where it breaks."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from gateway.adapters import signing
from gateway.cli.audit_file import check_file
from gateway.cli.options import FILE, of_database
from gateway.cli.tables import database
from gateway.core.checkpoints import Checkpoint, parse
from gateway.store.audit_check import Checked, Trust
from gateway.store.audit_reader import AuditReader, Before
from gateway.store.reader import Reader

SHOWN: Final = 20
"""Breaks that are printed."""


@click.command("verify")
@click.argument("file", required=False, type=FILE)
@of_database
@click.option("--checkpoint", "kept", multiple=True, help="A kept one: FILE, JSON, or - (stdin).")
@click.option("--key", "keys", multiple=True, help="Public key to trust: FILE, or its base64.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    file: Path | None,
    config: Path | None,
    db: Path | None,
    kept: tuple[str, ...],
    keys: tuple[str, ...],
    as_json: bool,
) -> None:
    """Verify the chain of the database, or of FILE, an export; exit 1 when it is broken.

    Without --key, checkpoints must be signed by the key in audit.pub beside the database. Whoever
    could change the database could change that file, too: keep the key, or a checkpoint, elsewhere.
    """
    others = [_words(one) for one in kept]
    told: list[str] = []
    trusted = [_key(one) for one in keys]
    if file is not None:
        found, before = check_file(file, _trust(trusted), others), []
    else:
        with Reader.open(path := database(config, db)) as reader:
            found, told = _check(reader.audit, path, trusted, others)
            before = reader.audit.before()
    if as_json:
        print(json.dumps(_document(found, told)))
    else:
        print("\n".join(_lines(found, told, before)))
    sys.exit(0 if found.whole and not told else 1)


def _check(
    audit: AuditReader, path: Path, trusted: list[str], others: list[str]
) -> tuple[Checked, list[str]]:
    """What was found, and what else is wrong."""
    beside = signing.public_of(path.with_name(signing.NAME).with_suffix(signing.PUBLIC))
    known = trusted or [beside, *audit.keys()]
    found = audit.check(_trust([key for key in known if key]), others)
    newest = audit.newest_checkpoint()
    if trusted or not beside or not newest or parse(newest).public_key == beside:
        return found, []
    told = f"the newest checkpoint is not by the key of audit.pub ({signing.fingerprint(beside)})"
    return found, [told]


def _trust(known: Iterable[str]) -> Trust:
    """Believe checkpoints of these keys; of any key when none is known."""
    keys = frozenset(known)

    def fault(made: Checkpoint) -> str:
        if keys and made.public_key not in keys:
            return f"it is by another key, {signing.fingerprint(made.public_key)}"
        content, signature = made.signed
        return "" if signing.holds(content, signature, made.public_key) else "bad signature"

    return fault


def _words(given: str) -> str:
    """A checkpoint's JSON: as given, from standard input, or from a file."""
    if given == "-":
        return sys.stdin.read().strip()
    if given.lstrip().startswith("{"):
        return given
    try:
        return Path(given).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{given}: {error}", param_hint="--checkpoint") from error


def _key(given: str) -> str:
    public = given if signing.is_public(given) else signing.public_of(Path(given))
    if not public:
        raise click.BadParameter(f"{given}: no Ed25519 public key", param_hint="--key")
    return public


def _lines(found: Checked, told: list[str], before: list[Before]) -> list[str]:
    many = f"{found.records} records, {found.first} to {found.head.seq}"
    lines = [f"chain {found.epoch or '(of a file)'}: {many}"]
    if found.good:
        lines.append(f"{found.checkpoints} checkpoints agree, the last over record {found.good}")
    else:
        lines.append("no checkpoint agrees with it: nothing from outside vouches for it")
    lines += [f"{rows} rows of {table} are told of by no record: older than it, or rescued"
              for table, rows in found.uncovered.items() if rows]  # fmt: skip
    for one in before:
        kept = f"records {one.first} to {one.last}, {one.lost} lost"
        lines.append(f"chain {one.epoch} before it, of a damaged database: {kept}")
        lines += [f"  not whole at {broken}" for broken in one.breaks[:SHOWN]]
    lines += [f"BROKEN at {one}" for one in found.breaks[:SHOWN]]
    more = len(found.breaks) - SHOWN + found.more
    lines += [f"and {more} breaks more"] if more > 0 else []
    lines += [f"BROKEN: {one}" for one in told]
    return [*lines, "broken" if found.breaks or told else "whole"]


def _document(found: Checked, told: list[str]) -> dict[str, object]:
    return {
        "whole": found.whole and not told,
        "epoch": found.epoch,
        "records": found.records,
        "first": found.first,
        "last": found.head.seq,
        "hash": found.head.hash.hex(),
        "checkpoints": found.checkpoints,
        "checkpoint": found.good,
        "uncovered": dict(found.uncovered),
        "breaks": [one._asdict() for one in found.breaks],
        "more": found.more,
        "problems": told,
    }
