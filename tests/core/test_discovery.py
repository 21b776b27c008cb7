"""Discovery documents: what Home Assistant's own schemas take, and names that stay apart."""

import asyncio
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import discovery, discovery_gateway
from gateway.core.assets import Asset
from gateway.core.discovery import Gauge
from gateway.core.discovery_place import HomeAssistant, Place
from tests.fakes.homeassistant import objections

PLACE = Place(HomeAssistant(), "edge/plant", "plant", "Plant north", "0.1.0")
GAUGES = (
    Gauge("heat"),
    Gauge("life", remaining=True, unit="h"),
    Gauge("wear.2", remaining=True, unit="cycles"),
    Gauge("plain", remaining=True),
)


def documents() -> Iterator[tuple[str, Any]]:
    pump = Asset("pump-7", 'Cooling "pump" 7', {})
    yield PLACE.topic(PLACE.uid_of(pump.id)), discovery.asset(PLACE, pump, GAUGES)
    yield PLACE.topic(PLACE.uid), discovery_gateway.gateway(PLACE, ["zigbee"], ["heat", "life"])


def test_the_documents_are_as_home_assistant_takes_them() -> None:
    for topic, document in documents():
        assert list(objections(topic, document)) == []


NAMES = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}", fullmatch=True)


@given(NAMES, NAMES)
def test_two_assets_are_never_one_device(one: str, other: str) -> None:
    assert (PLACE.uid_of(one) == PLACE.uid_of(other)) == (one == other)


def merged(document: Any, component: Any) -> dict[str, Any]:
    """A component as Home Assistant hands it to its platform: with what the device shares."""
    shared = ("availability", "availability_mode", "device", "origin", "qos")
    return {key: document[key] for key in shared} | {
        key: value for key, value in component.items() if key != "platform"
    }


@pytest.mark.skipif(find_spec("homeassistant") is None, reason="needs the homeassistant package")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_home_assistants_own_schemas_take_the_documents(tmp_path: Path) -> None:
    asyncio.run(_validated(tmp_path))


async def _validated(folder: Path) -> None:
    """Inside a Home Assistant that runs nothing: its templates want one."""
    home = import_module("homeassistant.core").HomeAssistant(str(folder))
    import_module("homeassistant.helpers.frame").async_setup(home)
    schemas = import_module("homeassistant.components.mqtt.schemas")
    for _, document in documents():
        taken = schemas.MQTT_ENTITY_DEVICE_INFO_SCHEMA(document["device"])
        assert taken["identifiers"] == document["device"]["identifiers"]
        schemas.MQTT_ORIGIN_INFO_SCHEMA(document["origin"])
        schemas.DEVICE_DISCOVERY_SCHEMA(document)
        for part in document["components"].values():
            platform = import_module(f"homeassistant.components.mqtt.{part['platform']}")
            asked = merged(document, part)
            kept = platform.DISCOVERY_SCHEMA(asked)
            assert asked.keys() - kept.keys() <= {"origin"}, part["name"]
    await home.async_stop(force=True)
