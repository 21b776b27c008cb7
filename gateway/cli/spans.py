"""Durations as options of commands: ``30s``, ``10m``."""

from typing import Final

import click

from gateway.core import durations


class _Span(click.ParamType[int]):
    name = "duration"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int:
        """Milliseconds."""
        if isinstance(value, int):
            return value
        try:
            return durations.parse(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


SPAN: Final = _Span()
"""Gives milliseconds."""
