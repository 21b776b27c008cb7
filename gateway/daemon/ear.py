"""Ear: who hears what is announced, beside the subscribers."""

from collections.abc import Mapping
from typing import Protocol

from gateway.core.commands import Command
from gateway.core.verdicts import Decision


class Ear(Protocol):
    """Another way out: called on the loop, in the turn that stores what it is told of."""

    def decision(self, made: Decision) -> None:
        """A decision was made; never one in shadow."""
        ...

    def command(self, order: Command) -> None:
        """A command has a new state."""
        ...

    def fresh(self, asset: str, *, fresh: bool) -> None:
        """Whether anything fresh is known of an asset; said again when a broker is back."""
        ...

    def event(self, kind: str, keys: Mapping[str, object]) -> None:
        """Something happened to the gateway itself."""
        ...
