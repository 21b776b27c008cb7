"""The JSON Schema for editors, to which a tag is nothing, and what it is before a text.

So a mapping or a list may be a file's name, and a number a variable's. This is what lies as
``config/edge-gateway.schema.json``; a configuration names it in its first line.
"""

import json
from typing import Any, Final

from gateway.config import jsonschema
from gateway.config.jsonschema import Schema

_INCLUDED: Final[Schema] = {
    "type": "string",
    "pattern": r"\.ya?ml$",
    "description": "!include FILE: what another file says; relative to this one.",
}
_NAMED: Final[Schema] = {
    "type": "string",
    "pattern": "^[A-Z][A-Z0-9_]*( .+)?$",
    "description": "!env NAME [DEFAULT]: what a variable of the environment says.",
}
_MANY: Final = ("object", "array")
_HOLDING: Final = ("properties", "patternProperties")


def text() -> str:
    """The file that editors read."""
    return json.dumps(schema(), indent=1, ensure_ascii=False) + "\n"


def schema() -> Schema:
    """The whole file's schema, with what tags make of it."""
    whole = jsonschema.schema()
    defs: Schema = whole["$defs"]
    return {**_inside(whole, defs), "$defs": {
        **{name: _inside(one, defs) for name, one in defs.items()},
        "Included": _INCLUDED,
        "Named": _NAMED,
    }}  # fmt: skip


def _inside(node: Any, defs: Schema) -> Any:
    """A schema whose values may be tags."""
    if not isinstance(node, dict):
        return node
    made = dict(node)
    for word in _HOLDING:
        if isinstance(node.get(word), dict):
            made[word] = {key: _value(one, defs) for key, one in node[word].items()}
    if isinstance(node.get("items"), dict):
        made["items"] = _value(node["items"], defs)
    for word in ("anyOf", "oneOf"):
        if word in node:
            made[word] = [_inside(one, defs) for one in node[word]]
    return made


def _value(node: Schema, defs: Schema) -> Schema:
    """A value, or what a tag stands for in its place."""
    kinds = set(_kinds(node, defs))
    tags = [{"$ref": "#/$defs/Included"}] if kinds & set(_MANY) else []
    tags += [{"$ref": "#/$defs/Named"}] if kinds & {"number", "choice"} else []
    inner: Schema = _inside(node, defs)
    if not tags:
        return inner
    if "anyOf" in inner:
        return {**inner, "anyOf": [*inner["anyOf"], *tags]}
    told: Schema = {key: inner.pop(key) for key in ("description", "default") if key in inner}
    return {**told, "anyOf": [inner, *tags]}


def _kinds(node: Schema, defs: Schema) -> list[str]:
    """What a value may be: ``object``, ``array``, ``number``, ``choice`` of words, ``text``."""
    if "$ref" in node:
        return _kinds(defs[node["$ref"].rpartition("/")[2]], defs)
    branches = [*node.get("anyOf", ()), *node.get("oneOf", ())]
    if branches:
        return [kind for one in branches for kind in _kinds(one, defs)]
    if "enum" in node or "const" in node or "pattern" in node:
        return ["choice"]
    kind = node.get("type", "text")
    return ["number"] if kind in ("integer", "number", "boolean") else [kind]
