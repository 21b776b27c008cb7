"""Sources: their brokers, their bridges' own rules, and filters that take each other's messages."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

from gateway.config import build, sources, tree
from gateway.config.findings import Findings
from gateway.config.problems import Problem, choices
from gateway.config.sources import SourceSection
from gateway.config.tree import Place
from gateway.config.validate import said
from gateway.core import topics
from gateway.core.ports import Bridge
from gateway.errors import ConfigError


class _Filter(NamedTuple):
    source: str
    broker: str
    filter: str


def bridges(found: Findings) -> tuple[Mapping[str, Bridge], list[Problem]]:
    """The bridges of the sources; those that refuse their settings are left out."""
    made: dict[str, Bridge] = {}
    problems: list[Problem] = []
    for name, entry in found.root.sources.items():
        try:
            made[name] = construct(name, entry, found)
        except (ValueError, ConfigError) as error:
            problems.append(_refused(found, name, entry, error))
    return made, problems


def problems(found: Findings, made: Mapping[str, Bridge]) -> Iterator[Problem]:
    """What is wrong between sources and brokers, and between sources."""
    brokers = found.names("brokers")
    yield from _brokers(found, brokers)
    filters: list[_Filter] = []
    for name, entry in found.root.sources.items():
        yield from _broker(found, ("sources", name), entry, brokers)
        if name in made:
            broker = entry.broker or next(iter(brokers), "")
            filters += [_Filter(name, broker, one.filter) for one in made[name].subscriptions()]
    yield from _filters(found, filters)


def _brokers(found: Findings, brokers: Sequence[str]) -> Iterator[Problem]:
    if not brokers:
        hint = "name one, as in brokers: {local: {host: localhost}}"
        yield found.at(("brokers",), "there are no brokers", hint, key=True)
    elif found.root.gateway.broker:
        place: Place = ("gateway", "broker")
        yield from found.unknown(place, "broker", found.root.gateway.broker, brokers)


def construct(name: str, entry: SourceSection, found: Findings) -> Bridge:
    """Make the bridge of a source.

    Raises:
        ValueError, ConfigError: its settings do not fit together.
    """
    made = build.source(name, entry, found.root)
    bridge: Bridge = sources.bridge_of(made.kind)(name, made.settings)
    return bridge


def _broker(
    found: Findings, place: Place, entry: SourceSection, brokers: Sequence[str]
) -> Iterator[Problem]:
    if entry.broker:
        yield from found.unknown((*place, "broker"), "broker", entry.broker, brokers)
    elif len(brokers) > 1:
        which = f"there are {choices(brokers)}"
        yield found.at(place, f"{place[-1]!r}: 'broker' is missing", which, key=True)


def _refused(found: Findings, name: str, entry: SourceSection, error: Exception) -> Problem:
    """Blame the one setting without which the bridge would be content, else the source."""
    message, hint, offset = said(error)
    for key in found.names("sources", name):
        if key not in SourceSection.model_fields and _content_without(key, name, entry, found):
            place: Place = ("sources", name, key)
            scalar = isinstance(found.doc.node(place), tree.Scalar)
            return found.doc.problem(
                place, f"{key!r}: {message}", hint, offset=offset if scalar else None
            )
    return found.at(("sources", name), f"{name!r}: {message}", hint, key=True)


def _content_without(key: str, name: str, entry: SourceSection, found: Findings) -> bool:
    field = type(entry).model_fields.get(key)
    if field is None or field.is_required():
        return False
    default = field.get_default(call_default_factory=True)
    try:
        construct(name, entry.model_copy(update={key: default}), found)
    except (ValueError, ConfigError):
        return False
    return True


def _filters(found: Findings, filters: Sequence[_Filter]) -> Iterator[Problem]:
    own = f"edge/{found.root.gateway.id}/#"
    for one in filters:
        place = _place(found, one.source)
        wrong = _wrong(one.filter)
        if wrong:
            message = f"{one.source!r}: filter {one.filter!r}: {wrong}"
            yield found.at(place, message, key=place[-1] == one.source)
        elif topics.overlaps(one.filter, own):
            message = f"{one.source!r}: filter {one.filter!r} takes our own topics ({own}) too"
            hint = "name a narrower filter"
            yield found.at(place, message, hint, key=place[-1] == one.source)
    for one, other in combinations(filters, 2):
        if one.source == other.source or one.broker != other.broker:
            continue
        if topics.overlaps(one.filter, other.filter):
            yield _overlap(found, one, other)


def _overlap(found: Findings, one: _Filter, other: _Filter) -> Problem:
    line = found.doc.key_line(("sources", one.source))
    message = (
        f"{other.source!r} subscribes to {other.filter!r}, which overlaps {one.filter!r} of"
        f" {one.source!r} (line {line}): each message belongs to one source"
    )
    place = _place(found, other.source)
    return found.at(place, message, key=place[-1] == other.source)


def _place(found: Findings, source: str) -> Place:
    """Where a source says what it subscribes to, if it does."""
    for key in ("subscribe", "topic", "base"):
        if found.doc.node(("sources", source, key)) is not None:
            return ("sources", source, key)
    return ("sources", source)


def _wrong(filter_: str) -> str:
    """Why a filter is none (MQTT 5.0 section 4.7); empty when it is one."""
    levels = filter_.split("/")
    if not filter_ or "\0" in filter_:
        return "is empty" if not filter_ else "holds a null character"
    if any("+" in level and level != "+" for level in levels):
        return "'+' stands for a whole level"
    if any("#" in level and level != "#" for level in levels) or "#" in levels[:-1]:
        return "'#' stands for the last levels only"
    return ""
