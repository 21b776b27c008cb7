"""``edge-gateway config migrate``: what an older file says otherwise, put right; comments stay."""

import difflib
import os
import stat
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from gateway.cli.user_file import file_argument

MOST: Final = 1_000
"""Backups beside one file."""


@click.command("migrate")
@click.option("--write", is_flag=True, help="Change the file; what it was is kept beside it.")
@file_argument
def command(file: Path, *, write: bool) -> None:
    """Print what an older FILE says otherwise than this version wants it, as a diff.

    Nothing is changed without --write; then FILE.bak holds what was there. Exits 1 while there is
    something to migrate, 0 when there is nothing (any more).
    """
    from gateway.config import migrations

    names, texts = _migrated(file)
    if not names:
        click.echo(f"{file}: nothing to migrate", err=True)
        return
    for place, (before, after) in texts.items():
        said = difflib.unified_diff(
            before.splitlines(keepends=True),
            after.splitlines(keepends=True),
            str(place),
            str(place),
        )
        for line in said:
            click.echo(line.rstrip("\r\n"))
    click.echo(f"migrations: {', '.join(names)}", err=True)
    if not write:
        click.echo(f"to write it: {migrations.COMMAND} --write {file}", err=True)
        sys.exit(1)
    for place, (_, after) in texts.items():
        click.echo(f"{place}: written; before: {_written(place, after)}", err=True)


def _migrated(file: Path) -> tuple[list[str], Mapping[Path, tuple[str, str]]]:
    """Names of migrations; per file its text before and after.

    Raises:
        ConfigError: the file is no YAML, or would be none afterwards.
    """
    from gateway.config import document, migrations

    names, found = migrations.migrated(document.read(file, migrations.sections()))
    texts = {}
    for place, edits in found.items():
        before = place.read_bytes().decode()  # with its byte order mark, if it has one
        mark = "\ufeff" * before.startswith("\ufeff")
        after = mark + migrations.applied(before.removeprefix("\ufeff"), edits)
        if place == file:
            document.parse(after.encode(), file, migrations.sections())
        texts[place] = (before, after)
    return names, texts


def _written(file: Path, after: str) -> Path:
    """Write a file whole or not at all, with the rights it has; where the one before it is now."""
    known, scratch = file.stat(), file.with_name(f".{file.name}.new")
    with scratch.open("wb") as opened:
        opened.write(after.encode())
        opened.flush()
        os.fsync(opened.fileno())
    scratch.chmod(stat.S_IMODE(known.st_mode))
    if os.geteuid() == 0:
        os.chown(scratch, known.st_uid, known.st_gid)
    places = (file.with_name(f"{file.name}.bak{at or ''}") for at in range(MOST))
    kept = next(place for place in places if not place.exists())
    os.link(file, kept)  # the file itself, with its rights and times
    scratch.replace(file)
    return kept
