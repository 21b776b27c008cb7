"""The effective settings as a tree of plain values: what the daemon will really use."""

import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from enum import Enum
from pathlib import PurePath
from typing import Any

from gateway.config.problems import MASK
from gateway.config.settings import Settings
from gateway.core import durations
from gateway.core.guards import Deed
from gateway.core.hours import Hours
from gateway.core.paths import Path
from gateway.core.rules import Expression

_SECRET = re.compile(r"(^|_)(password|passphrase|secret|token|key)$")


def effective(settings: Settings, hidden: Collection[str] = ()) -> Mapping[str, Any]:
    """The settings, defaults filled in and secrets masked; ``hidden``: texts that are secrets."""
    tree = _without(plain(settings), {form for text in hidden for form in _forms(text)})
    assert isinstance(tree, dict)  # noqa: S101 - a dataclass becomes a dict
    for ours in ("broken_why", "snapshot", "changed"):
        tree.pop(ours)
    return tree


def secret(key: str, value: object) -> bool:
    """A plug-in has declared a secret by value."""
    return _SECRET.search(key) is not None and isinstance(value, str) and value != ""


def _forms(text: str) -> Iterator[str]:
    """A text as it may look once it was read."""
    yield text
    with suppress(ValueError):
        yield durations.render(durations.parse(text))
    with suppress(ValueError):
        yield str(float(text))


def _without(node: Any, hidden: Collection[str]) -> Any:
    if isinstance(node, dict):
        return {key: _without(one, hidden) for key, one in node.items()}
    if isinstance(node, list):
        return [_without(one, hidden) for one in node]
    return MASK if hidden and str(node) in hidden else node


def plain(value: object) -> Any:
    """Nouns as dicts; durations as the user writes them."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Expression | Hours | Deed | Path | PurePath):
        return value.text if isinstance(value, Expression | Hours) else str(value)
    if is_dataclass(value) and not isinstance(value, type):
        return dict(_field(field.name, getattr(value, field.name)) for field in fields(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, frozenset | list | tuple):
        items = [plain(item) for item in value]
        return sorted(items) if isinstance(value, frozenset) else items
    return value


def _field(name: str, value: object) -> tuple[str, Any]:
    if secret(name, value):
        return name, MASK
    if name == "keep_ms" and isinstance(value, Mapping):
        return "keep", {kind: durations.render(kept) for kind, kept in value.items()}
    if name.endswith("_ms") and isinstance(value, Mapping):
        return name.removesuffix("_ms"), {str(k): durations.render(v) for k, v in value.items()}
    if name.endswith("_ms") and isinstance(value, int):
        return name.removesuffix("_ms"), durations.render(value) if value else 0
    return name, plain(value)
