"""What the radios say is what the gateway's bridges understand, and the other way round."""

from importlib import import_module
from random import Random

import pytest

from gateway.core.messages import Evidence, Message, Presence, Reject, Result, Roster, Uplink
from gateway.core.ports import Order
from gateway.demo import radio_chirpstack, radio_thethings, radio_zigbee2mqtt
from gateway.demo.plant import PUMPS, WEARING, Plant

NOW_MS = 1_780_000_000_123
KINDS = {
    "zigbee2mqtt": radio_zigbee2mqtt,
    "chirpstack": radio_chirpstack,
    "thethings": radio_thethings,
}
ID = "11111111-2222-4333-8444-555555555555"
PLUG = radio_zigbee2mqtt.PLUGS[WEARING]


class Ends:
    """A radio at one end, the gateway's bridge for it at the other."""

    def __init__(self, kind):
        self.plant = Plant(1)
        self.radio = KINDS[kind].Radio(self.plant, Random(1))
        module = import_module(f"gateway.bridges.{kind}")
        self.bridge = module.Bridge("demo", module.Bridge.Settings())
        self.now_ms = NOW_MS
        self.events = self.understand(self.radio.birth(NOW_MS))

    def understand(self, said):
        return [event for message in said for event in self.bridge.decode(self.arrived(message))]

    def arrived(self, out):
        return Message(
            "local", out.topic, out.payload, out.qos, False, False, self.now_ms, self.now_ms
        )

    def run(self, seconds):
        for _ in range(round(seconds / 0.05)):
            self.plant.step(0.05)
            self.now_ms += 50
            self.events += self.understand(self.radio.tick(self.now_ms))
        return self.events

    def send(self, device, values, **options):
        order = Order(ID, device, values, self.now_ms + 10**6, options=options)
        for out in self.bridge.encode(order):
            self.events += self.understand(self.radio.hear(out.topic, out.payload))
        return order

    def of(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_message_is_understood_but_those_broken_on_purpose(kind):
    ends = Ends(kind)
    ends.run(60)
    rejects = ends.of(Reject)
    assert len(rejects) == ends.radio.noise.get("malformed", 0)
    devices = {uplink.device for uplink in ends.of(Uplink)}
    assert len(devices) == len(PUMPS)


def test_the_zigbee_registry_allows_the_plug_to_be_switched():
    ends = Ends("zigbee2mqtt")
    rosters = ends.of(Roster)
    assert [warning for roster in rosters for warning in roster.warnings] == []
    device = ends.bridge.device(PLUG)
    state = next(feature for feature in device.features if feature.property == "state")
    assert state.settable
    assert state.gettable
    assert {presence.device: presence.online for presence in ends.of(Presence)}[PLUG]


def test_an_order_of_the_gateway_switches_the_plug_and_the_echo_confirms_it():
    ends = Ends("zigbee2mqtt")
    ends.run(2)
    before = len(ends.events)
    order = ends.send(PLUG, {"state": "OFF"})
    ends.run(2)
    assert not ends.plant.pumps[WEARING].on
    later = [event for event in ends.events[before:] if isinstance(event, Uplink)]
    shown = [uplink for uplink in later if ends.bridge.confirms(order, uplink)]
    assert shown[0].values["power"] > 0
    assert shown[-1].values["power"] == 0


def test_the_bridge_asks_and_the_plug_answers():
    ends = Ends("zigbee2mqtt")
    order = ends.send(PLUG, {"state": "OFF"})
    ends.run(0.2)
    for out in ends.bridge.ask(order):
        assert list(ends.radio.hear(out.topic, out.payload)) == []
    before = len(ends.events)
    ends.run(0.15)
    answers = [event for event in ends.events[before:] if isinstance(event, Uplink)]
    assert any(ends.bridge.confirms(order, uplink) for uplink in answers)


def test_a_failure_in_the_log_is_a_failed_command():
    ends = Ends("zigbee2mqtt")
    said = ends.radio.hear(f"zigbee2mqtt/{PLUG}/set", b'{"state":"SIDEWAYS"}')
    (result,) = ends.understand(said)
    assert isinstance(result, Result)
    assert (result.evidence, result.device, result.key) == (Evidence.FAILED, PLUG, "state")


def test_a_lorawan_downlink_is_confirmed_by_its_id():
    ends = Ends("chirpstack")
    eui = next(eui for eui, pump in radio_chirpstack.EUIS.items() if pump == WEARING)
    order = ends.send(eui, {"led": 1}, port=10)
    ends.run(6)
    results = ends.of(Result)
    assert [result.command_id for result in results] == [order.command_id] * 2
    assert [result.evidence for result in results] == [Evidence.SENT, Evidence.CONFIRMED]


def test_a_things_downlink_is_confirmed_by_its_correlation_id():
    ends = Ends("thethings")
    ends.run(2)
    order = ends.send("flow-meter-7", {"led": 1}, port=10)
    ends.run(6)
    results = [result for result in ends.of(Result) if result.command_id]
    assert {result.command_id for result in results} == {order.command_id}
    assert results[-1].evidence is Evidence.CONFIRMED
