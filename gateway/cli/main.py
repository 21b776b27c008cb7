"""``edge-gateway``: one file per command, imported when it is asked for.

Exit codes: 0 done; 1 the command found what it looks for to be wrong, or failed; 2 the user's file
or arguments are wrong; 130 interrupted.
"""

import sys

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
    "forget",
    "init",
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
def cli() -> None:
    """MQTT edge gateway: durable readings, local models, proven commands."""


def main() -> None:
    """Run the command line; errors of ours are one line, never a traceback."""
    try:
        cli(standalone_mode=True)
    except ConfigError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    except GatewayError as error:
        print(f"edge-gateway: {error}", file=sys.stderr)
        sys.exit(1)
