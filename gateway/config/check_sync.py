"""Clouds that are told: is there something to send, is what it needs there, can it be let in?"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from gateway import registry
from gateway.config import sinks
from gateway.config.findings import Findings
from gateway.config.problems import Problem
from gateway.config.settings import Settings, SyncSink
from gateway.config.sinks import SinkSection
from gateway.config.tree import Document, Place
from gateway.config.validate import said
from gateway.core import choices

TELLING = 30
"""Characters of a sink's kind at most."""


def problems(found: Findings) -> Iterator[Problem]:
    """What is wrong with ``cloud.sync``."""
    metrics = {
        name for asset in found.names("assets") for name in found.names("assets", asset, "metrics")
    }
    for name, entry in found.root.cloud.sync.items():
        place: Place = ("cloud", "sync", name)
        for asset in entry.assets:
            yield from found.unknown((*place, "assets"), "asset", asset, found.names("assets"))
        for metric in entry.metrics:
            yield from found.unknown((*place, "metrics"), "metric", metric, metrics)
        why = choices.problem(sinks.choice(entry, pseudonyms=False))
        if why:
            yield found.at((*place, "send"), why)
        yield from _refused(found, place, entry)


def _refused(found: Findings, place: Place, entry: SinkSection) -> Iterator[Problem]:
    try:
        sinks.settings(entry, found.doc.file.parent)
    except ValueError as error:
        message, hint, _ = said(error)
        yield found.at(place, f"{place[-1]!r}: {message}", hint, key=True)


def unsendable(
    settings: Settings, doc: Document, unreadable: Callable[[str], str]
) -> Iterator[Problem]:
    """What stands between a cloud and its rows on this machine; nothing is sent for it."""
    for name, sink in settings.sync.items():
        place: Place = ("cloud", "sync", name)
        for extra in sorted(set(missing(sink.kind))):
            yield doc.problem(
                (*place, "sink"),
                f"sink {sink.kind[:TELLING]!r} needs what is not installed",
                f"pip install 'edge-gateway[{extra}]'",
            )
        for key, file in _files(sink.settings):
            why = unreadable(file)
            if why:
                yield doc.problem((*place, key), f"{file}: {why}")


def missing(kind: str) -> list[str]:
    """The extras that have to be installed for a kind of sink."""
    home = import_module(registry.find("sinks", kind).__module__)
    needs: dict[str, str] = getattr(home, "NEEDS", {})
    return [extra for module, extra in needs.items() if find_spec(module) is None]


def _files(noun: Any) -> Iterator[tuple[str, str]]:
    for field in fields(noun):
        value = getattr(noun, field.name)
        if is_dataclass(value):
            yield from _files(value)
        elif field.name.endswith("_file") and isinstance(value, str) and value:
            yield field.name, value


def described(sink: SyncSink) -> dict[str, object]:
    """What ``check`` says that it makes."""
    limits = sink.allowance
    return {
        "sink": sink.kind,
        "lanes": [lane.value for lane in choices.lanes(sink.choice)],
        **sink.choice.tree(),
        "budget_bytes": limits.budget,
        "rate_bytes_per_s": limits.rate,
        "hours": limits.hours.text if limits.hours else None,
        "every_ms": sink.every_ms,
        "backfill": sink.backfill,
    }
