"""``edge-gateway model``: one file per subcommand, imported when it is asked for."""

from importlib import import_module

import click

COMMANDS = (
    *(
        "bench",
        "keygen",
        "new",
        "pack",
        "promote",
        "quantize",
        "rollback",
        "show",
        "sign",
        "stress",
    ),
    *("verify", "versions"),
)


class _Commands(click.Group):
    """Imports ``gateway.cli.model_<name>`` and takes its ``command``."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"gateway.cli.model_{cmd_name}").command
        return command


@click.group("model", cls=_Commands)
def command() -> None:
    """Model packages: make, check, sign, measure."""
