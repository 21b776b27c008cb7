"""Where every value of a configuration comes from.

That is a line of a file, a received section, the environment, a credential, or the default.
Values are written as one would write them in the file, under the file's own keys.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel

from gateway.config import delivery, jsonschema, loader, tree, validate
from gateway.config.jsonschema import size_of
from gateway.config.problems import MASK
from gateway.config.settings import Settings
from gateway.config.show import plain, secret
from gateway.config.tree import Document, Node, Place, Scalar
from gateway.core import durations
from gateway.core.interventions import Kind
from gateway.core.readings import Metric

Where = Literal["file", "received", "environment", "credential", "default"]


class Origin(NamedTuple):
    """Where a value comes from."""

    kind: Where
    file: str = ""
    line: int = 0
    """From 1; 0 where it is in no file."""
    name: str = ""
    """Of the variable or the credential."""

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}"
        if self.kind in ("file", "default"):
            said = place if self.kind == "file" else "default"
            return f"{said}, as {self.name} is not set" if self.name else said
        return f"{self.kind} {self.name} ({place})" if self.name else f"{self.kind}, {place}"


class Value(NamedTuple):
    """A value, and where it comes from."""

    place: Place
    text: str
    origin: Origin

    @property
    def key(self) -> str:
        """The way to it, as people write it: ``assets.pump-7.policy[0].do``."""
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.place)
        return "".join(steps).removeprefix(".")


def values(path: Path) -> list[Value]:
    """Every value of a file in force, in the order of the reference.

    Raises:
        BadFileError: with every problem of the file.
    """
    local, doc = loader.load_document(path)
    settings, received = local, Path()
    if local.updates is not None and local.updates.may:
        found = loader.completed(local, doc)
        received = delivery.configuration(local.updates.folder)
        if found.received:
            settings, doc = loader.load_over(local, doc, received.read_bytes(), received)
    root, _ = validate.validate(doc)
    assert root is not None  # noqa: S101 - it was found good
    return list(_Walk(doc, settings, received).section(root, ()))


@dataclass(frozen=True, slots=True)
class _Walk:
    doc: Document
    settings: Settings
    received: Path

    def section(self, section: BaseModel, place: Place) -> Iterator[Value]:
        """Every value of a section."""
        defaults = jsonschema.defaults_of(type(section))
        for name, field in type(section).model_fields.items():
            key = field.alias or name
            at, value = (*place, key), getattr(section, name)
            node = self.doc.node(at)
            if node is None or (isinstance(node, Scalar) and not node.text and not node.quoted):
                yield from self._default(at, value, defaults.get(key))
            else:
                yield from self._written(at, value, node)

    def _written(self, place: Place, value: Any, node: Node) -> Iterator[Value]:
        """What stands in a file, and the defaults of what is in it."""
        if isinstance(node, Scalar):
            yield Value(place, self._text(place, node), self._origin(place, node))
        elif isinstance(value, BaseModel):
            yield from self.section(value, place)
        elif isinstance(node, tree.Mapping):
            inner = value if isinstance(value, Mapping) else {}
            for key, one in node.items.items():
                yield from self._written((*place, key), inner.get(key), one)
        else:
            inside = value if isinstance(value, list | tuple) else ()
            for at, one in enumerate(node.items):
                entry = inside[at] if at < len(inside) else None
                yield from self._written((*place, at), entry, one)
        if not isinstance(node, Scalar) and not node.items:
            yield Value(place, "{}" if isinstance(node, tree.Mapping) else "[]",
                        self._origin(place, node))  # fmt: skip

    def _default(self, place: Place, value: Any, written: Any) -> Iterator[Value]:
        if isinstance(value, BaseModel):
            yield from self.section(value, place)
            return
        used = _used(self.settings, place)
        empty = value if isinstance(value, Mapping | tuple) else None
        said = next((one for one in (used, written, empty) if one is not None), None)
        yield Value(place, _said(said), Origin("default"))

    def _text(self, place: Place, node: Scalar) -> str:
        named = node.reference
        hide = named is not None and named.hidden
        return MASK if hide or secret(str(place[-1]), node.text) else node.text

    def _origin(self, place: Place, node: Node) -> Origin:
        file, line = self.doc.origin(place)
        kind: Where = "received" if file == self.received else "file"
        named = node.reference if isinstance(node, Scalar) else None
        if named is None:
            return Origin(kind, str(file), line)
        return Origin(kind if named.by_default else named.kind, str(file), line, named.name)


def _said(value: Any) -> str:
    """A default as it would be written."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_said(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_said, value)) + "]"
    return str(plain(value)) or '""'


_Use = Callable[[Settings, list[str]], Any]
_USED: Final[Mapping[tuple[str, ...], _Use]] = {
    ("gateway", "name"): lambda all_, _: all_.gateway_name,
    ("gateway", "broker"): lambda all_, _: all_.announce_broker,
    ("brokers", "*", "max_payload"): lambda all_, at: size_of(all_.brokers[at[1]].max_payload),
    ("brokers", "*", "session_expiry"): lambda all_, at: durations.render(
        all_.brokers[at[1]].session_expiry_s * 1000
    ),
    ("brokers", "*", "*"): lambda all_, at: getattr(all_.brokers[at[1]], at[2], None),
    ("sources", "*", "broker"): lambda all_, at: all_.sources[at[1]].broker,
    ("sources", "*", "limits", "max_payload"): lambda all_, at: size_of(
        all_.sources[at[1]].limits.max_payload
    ),
    ("sources", "*", "limits", "*"): lambda all_, at: getattr(all_.sources[at[1]].limits, at[3]),
    ("assets", "*", "name"): lambda all_, at: all_.assets[at[1]].name,
    ("assets", "*", "metrics", "*", "path"): lambda all_, at: _metric(all_, at).path,
    ("assets", "*", "metrics", "*", "kind"): lambda all_, at: _metric(all_, at).kind,
    ("assets", "*", "metrics", "*", "stale"): lambda all_, at: durations.render(
        _metric(all_, at).stale_ms
    ),
    ("assets", "*", "actions", "*", "expires"): lambda all_, at: durations.render(
        all_.assets[at[1]].actions[at[3]].expires_ms
    ),
    ("store", "path"): lambda all_, _: all_.store.path,
    ("store", "max_bytes"): lambda all_, _: size_of(all_.store.max_bytes),
    ("store", "min_free_bytes"): lambda all_, _: size_of(all_.store.min_free_bytes),
    ("store", "keep", "*"): lambda all_, at: durations.render(all_.store.keep(at[2])),
    ("people", "*", "default"): lambda all_, at: durations.render(
        all_.people[Kind(at[1])].default_ms
    ),
    ("people", "*", "most"): lambda all_, at: durations.render(all_.people[Kind(at[1])].most_ms),
}
"""What is used where nothing is written and the default depends on something else."""


def _metric(settings: Settings, place: list[str]) -> Metric:
    return settings.assets[place[1]].metrics[place[3]]


def _used(settings: Settings, place: Place) -> Any:
    for pattern, use in _USED.items():
        alike = zip(pattern, place, strict=False)
        if len(pattern) == len(place) and all(one in ("*", step) for one, step in alike):
            return use(settings, list(map(str, place)))
    return None
