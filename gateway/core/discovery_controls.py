"""Home Assistant's controls of an asset: each publishes a whole command on a topic of people."""

import json
from typing import Final

from gateway.core import durations
from gateway.core.discovery_place import Component, Place
from gateway.core.topic_tree import Document

AUTHOR: Final = "home assistant"
MODES: Final = ("file", "shadow", "advise", "act")


def controls(place: Place, root: str) -> dict[str, Component]:
    """What people can do there; the answers come as the new state."""
    span = durations.render(place.home.hold_ms)
    hold = {"hold": True} | _signed("held", span)
    working = {"on": True} | _signed("maintenance", span)
    return {
        "mode": {
            "platform": "select",
            "name": "Mode",
            "icon": "mdi:robot-industrial",
            "options": list(MODES),
            "state_topic": f"{root}/state",
            "value_template": (
                "{{ value_json.mode_override.mode if value_json.mode_override else 'file' }}"
            ),
            "command_topic": f"{root}/mode/set",
            "command_template": _command("mode", "value", _signed("mode chosen", span)),
        },
        "hold": _switch("Hold", "mdi:hand-back-right", root, "override", "hold", hold),
        "maintenance": _switch(
            "Maintenance", "mdi:wrench", root, "maintenance", "maintenance", working
        ),
        "acknowledge": {
            "platform": "button",
            "name": "Acknowledge",
            "icon": "mdi:check",
            "command_topic": f"{root}/acknowledge/set",
            "payload_press": _text(_signed("acknowledged")),
        },
    }


def _switch(
    name: str, icon: str, root: str, command: str, key: str, payload_on: Document
) -> Component:
    """On and off are whole commands; what is shown is the asset's state."""
    first = next(iter(payload_on))
    return {
        "platform": "switch",
        "name": name,
        "icon": icon,
        "state_topic": f"{root}/state",
        "value_template": f"{{{{ 'ON' if value_json.{key} else 'OFF' }}}}",
        "state_on": "ON",
        "state_off": "OFF",
        "command_topic": f"{root}/{command}/set",
        "payload_on": _text(payload_on),
        "payload_off": _text({first: False} | _signed("ended")),
    }


def _signed(what: str, span: str = "") -> Document:
    """Author and reason, and for how long."""
    signed: Document = {"author": AUTHOR, "reason": f"{what} in Home Assistant"}
    return signed | {"for": span} if span else signed


def _command(key: str, variable: str, rest: Document) -> str:
    """A template that makes a command of what was chosen."""
    pairs = ", ".join([f"'{key}': {variable}", *(f"'{k}': '{v}'" for k, v in rest.items())])
    return "{{ {" + pairs + "} | tojson }}"


def _text(document: Document) -> str:
    return json.dumps(document, ensure_ascii=False)
