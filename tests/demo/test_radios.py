"""The radios speak and obey as their bridges do."""

import json
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.core.ports import Outgoing
from gateway.demo import radio_chirpstack, radio_thethings, radio_zigbee2mqtt
from gateway.demo.plant import WEARING, Plant

NOW_MS = 1_780_000_000_123
RADIOS = (radio_zigbee2mqtt.Radio, radio_chirpstack.Radio, radio_thethings.Radio)
PLUG = f"zigbee2mqtt/{radio_zigbee2mqtt.PLUGS[WEARING]}"
LOGGING = "zigbee2mqtt/bridge/logging"
EUI = next(eui for eui, pump in radio_chirpstack.EUIS.items() if pump == WEARING)
DEVICE = f"application/{radio_chirpstack.APPLICATION}/device/{EUI}"
METER = f"v3/{radio_thethings.USER}/devices/flow-meter-7"


class World:
    """A plant and one radio, in virtual time."""

    def __init__(self, kind, seed=1, **plant):
        self.plant = Plant(seed, **plant)
        self.radio = kind(self.plant, Random(seed))
        self.now_ms = NOW_MS
        self.born = list(self.radio.birth(NOW_MS))

    def run(self, seconds):
        said = []
        for _ in range(round(seconds / 0.05)):
            self.plant.step(0.05)
            self.now_ms += 50
            said += self.radio.tick(self.now_ms)
        return said

    def order(self, topic, payload):
        data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        return list(self.radio.hear(topic, data))


def of(topic, said):
    """The readable documents on one topic."""
    found = []
    for message in said:
        if message.topic == topic:
            try:
                found.append(json.loads(message.payload))
            except ValueError:
                continue
    return found


@pytest.mark.parametrize("kind", RADIOS)
@given(topic=st.text(), payload=st.binary())
@settings(max_examples=30, deadline=None)
def test_nothing_said_to_a_radio_raises(kind, topic, payload):
    world = World(kind)
    topics = (topic, f"{PLUG}/set", f"{DEVICE}/command/down", f"{METER}/down/push")
    for each in topics:
        world.order(each, payload)


@pytest.mark.parametrize("kind", RADIOS)
def test_the_same_chance_gives_the_same_messages(kind):
    first, second = World(kind), World(kind)
    assert first.born + first.run(20) == second.born + second.run(20)


@pytest.mark.parametrize("kind", RADIOS)
def test_nothing_but_announcements_is_retained(kind):
    world = World(kind)
    retained = {message.topic for message in world.born if message.retain}
    assert all("/bridge/" in topic or topic.endswith("/availability") for topic in retained)
    later = [message for message in world.run(15) if "/bridge/" not in message.topic]
    assert later
    assert all(not message.retain and message.qos == 0 for message in later)


class TestZigbee2MQTT:
    def test_every_message_carries_every_attribute(self):
        world = World(radio_zigbee2mqtt.Radio)
        keys = {frozenset(document) for document in of(PLUG, world.run(10))}
        assert len(keys) == 1
        assert {"state", "power", "energy", "current", "linkquality", "last_seen"} <= next(
            iter(keys)
        )

    def test_some_messages_only_repeat_the_remembered_power(self):
        world = World(radio_zigbee2mqtt.Radio)
        documents = of(PLUG, world.run(30))
        repeats = [a for a, b in pairwise(documents) if a["power"] == b["power"]]
        assert len(repeats) >= 5
        assert all(a["last_seen"] <= b["last_seen"] for a, b in pairwise(documents))

    def test_the_switch_echoes_at_once_with_the_old_power_and_then_measures_none(self):
        world = World(radio_zigbee2mqtt.Radio)
        world.run(3)
        assert world.order(f"{PLUG}/set", {"state": "OFF"}) == []
        assert world.plant.pumps[WEARING].on
        documents = [d for d in of(PLUG, world.run(2)) if d["state"] == "OFF"]
        assert documents[0]["power"] > 400
        assert documents[-1]["power"] == 0
        assert not world.plant.pumps[WEARING].on

    @pytest.mark.parametrize(
        ("topic", "payload", "on"),
        [
            (f"{PLUG}/set", b"OFF", False),
            (f"{PLUG}/set/state", b"OFF", False),
            (f"{PLUG}/set", b'{"state":"TOGGLE"}', False),
            (f"{PLUG}/set", b'{"state":"off"}', False),
            ("zigbee2mqtt/0x00158d00045ab003/set", b'{"state":"OFF"}', False),
            (f"{PLUG}/set", b'{"state":"ON"}', True),
            (f"{PLUG}/get", b'{"state":""}', True),
        ],
    )
    def test_it_obeys_every_form_of_a_command(self, topic, payload, on):
        world = World(radio_zigbee2mqtt.Radio)
        assert world.order(topic, payload) == []
        world.run(1)
        assert world.plant.pumps[WEARING].on is on

    @pytest.mark.parametrize(
        ("topic", "payload", "line"),
        [
            (f"{PLUG}/set", b'{"state":"SIDEWAYS"}', "Publish 'set' 'state' to"),
            (f"{PLUG}/set", b'{"brightness":3}', "No converter available for 'brightness'"),
            (f"{PLUG}/set", b"not json", "Invalid message 'not json'"),
            ("zigbee2mqtt/nobody/set", b'{"state":"ON"}', "Entity 'nobody' is unknown"),
        ],
    )
    def test_a_failure_is_a_line_of_the_log_and_nothing_else(self, topic, payload, line):
        world = World(radio_zigbee2mqtt.Radio)
        (logged,) = world.order(topic, payload)
        document = json.loads(logged.payload)
        assert logged.topic == LOGGING
        assert document["level"] == "error"
        assert line in document["message"]
        assert world.order(topic, payload) == []
        world.run(1)
        assert world.plant.pumps[WEARING].on

    def test_a_get_is_answered_by_a_measured_state(self):
        world = World(radio_zigbee2mqtt.Radio)
        world.order(f"{PLUG}/get", {"state": ""})
        assert of(PLUG, world.run(0.2))

    def test_the_registry_says_that_the_plug_may_be_switched_and_asked(self):
        (devices,) = of("zigbee2mqtt/bridge/devices", World(radio_zigbee2mqtt.Radio).born)
        entry = next(d for d in devices if d["friendly_name"] == PLUG.partition("/")[2])
        (relay,) = entry["definition"]["exposes"][0]["features"]
        assert (relay["property"], relay["access"]) == ("state", 7)

    def test_it_says_goodbye_with_its_will(self):
        radio = World(radio_zigbee2mqtt.Radio).radio
        expected = Outgoing("zigbee2mqtt/bridge/state", b'{"state":"offline"}', qos=1, retain=True)
        assert list(radio.death()) == [expected]


class TestChirpStack:
    def test_an_uplink_is_heard_by_two_gateways_and_counted(self):
        documents = of(f"{DEVICE}/event/up", World(radio_chirpstack.Radio).run(20))
        assert all(len(document["rxInfo"]) == 2 for document in documents)
        frames = [document["fCnt"] for document in documents]
        assert frames == sorted(frames)
        assert all(type(document["object"]["vibration"]) is float for document in documents)

    def test_noise_happens_and_is_counted(self):
        world = World(radio_chirpstack.Radio)
        said = [m for m in world.run(200) if m.topic.endswith("/event/up")]
        twice = sum(a.payload == b.payload for a, b in pairwise(said))
        assert twice == world.radio.noise["duplicate"] > 0
        broken = sum(not m.payload.endswith(b"}") for m in said)
        assert broken == world.radio.noise["malformed"] > 0
        assert world.radio.noise["late uplink"] > 0

    def test_a_downlink_waits_for_the_uplink_and_is_acknowledged_by_the_next_one(self):
        world = World(radio_chirpstack.Radio)
        order = {"id": "a", "devEui": EUI, "confirmed": True, "fPort": 10, "data": "AQ=="}
        assert world.order(f"{DEVICE}/command/down", order) == []
        said = world.run(6)
        (sent,) = of(f"{DEVICE}/event/txack", said)
        (done,) = of(f"{DEVICE}/event/ack", said)
        assert (sent["queueItemId"], done["queueItemId"], done["acknowledged"]) == ("a", "a", True)

    def test_an_expired_downlink_is_an_error_in_the_log(self):
        world = World(radio_chirpstack.Radio)
        order = {"id": "a", "devEui": EUI, "fPort": 10, "data": "AQ=="}
        world.order(f"{DEVICE}/command/down", order | {"expiresAt": "2020-01-01T00:00:00Z"})
        said = world.run(3)
        (line,) = of(f"{DEVICE}/event/log", said)
        assert (line["code"], line["context"]) == ("EXPIRED", {"queue_item_id": "a"})
        assert of(f"{DEVICE}/event/txack", said) == []

    @pytest.mark.parametrize(
        "order",
        [
            {"id": "a", "devEui": EUI, "fPort": 0, "data": "AQ=="},
            {"id": "a", "devEui": EUI, "fPort": 5},
            {"id": "a", "devEui": "0000000000000000", "fPort": 5, "data": "AQ=="},
            {"id": "a", "devEui": EUI, "fPort": 5, "data": "AQ==", "expiresAt": "soon"},
            [],
        ],
    )
    def test_a_malformed_downlink_gets_no_answer(self, order):
        world = World(radio_chirpstack.Radio)
        assert world.order(f"{DEVICE}/command/down", order) == []
        events = {message.topic.rpartition("/")[2] for message in world.run(6)}
        assert events <= {"up", "status"}


class TestTheThings:
    def test_the_first_uplink_has_no_frame_counter(self):
        documents = of(f"{METER}/up", World(radio_thethings.Radio).run(10))
        frames = [document["uplink_message"].get("f_cnt") for document in documents]
        assert frames[:3] == [None, 1, 2]

    def test_times_have_nine_digits(self):
        document = of(f"{METER}/up", World(radio_thethings.Radio).run(3))[0]
        assert len(document["received_at"]) == len("2026-05-04T03:02:01.123456789Z")

    def test_our_correlation_id_comes_back(self):
        world = World(radio_thethings.Radio)
        item = {"f_port": 3, "frm_payload": "AQ==", "confirmed": True, "correlation_ids": ["x"]}
        (queued,) = world.order(f"{METER}/down/push", {"downlinks": [item]})
        assert queued.topic == f"{METER}/down/queued"
        said = world.run(6)
        events = [f"{METER}/down/sent", f"{METER}/down/ack"]
        assert [of(topic, said)[0]["correlation_ids"] for topic in events] == [["x"], ["x"]]

    def test_an_empty_replace_clears_the_queue(self):
        world = World(radio_thethings.Radio)
        world.order(f"{METER}/down/push", {"downlinks": [{"f_port": 3, "frm_payload": "AQ=="}]})
        world.order(f"{METER}/down/replace", {"downlinks": []})
        assert of(f"{METER}/down/sent", world.run(4)) == []
