"""The effective settings as a tree of plain values: what the daemon will really use."""

import re
from collections.abc import Mapping
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


def effective(settings: Settings) -> Mapping[str, Any]:
    """The settings, defaults filled in and secrets masked."""
    tree = plain(settings)
    assert isinstance(tree, dict)  # noqa: S101 - a dataclass becomes a dict
    for ours in ("broken_why", "snapshot", "changed"):
        tree.pop(ours)
    return tree


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
    if _SECRET.search(name) and isinstance(value, str) and value:
        return name, MASK
    if name == "keep_ms" and isinstance(value, Mapping):
        return "keep", {kind: durations.render(kept) for kind, kept in value.items()}
    if name.endswith("_ms") and isinstance(value, Mapping):
        return name.removesuffix("_ms"), {str(k): durations.render(v) for k, v in value.items()}
    if name.endswith("_ms") and isinstance(value, int):
        return name.removesuffix("_ms"), durations.render(value) if value else 0
    return name, plain(value)
