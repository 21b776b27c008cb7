"""(room, kind) -> class: the built-in module of that name, else an entry point.

The file's name is the kind, and the class is named after the room's role: ``bridges/tasmota.py``
has ``Bridge``. Others add theirs as an entry point of the group ``gateway.bridges``. A module is
imported when its kind is asked for, never to list it: a Pi pays for what its file names.
"""

import re
from difflib import get_close_matches
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint, EntryPoints

ROLES = {"bridges": "Bridge", "models": "Model", "sinks": "Sink"}

_KIND = re.compile(r"[a-z][a-z0-9_]*")


def find(room: str, kind: str) -> type:
    """Give the class of a kind.

    Raises:
        ConfigError: there is no such kind, or it cannot be loaded.
    """
    role = ROLES[room]
    if _KIND.fullmatch(kind):
        if kind in _built_in(room):
            return _class(getattr(import_module(f"gateway.{room}.{kind}"), role), kind)
        for point in _points(room).select(name=kind):
            return _plugged(point)
    raise ConfigError(f"unknown {role.lower()} {kind!r}{_hint(kind, kinds(room))}")


def kinds(room: str) -> tuple[str, ...]:
    """List the kinds of a room, sorted, built-in and plugged in."""
    plugged = {point.name for point in _points(room)}
    return tuple(sorted({*_built_in(room), *plugged}))


@cache  # a file names the same few kinds in each metric, and the texts are read for it
def _built_in(room: str) -> tuple[str, ...]:
    """Names of the modules that have the role's class, by their text: nothing is imported."""
    entries = Path(import_module(f"gateway.{room}").__path__[0]).iterdir()
    return tuple(entry.name.removesuffix(".py") for entry in entries if _plays(entry, ROLES[room]))


def _plays(entry: Path, role: str) -> bool:
    """A file defines the class; a small package names it in its ``__init__.py``."""
    if not _KIND.fullmatch(entry.name.removesuffix(".py")):
        return False
    if entry.is_dir():
        front = entry.joinpath("__init__.py")
        return front.is_file() and re.search(rf"\b{role}\b", _read(front)) is not None
    return entry.name.endswith(".py") and f"\nclass {role}" in _read(entry)


def _read(entry: Path) -> str:
    return entry.read_text(encoding="utf-8")


def _points(room: str) -> "EntryPoints":
    """What is plugged in; the daemon, whose kinds are built in, need not import what finds it."""
    from importlib.metadata import entry_points

    return entry_points(group=f"gateway.{room}")


def _plugged(point: "EntryPoint") -> type:
    try:
        return _class(point.load(), point.name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"plug-in {point.name!r} cannot be loaded: {error}") from error


def _class(found: object, kind: str) -> type:
    if not isinstance(found, type):
        raise ConfigError(f"plug-in {kind!r} names no class")
    return found


def _hint(kind: str, known: tuple[str, ...]) -> str:
    near = get_close_matches(kind, known, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
