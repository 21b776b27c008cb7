"""Holds a JSON tree against ``manifest.schema.json``, and reports every problem at once.

The published schema is the only description of a manifest: editors read it and this module applies
it, so the two cannot disagree. The keywords known here are listed in ``KEYWORDS``; a test refuses a
schema that uses another. A whole JSON Schema library would cost the worker 10 MB for these few.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

Schema = Mapping[str, Any]
MAX_INTEGER: Final = 2**53
"""The largest whole number that every JSON reader agrees on (RFC 8259, section 6)."""


class Problem(NamedTuple):
    """One thing that is wrong, and what to do about it."""

    file: str
    field: str
    expected: str
    found: str
    advice: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.field}" if self.field else self.file
        return f"{place}: expected {self.expected}, found {self.found}; {self.advice}"


def is_number(value: object) -> bool:
    """A finite JSON number; a bool is not one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) if isinstance(value, float) else abs(value) <= MAX_INTEGER


def is_integer(value: object) -> bool:
    """A whole JSON number, written without a point."""
    return isinstance(value, int) and is_number(value)


def matches(pattern: str, text: str) -> bool:
    """ECMA semantics: ``$`` is the end of the text, not the place before a last line feed."""
    return re.search(pattern, text) is not None and not text.endswith("\n")


_TYPES: Final[Mapping[str, Callable[[object], bool]]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "number": is_number,
    "integer": is_integer,
    "null": lambda value: value is None,
}

_LIMITS: Final[Mapping[str, tuple[Callable[[Any, Any], bool], str]]] = {
    "const": (lambda value, limit: value == limit and type(value) is type(limit), "{}"),
    "enum": (lambda value, limit: value in limit, "one of {}"),
    "pattern": (lambda value, limit: matches(limit, value), "text that matches {}"),
    "minLength": (lambda value, limit: len(value) >= limit, "at least {} characters"),
    "minimum": (lambda value, limit: value >= limit, "at least {}"),
    "exclusiveMinimum": (lambda value, limit: value > limit, "more than {}"),
    "maximum": (lambda value, limit: value <= limit, "at most {}"),
    "minItems": (lambda value, limit: len(value) >= limit, "at least {} items"),
    "maxItems": (lambda value, limit: len(value) <= limit, "at most {} items"),
    "maxProperties": (lambda value, limit: len(value) <= limit, "at most {} entries"),
}

KEYWORDS: Final = frozenset(_LIMITS) | {
    *("type", "properties", "required", "additionalProperties", "patternProperties", "items"),
    *("description", "default", "title", "$schema", "$id"),
}


def problems(tree: object, schema: Schema, file: str, field: str = "") -> Iterator[Problem]:
    """Yield everything in ``tree`` that ``schema`` forbids, outermost first."""

    def problem(expected: str, found: str, advice: str = "") -> Problem:
        return Problem(file, field, expected, found, advice or str(schema.get("description", "")))

    types = schema.get("type", [])
    types = [types] if isinstance(types, str) else types
    if types and not any(_TYPES[name](tree) for name in types):
        yield problem(" or ".join(types), shown(tree))
        return
    for keyword, (holds, text) in _LIMITS.items():
        if keyword in schema and not holds(tree, schema[keyword]):
            yield problem(text.format(shown(schema[keyword], 200)), shown(tree))
            return
    if isinstance(tree, dict):
        yield from _entries(tree, schema, file, field, problem)
    if isinstance(tree, list) and "items" in schema:
        for index, item in enumerate(tree):
            yield from problems(item, schema["items"], file, f"{field}[{index}]")


def _entries(
    tree: Mapping[str, object],
    schema: Schema,
    file: str,
    field: str,
    problem: Callable[[str, str, str], Problem],
) -> Iterator[Problem]:
    known: Mapping[str, Schema] = schema.get("properties", {})
    patterns: Mapping[str, Schema] = schema.get("patternProperties", {})
    for name in schema.get("required", ()):
        if name not in tree:
            advice = (known.get(name) or {}).get("description", f"add {name}")
            yield problem(f"the entry {name!r}", "none", str(advice))
    for name, value in tree.items():
        inner = known.get(name) or next((s for p, s in patterns.items() if matches(p, name)), None)
        if inner is not None:
            yield from problems(value, inner, file, f"{field}.{name}" if field else name)
        elif schema.get("additionalProperties") is False:
            near = get_close_matches(name, known, 1)
            advice = f"did you mean {near[0]!r}?" if near else "remove or rename it"
            yield problem("no other entries", shown(name), advice)


def shown(value: object, limit: int = 60) -> str:
    """A value as the user wrote it, shortened."""
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= limit else text[: limit - 3] + "..."
