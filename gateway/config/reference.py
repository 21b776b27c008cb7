"""The reference of every key, as Markdown, from the same models: ``docs/configuration.md``."""

from collections.abc import Iterator, Mapping
from typing import Any

from gateway import registry
from gateway.config import jsonschema

INTRODUCTION = """\
# Configuration

One YAML file configures the gateway. `edge-gateway check FILE` shows every mistake in it, each with
its line and column, and what the file makes; `edge-gateway config show FILE` prints the settings
with all defaults, with `--origin` where each comes from; `edge-gateway config schema` prints a JSON
Schema for editors. This page is
written by `edge-gateway config reference`; a test fails when it is stale.

## How values are written

| kind | looks like | note |
|---|---|---|
| text | `pump plug`, `"OFF"`, `0x00158d0001825500` | `ON`, `0101`, `12:34`, `3.10` stay |
| duration | `500ms`, `30s`, `15m`, `3h`, `90d`, `2w`, `2y` | a year is 365 days |
| size | `512MiB`, `2GiB`, `10MB`, `4096` | |
| range | `[0, 4000]` | lowest, highest |
| frequency | `12000 Hz`, `12.8 kHz` | |
| count | `3 of 5` | three of the last five |
| device | `zigbee/line 3/pump plug` | a source, a slash, the device as its bridge calls it |
| path | `object.temperature`, `"odd.key".x`, `list[3]`, `list[flag=AI1].value` | in a message |
| rule | `temperature > 90 and mean(vibration, 15m) > 4` | see below |
| file | `ttn.secret`, `/etc/ca.pem` | relative to the configuration file |

A value under `set` or `options` has the type it looks like (`true`, `50`, `0.3`) unless it is
quoted; anything else is text. Duplicate keys are errors. Anchors, aliases and merge keys are
refused, and all tags but `!include`, `!env` and `!credential`
([several files, variables, credentials](config-files.md)). Secrets are never in this file: it names
the file that holds one.

## Rules

Numbers, quoted texts, `true`, `false`, metric names (in backticks when they hold anything but
letters, digits, `_` and dots), `< <= > >= == !=`, `+ - * /`, `and`, `or`, `not`, parentheses, and
these functions of a metric:

| function | gives |
|---|---|
| `min(power, 15m)`, `max(power, 15m)`, `mean(power, 15m)` | over the good readings of that time |
| `rate(power, 15m)` | change per second from the first to the last of them |
| `count(power, 15m)` | how many there were |
| `age(power)` | seconds since the newest |
| `rms(vibration)`, `peak(...)`, `crest(...)`, `kurtosis(...)` | of the newest samples of a signal |

A metric that is stale or was never seen is *unknown*, and so is what is computed from it.
`unknown and false` is false, `unknown or true` is true; a verdict whose rule is unknown abstains,
an interlock that is unknown forbids.
"""


Schema = Mapping[str, Any]

_KINDS = {
    "15m": "duration",
    "2GiB": "size",
    "3 of 5": "count",
    "zigbee/pump plug": "device",
    "object.temperature": "path",
    "temperature > 90": "rule",
    "12 kHz": "frequency",
}
"""What a type is called, by the example in its schema."""
_TYPES = {
    "string": "text",
    "number": "number",
    "integer": "whole number",
    "boolean": "true, false",
    "object": "mapping",
}


def reference() -> str:
    """The whole page."""
    schema = jsonschema.schema()
    defs = schema["$defs"]
    blocks = [INTRODUCTION, "## Keys\n"]
    for key, entry in schema["properties"].items():
        if key == "sources":
            blocks.append(f"### sources.<name>\n\n{_prose(entry)}\n")
            for kind in registry.kinds("bridges"):
                title = f"sources.<name> with bridge: {kind}"
                blocks += _section(title, defs[f"source_{kind}"], defs)
        else:
            blocks += _entry(key, entry, defs)
        if key == "cloud":
            for kind in registry.kinds("sinks"):
                title = f"cloud.sync.<name> with sink: {kind}"
                blocks += _section(title, defs[f"sink_{kind}"], defs)
    return "\n".join(blocks)


def _entry(title: str, entry: Schema, defs: Schema) -> Iterator[str]:
    """The sections behind a key: itself, one per name, or one per element."""
    for form, inner in (("", entry), ("[]", entry.get("items", {})), (".<name>", _named(entry))):
        for one in (inner, *inner.get("anyOf", ())):
            name = one.get("$ref", "").rpartition("/")[2]
            if "properties" in defs.get(name, {}):
                yield from _section(title + form, defs[name], defs)


def _named(entry: Schema) -> Schema:
    return next(iter(entry.get("patternProperties", {}).values()), {})


def _section(title: str, section: Schema, defs: Schema) -> Iterator[str]:
    yield f"### {title}\n\n{_prose(section)}\n"
    yield "| key | value | default | meaning |\n|---|---|---|---|"
    required = section.get("required", ())
    for key, entry in section["properties"].items():
        default = "required" if key in required else _default(entry)
        meaning = _prose(entry).replace("|", "\\|")
        yield f"| `{key}` | {_value(entry, defs)} | {default} | {meaning} |"
    yield ""
    where = title.replace(" with bridge: ", " / ").replace(" with sink: ", " / ")
    for key, entry in section["properties"].items():
        yield from _entry(f"{where}.{key}", entry, defs)


def _prose(entry: Schema) -> str:
    return str(entry.get("description", "")).replace("``", "`")


def _default(entry: Schema) -> str:
    default = entry.get("default")
    if default is None or default in ("", [], {}):
        return ""
    word = str(default).lower() if isinstance(default, bool) else default
    return f"`{', '.join(map(str, word)) if isinstance(word, list) else word}`"


def _value(entry: Schema, defs: Schema) -> str:
    """A type in the words of the introduction."""
    if "anyOf" in entry:
        words = dict.fromkeys(_value(one, defs) for one in entry["anyOf"])
        return ", or ".join(words)
    if "$ref" in entry:
        target = defs[entry["$ref"].rpartition("/")[2]]
        return "mapping" if "properties" in target else _value(target, defs)
    if "const" in entry or "enum" in entry:
        return ", ".join(f"`{word}`" for word in entry.get("enum", [entry.get("const")]))
    if "prefixItems" in entry:
        return "range"
    if entry.get("type") == "array":
        return f"list of {_value(entry.get('items', {}), defs)}"
    example = next(iter(entry.get("examples", ())), "")
    return _KINDS.get(example) or _TYPES.get(entry.get("type", ""), "anything")
