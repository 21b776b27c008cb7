"""What Home Assistant takes of a discovery document, written down from its schemas of 2025.4.

Field names per platform, in full; values where there are few. And Jinja as it renders templates:
``value`` and ``value_json``, the result as text.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

COMMON = {
    *("platform", "name", "unique_id", "icon", "entity_category", "availability"),
    *("json_attributes_topic", "json_attributes_template"),
}
READ = {"state_topic", "value_template"}
FIELDS = {
    "sensor": COMMON
    | READ
    | {"device_class", "unit_of_measurement", "state_class", "expire_after", "options"}
    | {"suggested_display_precision"},
    "binary_sensor": COMMON | READ | {"device_class", "expire_after"},
    "event": COMMON | READ | {"event_types"},
    "select": COMMON | READ | {"options", "command_topic", "command_template"},
    "switch": COMMON
    | READ
    | {"command_topic", "payload_on", "payload_off", "state_on", "state_off"},
    "button": COMMON | {"command_topic", "payload_press"},
    "update": COMMON | READ | {"title", "command_topic", "payload_install"},
}
REQUIRED = {
    "sensor": {"state_topic"},
    "binary_sensor": {"state_topic"},
    "event": {"state_topic", "event_types"},
    "select": {"command_topic", "options"},
    "switch": {"command_topic"},
    "button": {"command_topic"},
    "update": set(),
}
VALUES = {
    ("sensor", "device_class"): {"enum", "duration", "data_size"},
    ("sensor", "state_class"): {"measurement"},
    ("binary_sensor", "device_class"): {"problem", "connectivity"},
}
CATEGORIES = {"sensor": {"diagnostic"}, "binary_sensor": {"diagnostic"}}
DEVICE = {"identifiers", "name", "manufacturer", "model", "sw_version", "via_device"}
ROOT = {"device", "origin", "availability", "availability_mode", "qos", "components"}

_JINJA = ImmutableSandboxedEnvironment(undefined=StrictUndefined)


def render(template: str, payload: str, **more: object) -> str:
    """A template on a payload, as an entity gets it."""
    with suppress(ValueError):
        more["value_json"] = json.loads(payload)
    return _JINJA.from_string(template).render({"value": payload} | more).strip()


def objections(topic: str, document: Any) -> Iterator[str]:
    """Everything in a discovery document that Home Assistant would not take, or not as meant."""
    found = re.fullmatch(r"homeassistant/device/([A-Za-z0-9_-]+)/config", topic)
    if not found:
        yield f"{topic}: no discovery topic"
    if document.keys() != ROOT:
        yield f"{topic}: {document.keys() ^ ROOT}"
    if document["device"].keys() - DEVICE or not document["device"]["identifiers"]:
        yield f"{topic}: device {document['device']}"
    if document["origin"].keys() != {"name", "sw_version"}:
        yield f"{topic}: origin {document['origin']}"
    if document["availability_mode"] != "all":
        yield f"{topic}: availability_mode"
    for key, one in document["components"].items():
        for what in _component(document, one):
            yield f"{topic} {key}: {what}"


def _component(document: Any, one: Any) -> Iterator[str]:
    platform = one["platform"]
    if one.keys() - FIELDS[platform]:
        yield f"unknown fields {one.keys() - FIELDS[platform]}"
    if (REQUIRED[platform] | {"name", "unique_id"}) - one.keys():
        yield f"without {REQUIRED[platform] - one.keys()}"
    for (of, field), values in VALUES.items():
        if of == platform and one.get(field, next(iter(values))) not in values:
            yield f"{field} {one[field]}"
    category = one.get("entity_category")
    if category not in {None, *CATEGORIES.get(platform, {"config", "diagnostic"})}:
        yield f"category {category}"
    if ("options" in one) != (one.get("device_class") == "enum" or platform == "select"):
        yield "options go with an enum"
    kept = str(one.get("state_topic")).endswith("/problems")
    if platform.endswith("sensor") and "expire_after" not in one and not kept:
        yield "never expires"
    yield from _fields(document, one)


def _fields(document: Any, one: Any) -> Iterator[str]:
    for entry in (*document["availability"], *one.get("availability", ())):
        if entry.keys() != {"topic"}:
            yield f"availability {entry}"
    for field, value in one.items():
        if field.endswith("_topic") and not re.fullmatch(r"[^#+\0]+", value):
            yield f"{field} {value}"
        if field.endswith("_template"):
            _JINJA.parse(value)
