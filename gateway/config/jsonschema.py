"""The JSON Schema for editors, from the models that check the file."""

import ast
import inspect
import textwrap
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any

from pydantic import BaseModel

from gateway import registry
from gateway.config import sinks, sources
from gateway.config.root import Root
from gateway.core import durations

Schema = dict[str, Any]
URL = "https://json-schema.org/draft/2020-12/schema"


def schema() -> Schema:
    """The whole file's schema; sources are one of the bridges' own."""
    whole = _described(Root)
    defs: Schema = whole.setdefault("$defs", {})
    bridges = {kind: sources.section(kind) for kind in registry.kinds("bridges")}
    clouds = {kind: sinks.section(kind) for kind in registry.kinds("sinks")}
    _plug(whole["properties"]["sources"], defs, "source", bridges)
    _plug(defs["CloudSection"]["properties"]["sync"], defs, "sink", clouds)
    whole["properties"]["brokers"]["minProperties"] = 1
    whole["required"] = ["gateway", "brokers"]
    tls = defs["BrokerSection"]["properties"]["tls"]
    tls["anyOf"] = [{"type": "boolean"}, {"$ref": "#/$defs/TlsSection"}]
    new = defs["ModelSection"]["properties"]["updates"]
    new["anyOf"] = [{"type": "boolean"}, {"$ref": "#/$defs/DeliveredSection"}]
    tidied: Schema = _tidy({"$schema": URL, **whole})
    return tidied


def _plug(entry: Schema, defs: Schema, role: str, models: Mapping[str, type[BaseModel]]) -> None:
    """Let the entries of a mapping be one of the plug-ins' own."""
    one_of = []
    for kind, model in models.items():
        section = _described(model)
        defs |= section.pop("$defs", {})
        defs[f"{role}_{kind}"] = section
        one_of.append({"$ref": f"#/$defs/{role}_{kind}"})
    (pattern,) = entry["patternProperties"]
    entry["patternProperties"][pattern] = {"oneOf": one_of}


def _tidy(node: Any) -> Any:
    """Leave out null: a key without a value is a mistake, so it is no choice for an editor."""
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidy = {key: _tidy(item) for key, item in node.items()}
    if tidy.get("default", ...) is None or isinstance(tidy.get("default"), dict):
        del tidy["default"]
    if "patternProperties" in tidy:
        tidy["additionalProperties"] = False
    branches = [one for one in tidy.get("anyOf", ()) if one != {"type": "null"}]
    if len(branches) == 1:
        del tidy["anyOf"]
        return {**branches[0], **tidy}
    return {**tidy, "anyOf": branches} if branches else tidy


def _described(model: type[BaseModel]) -> Schema:
    made = model.model_json_schema(by_alias=True)
    _describe(made, model)
    for inner in _models(model):
        part = made.get("$defs", {}).get(inner.__name__)
        if part is not None:
            _describe(part, inner)
    return made


def _models(model: type[BaseModel]) -> set[type[BaseModel]]:
    """Every section below a section, in the order of need to know none."""
    found: set[type[BaseModel]] = set()
    todo: list[Any] = [field.annotation for field in model.model_fields.values()]
    while todo:
        hint = todo.pop()
        if isinstance(hint, type) and issubclass(hint, BaseModel):
            if hint not in found:
                found.add(hint)
                todo += [field.annotation for field in hint.model_fields.values()]
        else:
            todo += list(getattr(hint, "__args__", ()))
    return found


def _describe(made: Schema, model: type[BaseModel]) -> None:
    """Put the docstrings under the fields in, and write defaults as a user would."""
    docs = docs_of(model)
    names = {field.alias or name: name for name, field in model.model_fields.items()}
    made["title"] = made.get("title", "").removesuffix("Section") or model.__name__
    for key, entry in made.get("properties", {}).items():
        entry.pop("title", None)
        described = docs.get(names.get(key, key)) or docs.get(key)
        if described:
            entry["description"] = described
        if "default" in entry:
            entry["default"] = _written(entry)


def docs_of(model: type[BaseModel]) -> Mapping[str, str]:
    """The docstring under each field of a section, and of the bridge's dataclass behind it."""
    docs: dict[str, str] = {}
    noun = getattr(model, "noun", None)
    for base in (*reversed(model.__mro__), *([noun] if noun else [])):
        if base.__module__.startswith("pydantic") or base is object:
            continue
        docs |= _docs(base)
    return docs


@cache
def defaults_of(model: type[BaseModel]) -> Mapping[str, Any]:
    """The defaults of a section by key, as a user would write them."""
    entries: Mapping[str, Schema] = _described(model).get("properties", {})
    return {key: entry.get("default") for key, entry in entries.items()}


@cache
def _docs(of: type) -> dict[str, str]:
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(of)))
    except (OSError, TypeError):  # made by create_model, or installed without its source
        return {}
    body = tree.body[0].body if isinstance(tree.body[0], ast.ClassDef) else []
    found: dict[str, str] = {}
    for field, doc in pairwise(body):
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
            value = getattr(getattr(doc, "value", None), "value", None)
            if isinstance(value, str):
                found[field.target.id] = " ".join(value.split())
    return found


def _written(entry: Schema) -> Any:
    """A default in the user's words: 15000 ms is 15s."""
    default, branches = entry["default"], [entry, *entry.get("anyOf", [])]
    example = next((one["examples"][0] for one in branches if "examples" in one), "")
    if example == "15m" and isinstance(default, int):
        return durations.render(default)
    if example == "2GiB" and isinstance(default, int):
        return size_of(default)
    if example == "3 of 5" and default is not None:
        return f"{default[0]} of {default[1]}"
    return default


def size_of(count: int) -> str:
    """Bytes in the user's words: 2147483648 is 2GiB."""
    if not count:
        return "0"
    power = next(one for one in (30, 20, 10, 0) if count % (1 << one) == 0)
    return f"{count >> power}{ {30: 'GiB', 20: 'MiB', 10: 'KiB', 0: ''}[power] }"
