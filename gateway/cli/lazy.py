"""A group whose commands are files of their own, imported when they are asked for."""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module

import click


class LazyGroup(click.Group):
    """Imports ``<prefix><name>`` and takes its ``command``."""

    modules: str
    """Prefix of the modules, e.g. ``gateway.cli.``."""
    names: Sequence[str]

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every name, in order."""
        del ctx
        return sorted(self.names)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that the arguments name; a mistyped one is answered with the nearest."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            near = get_close_matches(args[0], self.names, n=1)
            if not near or near[0] in error.message:
                raise
            raise click.UsageError(f"{error.message} Did you mean {near[0]!r}?", ctx) from error

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None when there is none."""
        del ctx
        if cmd_name not in self.names:
            return None
        command: click.Command = import_module(
            f"{self.modules}{cmd_name.replace('-', '_')}"
        ).command
        return command
