"""Home Assistant's MQTT discovery of the gateway itself: diagnostics, the stop, its models."""

import json
from collections.abc import Iterable
from typing import Final

from gateway.core.discovery import HEALTH_EXPIRES_S
from gateway.core.discovery_controls import AUTHOR
from gateway.core.discovery_place import Component, Place, device
from gateway.core.topic_tree import Document

STATES: Final = ("running", "degraded", "safe_mode", "stopping")


def gateway(place: Place, sources: Iterable[str], models: Iterable[str]) -> Document:
    """The gateway as a device; assets are reached through it."""
    components = {
        "state": _state(place),
        "problems": _problems(place),
        "stop": _stop(place),
        "store": _diagnostic(place, "Store", "{{ value_json.store.state }}"),
        "store_size": _bytes(place, "Store size", "bytes"),
        "free_disk": _bytes(place, "Free disk", "free_disk_bytes"),
        "worker": _diagnostic(place, "Model worker", "{{ value_json.worker.state }}"),
    }
    components |= {f"source_{name}": _source(place, name) for name in sources}
    components |= {f"model_{name}": _model(place, name) for name in models}
    about: Document = {"name": place.name, "model": "gateway", "sw_version": place.version}
    return device(place, place.uid, about, [f"{place.base}/availability"], components)


def _state(place: Place) -> Component:
    return {
        "platform": "sensor",
        "name": "State",
        "device_class": "enum",
        "options": list(STATES),
        "state_topic": f"{place.base}/state",
        "value_template": "{{ value_json.state }}",
        "entity_category": "diagnostic",
        "expire_after": HEALTH_EXPIRES_S,
    }


def _problems(place: Place) -> Component:
    return {
        "platform": "binary_sensor",
        "name": "Problems",
        "device_class": "problem",
        "state_topic": f"{place.base}/problems",
        "value_template": "{{ 'ON' if value_json.count else 'OFF' }}",
        "json_attributes_topic": f"{place.base}/problems",
        "json_attributes_template": (
            "{{ {'count': value_json.count,"
            " 'problems': value_json.problems | map(attribute='text') | list} | tojson }}"
        ),
        "entity_category": "diagnostic",
    }


def _stop(place: Place) -> Component:
    """The global stop: nothing is commanded while it is on."""

    def said(*, on: bool, why: str) -> str:
        return json.dumps({"on": on, "author": AUTHOR, "reason": f"{why} in Home Assistant"})

    return {
        "platform": "switch",
        "name": "Stop all actions",
        "icon": "mdi:octagon",
        "state_topic": f"{place.base}/health",
        "value_template": "{{ 'ON' if value_json.stop else 'OFF' }}",
        "state_on": "ON",
        "state_off": "OFF",
        "command_topic": f"{place.base}/stop/set",
        "payload_on": said(on=True, why="stopped"),
        "payload_off": said(on=False, why="released"),
    }


def _diagnostic(place: Place, name: str, template: str) -> Component:
    return {
        "platform": "sensor",
        "name": name,
        "state_topic": f"{place.base}/health",
        "value_template": template,
        "entity_category": "diagnostic",
        "expire_after": HEALTH_EXPIRES_S,
    }


def _bytes(place: Place, name: str, key: str) -> Component:
    return _diagnostic(place, name, f"{{{{ value_json.store.{key} }}}}") | {
        "device_class": "data_size",
        "unit_of_measurement": "B",
        "state_class": "measurement",
    }


def _source(place: Place, name: str) -> Component:
    """Whether a source speaks; unknown where health had no room for it."""
    return {
        "platform": "binary_sensor",
        "name": f"Source {name}",
        "device_class": "connectivity",
        "state_topic": f"{place.base}/health",
        "value_template": (
            f"{{% set one = value_json.sources.get('{name}') %}}"
            "{{ none if not one else"
            " 'OFF' if one.silent or one.bridge_online == false else 'ON' }}"
        ),
        "entity_category": "diagnostic",
        "expire_after": HEALTH_EXPIRES_S,
    }


def _model(place: Place, name: str) -> Component:
    """The version that judges, and the one that has passed its trial: install promotes it."""
    wish = {"op": "promote", "model": name, "author": AUTHOR}
    return {
        "platform": "update",
        "name": f"Model {name}",
        "title": name,
        "state_topic": f"{place.base}/info",
        "value_template": (
            f"{{% set one = value_json.models.get('{name}') %}}"
            "{{ {'installed_version': one.version, 'latest_version': one.ready or one.version}"
            " | tojson if one and one.version else '' }}"
        ),
        "command_topic": f"{place.base}/request/model",
        "payload_install": json.dumps(wish),
        "entity_category": "config",
    }
