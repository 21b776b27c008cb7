"""The reference of a package's manifest (docs/manifest.md), from its JSON Schema."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]

INTRODUCTION: Final = """\
# Manifest of a model package

Every key of `manifest.json`, the contract between a model and the gateway; what it means at work
is in [models](models.md), what can be computed from a window in [features](features.md). `[]` is
an element of a list, `*` any name of the kind that is described. Unknown keys are errors, but for
your own notes, which begin with `x-`. `edge-gateway model new` writes one, and
`edge-gateway model verify` checks it. This page is written
by `edge-gateway model schema --markdown`; a test fails when it is stale.
"""


def reference(schema: Schema) -> str:
    """The whole page: a section for each key of the top, a row for each key below it."""
    lines = [INTRODUCTION, *_plain(schema)]
    for key, entry in schema["properties"].items():
        if rows := list(_rows(entry, key)):
            lines += [f"## {key}", "", _sentence(entry), "", HEAD, *rows, ""]
    return "\n".join(lines).rstrip() + "\n"


HEAD: Final = "| key | value | default | meaning |\n|---|---|---|---|"


def _plain(schema: Schema) -> Iterator[str]:
    """The keys of the top: those with a section of their own lead there."""
    yield HEAD
    for key, entry in schema["properties"].items():
        title = f"[`{key}`](#{key})" if list(_rows(entry, key)) else f"`{key}`"
        yield _row(title, entry, required=key in schema.get("required", ()))
    yield ""


def _rows(entry: Schema, path: str) -> Iterator[str]:
    """A row for each key below ``path``, and for what lies below that."""
    for key, inner in entry.get("properties", {}).items():
        yield _row(f"`{path}.{key}`", inner, required=key in entry.get("required", ()))
        yield from _rows(inner, f"{path}.{key}")
    for inner in entry.get("patternProperties", {}).values():
        yield _row(f"`{path}.*`", inner, required=False)
        yield from _rows(inner, f"{path}.*")
    if "items" in entry:
        yield from _rows(entry["items"], f"{path}[]")


def _row(title: str, entry: Schema, *, required: bool) -> str:
    default = "required" if required else _literal(entry["default"]) if "default" in entry else ""
    return f"| {title} | {_value(entry)} | {default} | {_cell(entry)} |"


def _value(entry: Schema) -> str:
    """What may stand there, in a few words."""
    if "enum" in entry:
        return ", ".join(_literal(one) for one in entry["enum"])
    if "const" in entry:
        return _literal(entry["const"])
    kind = entry.get("type", "")
    kinds = [kind] if isinstance(kind, str) else kind
    words = " or ".join(_WORDS.get(one, one) for one in kinds)
    if "items" in entry and "properties" not in entry["items"]:
        words = f"{words} of {_value(entry['items'])}"
    return f"{words}{_bounds(entry)}"


_WORDS: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "whole number",
    "object": "keys",
    "array": "list",
    "boolean": "yes or no",
}


def _bounds(entry: Schema) -> str:
    low = entry.get("minimum", entry.get("exclusiveMinimum"))
    high = entry.get("maximum", entry.get("exclusiveMaximum"))
    more = "more than " if "exclusiveMinimum" in entry else "from " if low is not None else ""
    from_ = f" {more}{low}" if low is not None else ""
    return from_ + (f" to {high}" if high is not None else "")


def _literal(value: object) -> str:
    return f"`{json.dumps(value)}`" if not isinstance(value, str) or not value else f"`{value}`"


def _cell(entry: Schema) -> str:
    return str(entry.get("description", "")).replace("|", "\\|")


def _sentence(entry: Schema) -> str:
    said = _cell(entry)
    return f"{said[:1].upper()}{said[1:]}."
