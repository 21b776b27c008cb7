"""The user's file: which one a command means, and where its database is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

VARIABLE: Final = "EDGE_GATEWAY_CONFIG"
"""Names the file of every command that is told none."""
CONFIG: Final = Path("/etc/edge-gateway/gateway.yaml")
"""It, when the variable is not set either."""
_PATH: Final = click.Path(path_type=Path)

Command = TypeVar("Command", bound=Callable[..., Any])

file_argument = click.argument("file", type=_PATH, default=CONFIG, envvar=VARIABLE)


def config_option(told: str = "The user's file.") -> Callable[[Command], Command]:
    """``--config``, as ``path``."""
    return click.option(
        "--config",
        "path",
        metavar="FILE",
        type=_PATH,
        default=CONFIG,
        envvar=VARIABLE,
        show_default=True,
        show_envvar=True,
        help=told,
    )


def database_options(command: Command) -> Command:
    """``--config`` and ``--db``, as ``path`` and ``db``: what ``database`` takes."""
    command = click.option("--db", metavar="FILE", type=_PATH, help="The database itself.")(command)
    return config_option("The user's file, for the database's place.")(command)


def database(path: Path, db: Path | None) -> Path:
    """The path of the database: as given, or as the user's file says.

    Raises:
        ConfigError: the file is wrong.
    """
    if db is not None:
        return db
    from gateway.config import load_part

    return load_part(path, "gateway", "brokers", "store").store.path
