"""Alerts: do the assets exist, can something be sent, does each file hold addresses?"""

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Final

from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.settings import Settings
from gateway.config.tree import Document, Place

EXTRA: Final = "pip install 'edge-gateway[alerts]'"


def problems(found: Findings) -> Iterator[Problem]:
    """Names of assets that are not in the file."""
    listed = found.doc.node(("alerts", 0)) is not None
    for at, entry in enumerate(found.root.alerts):
        place: Place = ("alerts", at, "assets") if listed else ("alerts",)
        for name in entry.assets:
            yield from found.unknown(place, "asset", name, found.names("assets"))


def unsendable(
    settings: Settings, doc: Document, unreadable: Callable[[str], str]
) -> Iterator[Problem]:
    """What stands between an alert and a person on this machine; nothing is sent for it."""
    if settings.alerts and find_spec("apprise") is None:
        yield doc.problem(("alerts",), "alerts are sent by Apprise, which is missing", EXTRA)
    for at, route in enumerate(settings.alerts):
        why = unreadable(route.to_file)
        if why:
            yield doc.problem(("alerts", at, "to_file"), f"{route.to_file}: {why}")
