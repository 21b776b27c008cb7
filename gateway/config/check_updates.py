"""Updates: what asks for them, and from where they come."""

from collections.abc import Iterator

from gateway.config.findings import Findings
from gateway.config.problems import Problem


def problems(found: Findings) -> Iterator[Problem]:
    """Models that are to be updated from nowhere, or in two ways."""
    for name, model in found.root.models.items():
        if model.updates is None:
            continue
        place = ("models", name, "updates")
        if found.root.updates is None:
            hint = "write a section updates: with url and root"
            yield found.at(place, "there is no repository to update from", hint, key=True)
        if model.candidate is not None:
            hint = "a model has candidate or updates"
            yield found.at(place, "its candidate is named here already", hint, key=True)
