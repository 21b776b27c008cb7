"""The simulated sites of recipes: quantities, switches, devices, their radios, their pace."""

import json
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core import durations
from gateway.core.messages import Message, Presence, Reject, Uplink
from gateway.core.rules import parse
from gateway.demo import radio_json, radio_tasmota, radio_zigbee2mqtt, tempo
from gateway.demo.device import Device
from gateway.demo.plant import Plant
from gateway.demo.promises import Book
from gateway.demo.recipe import Promise
from gateway.demo.world import Course, Quantity, Switch, World

NOW_MS = 1_780_000_000_123


def a_world(**changes):
    quantities = {
        "air": Quantity(
            -20.0, [Course(parse("5"), parse("door"), 600.0), Course(parse("-30"), None, 3600.0)]
        ),
        "power": Quantity(0.0, [Course(parse("100 * compressor + 3"))], noise=1.0, least=0.0),
    }
    switches = {
        "door": Switch(on=False),
        "compressor": Switch(True, parse("air > -18"), parse("air < -22")),
    }
    return World(Random(1), quantities, switches, **changes)


def a_plug(world, **changes):
    return Device(
        "plug",
        "a plug",
        world,
        10.0,
        {"POWER": parse("door"), "Power": parse("power")},
        {"POWER": "door"},
        {"POWER": ("OFF", "ON")},
        **changes,
    )


class TestWorld:
    def test_a_quantity_takes_the_first_course_that_holds(self):
        world = a_world()
        world.step(60)
        assert world.value("air") < -20
        world.throw("door", value=True)
        world.step(600)
        assert world.value("air") == pytest.approx(5 - 25 / 2.718, abs=0.5)

    def test_a_thermostat_throws_itself(self):
        world = a_world()
        world.step(3600)
        world.step(1)  # what it feels is what was so before
        assert world.value("compressor") is False
        assert world.value("power") == 3
        world.throw("air", -10)
        world.step(1)
        assert world.value("compressor") is True

    def test_the_same_seed_is_the_same_site(self):
        first, second = a_world(), a_world()
        for _ in range(50):
            first.step(7)
            second.step(7)
        shown = parse("power")
        assert first.shown(shown) == second.shown(shown)

    def test_what_is_not_there_is_said(self):
        with pytest.raises(ValueError, match="nothing at this site"):
            a_world().shown(parse("nobody"))
        with pytest.raises(KeyError):
            a_world().throw("nobody", 1)

    def test_a_switch_called_like_a_pump_is_its_relay(self):
        world = World(Random(1), switches={"pump-7": Switch(on=False)}, plant=Plant(1))
        world.step(10)
        assert world.value("pump_7.power") == 0
        assert world.value("pump_5.power") > 400

    def test_it_is_a_view_without_a_past(self):
        world = a_world()
        assert (world.history("air", 1), world.signal("air"), world.age_ms("air")) == ((), None, 0)


class TestDevice:
    def test_it_says_words_and_takes_them(self):
        plug = a_plug(a_world())
        assert plug.feel()["POWER"] == "OFF"
        assert plug.answer("POWER", "ON") == "taken"
        assert plug.obey("POWER", "ON")
        assert plug.feel()["POWER"] == "ON"

    @pytest.mark.parametrize(
        ("key", "value", "answer"),
        [
            ("POWER", "SIDEWAYS", "refused"),
            ("Power", 3, "unknown"),
            ("level", 20, "taken"),
            ("level", 31, "refused"),
            ("level", float("nan"), "refused"),
            ("level", "much", "refused"),
        ],
    )
    def test_it_refuses_what_it_cannot_do(self, key, value, answer):
        plug = a_plug(a_world(), range={"level": (5.0, 30.0)})
        plug.takes = {"POWER": "door", "level": "air"}
        assert plug.answer(key, value) == answer

    def test_its_frame_has_a_float_for_every_number(self):
        world = a_world()
        device = Device("a", "a", world, 1.0, {"x": parse("air"), "y": parse("power")})
        assert len(device.frame()) == 8

    def test_zigbee_is_told_what_may_be_set(self):
        world = a_world()
        shows = {"state": parse("door"), "contact": parse("door"), "air": parse("air")}
        device = Device(
            "0x0001", "a", world, 1.0, shows, {"air": "air"}, range={"air": (5.0, 30.0)}
        )
        relay, contact, number = device.exposes()
        assert relay["type"] == "switch"
        assert (contact["type"], contact["access"]) == ("binary", 1)
        assert (number["access"], number["value_max"]) == (7, 30.0)


class Air:
    """A radio, and what the gateway's bridge makes of it."""

    def __init__(self, kind, bridge, things, clock):
        self.radio = kind.Radio(clock, Random(1), things)
        self.clock, self.bridge, self.now_ms = clock, bridge, NOW_MS
        self.said = list(self.radio.birth(NOW_MS))

    def run(self, seconds):
        self.clock.step(seconds)
        self.now_ms += round(seconds * 1000)
        self.said += self.radio.tick(self.now_ms)

    def order(self, topic, payload):
        self.said += self.radio.hear(topic, payload)

    def events(self):
        found = []
        for out in self.said:
            came = Message(
                "b", out.topic, out.payload, out.qos, out.retain, False, self.now_ms, self.now_ms
            )
            found += self.bridge.decode(came)
        return found


def tasmota(**changes):
    from gateway.bridges.tasmota import Bridge

    world = a_world()
    return Air(radio_tasmota, Bridge("t", Bridge.Settings()), [a_plug(world, **changes)], world)


class TestTasmota:
    def test_it_is_understood_and_obeys(self):
        air = tasmota()
        air.run(11)
        air.order("cmnd/plug/POWER", b"ON")
        air.run(1)
        events = air.events()
        assert not [event for event in events if isinstance(event, Reject)]
        assert [event for event in events if isinstance(event, Presence)]
        values = [event.values for event in events if isinstance(event, Uplink)]
        assert any("ENERGY" in value for value in values)
        results = [m.payload for m in air.said if m.topic == "stat/plug/RESULT"]
        assert results == [b'{"POWER":"ON"}']
        assert air.clock.value("door") is True

    def test_an_empty_command_is_a_question(self):
        air = tasmota()
        air.order("cmnd/plug/POWER", b"")
        air.run(1)
        assert air.said[-2].payload == b'{"POWER":"OFF"}'
        assert air.clock.value("door") is False

    def test_it_says_what_it_does_not_know(self):
        air = tasmota()
        air.order("cmnd/plug/DIMMER", b"20")
        assert air.said[-1].payload == b'{"Command":"Unknown"}'

    def test_a_silent_one_says_nothing(self):
        air = tasmota(silent=True)
        before = len(air.said)
        air.run(30)
        air.order("cmnd/plug/POWER", b"ON")
        air.run(1)
        assert len(air.said) == before

    @given(topic=st.text(), payload=st.binary())
    def test_nothing_said_to_it_raises(self, topic, payload):
        air = tasmota()
        air.order(topic, payload)
        air.order("cmnd/plug/POWER", payload)
        air.run(1)


def test_plain_json_is_published_and_nothing_is_heard():
    world = a_world()
    device = Device("vitals/bed", "bed", world, 10.0, {"air": parse("air")})
    radio = radio_json.Radio(world, Random(1), [device])
    said = list(radio.birth(NOW_MS))
    assert [message.topic for message in said] == ["vitals/bed/status", "vitals/bed"]
    assert json.loads(said[1].payload)["at"] == NOW_MS
    world.step(11)
    assert len(list(radio.tick(NOW_MS))) == 1
    assert list(radio.hear("vitals/bed", b"{}")) == []
    assert [message.payload for message in radio.death()] == [b"offline"]


def test_a_silent_zigbee_device_neither_reports_nor_obeys():
    world = a_world()
    plug = Device("0x0001", "plug", world, 1.0, {"state": parse("door")}, {"state": "door"})
    plug.words = {"state": ("OFF", "ON")}
    radio = radio_zigbee2mqtt.Radio(world, Random(1), [plug])
    list(radio.birth(NOW_MS))
    plug.silent = True
    list(radio.hear("zigbee2mqtt/plug/set", b'{"state":"ON"}'))
    world.step(20)
    topics = {message.topic for message in radio.tick(NOW_MS)}
    assert "zigbee2mqtt/plug" not in topics
    assert world.value("door") is False


class TestTempo:
    @pytest.mark.parametrize(
        ("usual", "quick"),
        [
            ("stale: 20m", "stale: 20000ms"),
            ("{rule: 'min(air, 90s) > 3'}", "{rule: 'min(air, 1500ms) > 3'}"),
            ("max_rate: 10 degC/min", "max_rate: 600 degC/min"),
            ("max_rate: 5/min", "max_rate: 300/min"),
            ("slew: 5 per 30m", "slew: 5 per 30000ms"),
            ("within: 30s", "within: 6000ms"),
            ("within: 2s", "within: 2000ms"),
            ("within: 1h", "within: 60000ms"),
            ("for: 3 of 5", "for: 3 of 5"),
            ("from: lora/24e124707c480007", "from: lora/24e124707c480007"),
            ("from: zigbee/line 3/plug 7", "from: zigbee/line 3/plug 7"),
            ("only_during: Mo-Fr 06:00-22:00", "only_during: Mo-Fr 06:00-22:00"),
            ("# after 10m", "# after 10000ms"),
        ],
    )
    def test_what_is_a_time_is_shorter_and_nothing_else_changes(self, usual, quick):
        assert tempo.hasten(usual, 60) == quick

    @given(st.integers(1, 10**9), st.floats(1, 10**4))
    def test_a_duration_is_divided_and_never_nothing(self, usual_ms, speed):
        text = tempo.hasten(f"after: {durations.render(usual_ms)}", speed)
        quick_ms = durations.parse(text.removeprefix("after: "))
        assert quick_ms == max(1, round(usual_ms / speed))


class TestPromises:
    def book(self, *promises):
        return Book(promises)

    def test_what_must_come_is_kept_when_it_comes_in_time(self):
        book = self.book(
            Promise("x", decision={"asset": "a", "event": "raised"}, after_s=10, until_s=20)
        )
        decision = {"asset": "a", "event": "raised", "label": "hot"}
        assert book.hear("decision", decision, 5.0) == []
        assert book.shortcomings() == ["x: did not happen"]
        assert len(book.hear("decision", decision, 15.0)) == 1
        assert book.shortcomings() == []
        assert book.told

    def test_what_must_not_come_breaks_the_promise(self):
        book = self.book(Promise("x", decision={"asset": "a"}, never=True, until_s=20))
        book.hear("decision", {"asset": "b"}, 5.0)
        assert book.told
        book.hear("decision", {"asset": "a", "event": "raised"}, 5.0)
        assert book.shortcomings() == ["x: a raised at 5 s"]

    def test_a_command_that_nobody_promised_is_a_shortcoming(self):
        book = self.book(Promise("x", command={"asset": "a", "action": "stop"}))
        book.hear("command", {"asset": "a", "action": "stop", "state": "sent"}, 1.0)
        book.hear("command", {"asset": "a", "action": "start", "state": "sent"}, 1.0)
        assert book.shortcomings() == ["a: start, not promised"]

    def test_proof_must_begin_as_it_is_promised(self):
        wanted = {"asset": "a", "state": "confirmed", "evidence": "proof: power"}
        book = self.book(Promise("x", command=wanted))
        book.hear("command", {**wanted, "evidence": "bridge: state as ordered"}, 1.0)
        assert not book.told
        book.hear("command", {**wanted, "evidence": "proof: power 0 W < 5 W"}, 1.0)
        assert book.told

    def test_an_asset_is_not_another_that_begins_alike(self):
        book = self.book(Promise("x", decision={"asset": "freezer-1"}))
        book.hear("decision", {"asset": "freezer-1-door"}, 1.0)
        assert not book.told

    def test_the_site_itself_is_held_against_what_must_always_be_so(self):
        world = a_world()
        book = self.book(
            Promise("cold", always=parse("air < 0")), Promise("shut", finally_=parse("not door"))
        )
        book.look(world, 1.0)
        assert book.told
        world.throw("air", 3)
        world.throw("door", value=True)
        book.look(world, 2.0)
        book.close(world)
        assert book.shortcomings() == ["cold: not so at 2 s", "shut: not so at the end"]
