"""What the demo's Zigbee2MQTT publishes about itself and its devices: ``info`` and ``devices``.

Source: zigbee2mqtt.io, "MQTT topics and messages" and "Exposes". ``access``: 1 it is in the state,
2 it may be set, 4 it may be asked for.
"""

from gateway.demo.thing import Thing

WORDS = ("ON", "OFF", "TOGGLE")
BEHAVIORS = ("off", "on", "previous", "toggle")

Entry = dict[str, object]


def info() -> Entry:
    """``bridge/info``: what a gateway checks of the user's settings."""
    return {
        "version": "2.6.0",
        "commit": "unknown",
        "coordinator": {"ieee_address": "0x00124b0029e5a001", "type": "ZStack3x0", "meta": {}},
        "network": {"pan_id": 6754, "extended_pan_id": "0xdddddddddddddddd", "channel": 20},
        "log_level": "info",
        "permit_join": False,
        "restart_required": False,
        "config": {
            "advanced": {"last_seen": "ISO_8601", "output": "json", "cache_state": True},
            "availability": {"enabled": True},
            "mqtt": {"base_topic": "zigbee2mqtt", "server": "mqtt://127.0.0.1", "version": 4},
        },
        "config_schema": {},
    }


def coordinator() -> Entry:
    """The stick itself, which has no definition."""
    return {
        "disabled": False,
        "friendly_name": "Coordinator",
        "ieee_address": "0x00124b0029e5a001",
        "interview_completed": True,
        "interview_state": "SUCCESSFUL",
        "network_address": 0,
        "supported": True,
        "type": "Coordinator",
        "endpoints": {"1": _endpoint()},
    }


def entry(thing: Thing) -> Entry:
    """A device."""
    return {
        "definition": {
            "source": "native",
            "model": "DEMO-PLUG",
            "vendor": "Demo",
            "description": "Metering plug of the simulated plant",
            "exposes": thing.exposes(),
            "options": [],
            "supports_ota": True,
        },
        "disabled": False,
        "friendly_name": thing.name,
        "ieee_address": thing.id,
        "interview_completed": True,
        "interview_state": "SUCCESSFUL",
        "manufacturer": "Demo",
        "model_id": "DEMO-PLUG",
        "network_address": int(thing.id[-4:], 16),
        "power_source": "Mains (single phase)",
        "supported": True,
        "type": "Router",
        "endpoints": {"1": _endpoint()},
    }


def plug_exposes() -> list[Entry]:
    """Those of a metering plug."""
    return [
        switch(),
        behavior(),
        numeric("power", "W", access=5),
        numeric("current", "A", access=5),
        numeric("voltage", "V", access=5),
        numeric("energy", "kWh", access=5),
        numeric("linkquality", "lqi", access=1) | {"value_min": 0, "value_max": 255},
    ]


def switch() -> Entry:
    """A relay that answers when it is asked."""
    relay = {
        "type": "binary",
        "name": "state",
        "property": "state",
        "label": "State",
        "access": 7,
        "value_on": "ON",
        "value_off": "OFF",
        "value_toggle": "TOGGLE",
        "description": "On/off state of the switch",
    }
    return {"type": "switch", "features": [relay]}


def behavior() -> Entry:
    """What a plug does when its power comes back."""
    return {
        "type": "enum",
        "name": "power_on_behavior",
        "property": "power_on_behavior",
        "label": "Power-on behavior",
        "access": 7,
        "category": "config",
        "values": list(BEHAVIORS),
    }


def numeric(name: str, unit: str, access: int) -> Entry:
    """A number."""
    label = name.replace("_", " ").capitalize()
    kind = {"type": "numeric", "access": access, "unit": unit}
    return kind | {"name": name, "property": name, "label": label}


def binary(name: str, on: object, off: object) -> Entry:
    """Something that is so or not, and cannot be set."""
    label = name.replace("_", " ").capitalize()
    words = {"value_on": on, "value_off": off}
    return {"type": "binary", "access": 1, "name": name, "property": name, "label": label} | words


def _endpoint() -> Entry:
    clusters = {"input": ["genBasic", "genOnOff"], "output": []}
    return {"bindings": [], "clusters": clusters, "configured_reportings": [], "scenes": []}
