"""``edge-gateway audit``: one file per subcommand, imported when it is asked for."""

import click

from gateway.cli.lazy import LazyGroup

COMMANDS = ("export", "show", "verify")


class _Commands(LazyGroup):
    """Imports ``gateway.cli.audit_<name>`` and takes its ``command``."""

    modules = "gateway.cli.audit_"
    names = COMMANDS


@click.group("audit", cls=_Commands)
def command() -> None:
    """The chain of records: what was decided, commanded, changed, and by whom."""
