"""``edge-gateway model``: one file per subcommand, imported when it is asked for."""

import click

from gateway.cli.lazy import LazyGroup

COMMANDS = (
    *(
        "bench",
        "keygen",
        "new",
        "pack",
        "promote",
        "quantize",
        "rollback",
        "schema",
        "seal",
        "show",
        "sign",
        "stress",
    ),
    *("verify", "versions"),
)


class _Commands(LazyGroup):
    """Imports ``gateway.cli.model_<name>`` and takes its ``command``."""

    modules = "gateway.cli.model_"
    names = COMMANDS


@click.group("model", cls=_Commands)
def command() -> None:
    """Model packages: make, check, sign, measure."""
