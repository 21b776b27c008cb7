"""The plant on a real broker."""

import json
import time
from random import Random

import pytest

from gateway.core.ports import Outgoing
from gateway.demo import radio_chirpstack, radio_zigbee2mqtt
from gateway.demo.broker import DemoBroker, mosquitto
from gateway.demo.plant import WEARING, Plant
from gateway.demo.site import Link, Site
from gateway.errors import NotConnectedError
from tests.fakes.ports import free_port
from tests.fakes.waiting import PATIENCE_S

PLUG = f"zigbee2mqtt/{radio_zigbee2mqtt.PLUGS[WEARING]}"
NOW_MS = 1_780_000_000_000


@pytest.fixture(
    scope="module",
    params=[pytest.param("mosquitto", marks=pytest.mark.broker), "amqtt"],
)
def address(request):
    if request.param == "mosquitto" and mosquitto() is None:
        pytest.skip("needs mosquitto")
    with DemoBroker(request.param) as broker:
        yield broker.host, broker.port


@pytest.fixture
def site(address):
    plant = Plant(1)
    radios = {
        "zigbee2mqtt": radio_zigbee2mqtt.Radio(plant, Random(1)),
        "chirpstack": radio_chirpstack.Radio(plant, Random(1)),
    }
    site = Site(plant, radios)
    site.start(*address, NOW_MS)
    yield site
    site.stop()


@pytest.fixture
def watcher(address):
    link = Link("watcher", ("zigbee2mqtt/#", "application/#"))
    link.start(*address)
    yield link
    link.stop()


def until(site, watcher, wanted, deadline_s=PATIENCE_S):
    """Let the plant run until a message is the wanted one."""
    end_s = time.monotonic() + deadline_s
    while time.monotonic() < end_s:
        site.step(0.02, NOW_MS)
        for topic, payload in watcher.heard():
            if wanted(topic, payload):
                return json.loads(payload)
    pytest.fail("the message did not come")


def is_state(topic, payload):
    return topic == PLUG and json.loads(payload)


def test_a_set_over_the_broker_switches_the_plug_and_the_power_falls(site, watcher):
    assert until(site, watcher, is_state)["state"] == "ON"
    watcher.publish(Outgoing(f"{PLUG}/set", b'{"state":"OFF"}'))
    off = until(site, watcher, lambda *said: (is_state(*said) or {}).get("state") == "OFF")
    assert off["power"] > 0
    until(site, watcher, lambda *said: (is_state(*said) or {}).get("power") == 0)
    assert not site.plant.pumps[WEARING].on


def test_the_registry_waits_for_whoever_comes_later(address, site):
    link = Link("late", ("zigbee2mqtt/bridge/devices",))
    link.start(*address)
    devices = until(site, link, lambda topic, _: topic.endswith("/devices"))
    link.stop()
    assert len(devices) == 4


def test_every_radio_is_heard(site, watcher):
    until(site, watcher, lambda topic, _: topic.startswith("zigbee2mqtt/plant"))
    until(site, watcher, lambda topic, _: topic.endswith("/event/up"))
    assert site.published > 0


def test_an_orderly_stop_says_that_the_bridge_is_gone(address, watcher):
    plant = Plant(1)
    site = Site(plant, {"another": radio_zigbee2mqtt.Radio(plant, Random(1))})
    site.start(*address, NOW_MS)
    site.stop()
    gone = {"state": "offline"}
    is_gone = lambda topic, payload: topic.endswith("bridge/state") and json.loads(payload) == gone
    quiet = Site(plant, {})
    assert until(quiet, watcher, is_gone) == gone


def test_without_a_broker_it_says_so():
    with pytest.raises(NotConnectedError, match="no broker answers"):
        Link("lonely", ("#",)).start("127.0.0.1", free_port(), within_s=0.2)
