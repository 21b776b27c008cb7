"""``edge-gateway``: one file per command, imported when it is asked for.

Exit codes (docs/exit-codes.md): 0 done; 1 the command found what it looks for to be wrong, or
failed; 2 the user's file or arguments are wrong; 130 interrupted.
"""

import os
import sys
from types import TracebackType
from typing import Final

import click

from gateway import __version__
from gateway.cli.lazy import LazyGroup
from gateway.errors import ConfigError, GatewayError

COMMANDS = (
    "alert",
    "acknowledge",
    "audit",
    "calibrate",
    "check",
    "commands",
    "completion",
    "config",
    "decode",
    "demo",
    "devices",
    "doctor",
    "explain",
    "fail-safe",
    "export",
    "feedback",
    "fleet",
    "flight-recorder",
    "forget",
    "init",
    "log-level",
    "maintenance",
    "mode",
    "model",
    "override",
    "password",
    "pseudonym",
    "quarantine",
    "query",
    "readings",
    "receiver",
    "reload",
    "replay",
    "repo",
    "resume",
    "run",
    "standing",
    "status",
    "stop",
    "support-bundle",
    "sync",
    "tail",
    "test",
    "update",
)


class _Commands(LazyGroup):
    """Imports ``gateway.cli.<name>`` and takes its ``command``."""

    modules = "gateway.cli."
    names = COMMANDS


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="edge-gateway")
@click.option(
    "--traceback", is_flag=True, expose_value=False, help="Show where an unexpected error happened."
)
def cli() -> None:
    """MQTT edge gateway: durable readings, local models, proven commands."""


def main() -> None:
    """Run the command line; errors are one line, and a traceback only for those who ask."""
    words = set(sys.argv[1:])
    if not words & {"--traceback", *_LIVING} and not os.environ.get("EDGE_GATEWAY_TRACEBACK"):
        sys.excepthook = _tell
    try:
        sys.exit(cli(prog_name="edge-gateway", standalone_mode=False))
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except click.Abort:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except GatewayError as error:
        print(f"edge-gateway: {error}", file=sys.stderr)
        sys.exit(1)


INTERRUPTED: Final = 130
_LIVING: Final = ("run", "receiver")
"""What they end with stands in a journal, where nobody can ask again."""


def _tell(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Say in one line what nobody expected; the interpreter exits with 1."""
    del trace
    if isinstance(error, OSError):
        about = f"{error.filename}: " if error.filename else ""
        print(f"edge-gateway: {about}{error.strerror or error}", file=sys.stderr)
        return
    said = str(error).partition("\n")[0]
    print(
        f"edge-gateway: a mistake of this program: {kind.__name__}: {said}\n"
        "  edge-gateway --traceback ... shows where; please report it",
        file=sys.stderr,
    )
