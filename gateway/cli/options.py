"""Options that commands have in common: whose file, whose database."""

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

import click

from gateway.cli.tables import CONFIG

Command = TypeVar("Command", bound=Callable[..., None])

FILE: Final = click.Path(path_type=Path, dir_okay=False)
of_gateway: Final = click.option(
    "--config",
    "path",
    type=FILE,
    default=CONFIG,
    show_default=True,
    help="The user's file.",
)
"""Of a command that asks the gateway of a file."""


def of_database(command: Command) -> Command:
    """Of a command that reads the database of a file, or one that is named itself."""
    command = click.option("--db", type=FILE, help="The database itself.")(command)
    help_ = "The user's file, for the database's place."
    return click.option("--config", type=FILE, help=help_)(command)
