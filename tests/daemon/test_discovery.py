"""Home Assistant is told of every asset, can read what we publish, and its commands are obeyed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.homeassistant import objections, render
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.telling import FAN, Story, running
from tests.fakes.waiting import wait_until

pytestmark = pytest.mark.broker
PUMP = "homeassistant/device/edge_here_asset_pump/config"
HERE = "homeassistant/device/edge_here/config"


def configs(story: Story) -> dict[str, Any]:
    """Topic -> the newest document."""
    topics = {topic for topic, _ in story.messages if topic.startswith("homeassistant/device/")}
    return {topic: story.newest(topic) for topic in topics if story.newest(topic)}


def component(story: Story, topic: str, key: str) -> Any:
    return story.newest(topic)["components"][key]


def payloads(story: Story, topic: str) -> list[str]:
    return [payload.decode() for at, payload in story.messages if at == topic and payload]


def seen(story: Story, one: Any) -> list[str]:
    """What an entity showed, message by message."""
    return [render(one["value_template"], text) for text in payloads(story, one["state_topic"])]


def test_every_document_is_one_that_home_assistant_takes(story: Story) -> None:
    found = configs(story)
    assert len(found) == 3
    assert [line for topic, one in found.items() for line in objections(topic, one)] == []
    ids = [part["unique_id"] for one in found.values() for part in one["components"].values()]
    assert len(ids) == len(set(ids))
    gateway = found[HERE]["device"]["identifiers"]
    assets = [one for topic, one in found.items() if topic != HERE]
    assert [[one["device"]["via_device"]] for one in assets] == [gateway, gateway]
    for one in assets:
        topics = [entry["topic"] for entry in one["availability"]]
        assert topics[0] == "edge/here/availability"
        assert topics[1].endswith("/availability")
    assert all(len(json.dumps(one)) < 8_192 for one in found.values())


def test_every_template_reads_every_document_that_was_published(story: Story) -> None:
    for topic, document in configs(story).items():
        for key, one in document["components"].items():
            if "value_template" not in one:
                continue
            shown = seen(story, one)
            assert shown or one["platform"] == "event", f"{topic} {key}"
            for word in shown:
                assert _allowed(one, word), f"{topic} {key}: {word!r}"
            if "json_attributes_topic" in one:
                for text in payloads(story, one["json_attributes_topic"]):
                    made = render(one["json_attributes_template"], text)
                    assert isinstance(json.loads(made), dict)


def _allowed(one: Any, word: str) -> bool:
    platform = one["platform"]
    if platform == "event":
        return json.loads(word)["event_type"] in one["event_types"]
    if platform == "update":
        return json.loads(word).keys() == {"installed_version", "latest_version"}
    if platform in ("binary_sensor", "switch"):
        return word in ("ON", "OFF", "None")
    if "options" in one:
        return word in one["options"]
    if "state_class" in one:
        return word == "None" or float(word) >= 0
    return bool(word) and len(word) <= 255


def test_the_day_is_seen_as_it_was(story: Story) -> None:
    def shown(topic: str, key: str) -> list[str]:
        return seen(story, component(story, topic, key))

    fan = next(topic for topic in configs(story) if "fan" in topic)
    health = shown(PUMP, "health")
    assert health.index("normal") < health.index("alarm")
    assert {"ON", "OFF"} == set(shown(PUMP, "problem"))
    assert {"20.0", "95.0", "30.0"} <= set(shown(PUMP, "score_heat"))
    assert {"100.5", "5.0"} <= set(shown(fan, "remaining_life"))
    remaining = component(story, fan, "remaining_life")
    assert (remaining["device_class"], remaining["unit_of_measurement"]) == ("duration", "h")
    events = [json.loads(one)["event_type"] for one in shown(PUMP, "decision")]
    assert events[:3] == ["raised", "forced", "cleared"]
    assert {"ON", "OFF"} == set(shown(HERE, "stop"))
    assert "ON" in shown(HERE, "problems")
    assert "running" in shown(HERE, "worker")
    assert "ON" in shown(HERE, "source_zigbee")
    versions = [json.loads(one) for one in shown(HERE, "model_heat")]
    assert {"installed_version": "1.0.0", "latest_version": "1.1.0"} in versions


def press(story: Story, one: Any, payload: str) -> Any:
    """Publish a command and wait for its answer."""
    topic = str(one["command_topic"]).removeprefix("edge/here/")
    name = topic.split("/")[-2] if topic.endswith("/set") else topic.rpartition("/")[2]
    before = len(story.documents(f"response/{name}"))
    story.say(topic, payload)
    wait_until(lambda: len(story.documents(f"response/{name}")) > before, f"an answer to {topic}")
    answer = story.documents(f"response/{name}")[before]
    assert answer["status"] == "ok", answer
    return answer


def shows(story: Story, one: Any, word: str) -> None:
    wait_until(lambda: seen(story, one)[-1] == word, f"{one['name']} shows {word}")


@pytest.mark.parametrize(("topic", "key"), [(PUMP, "hold"), (PUMP, "maintenance"), (HERE, "stop")])
def test_a_switch_switches_and_shows_it(story: Story, topic: str, key: str) -> None:
    one = component(story, topic, key)
    for _ in range(2):
        press(story, one, one["payload_on"])
        shows(story, one, "ON")
        press(story, one, one["payload_off"])
        shows(story, one, "OFF")
    said = json.loads(one["payload_on"])
    assert (said["author"], "Home Assistant" in said["reason"]) == ("home assistant", True)


def test_the_mode_is_chosen_and_given_back(story: Story) -> None:
    one = component(story, PUMP, "mode")
    for option in one["options"]:
        press(story, one, render(one["command_template"], "", value=option))
        shows(story, one, option)
    press(story, one, render(one["command_template"], "", value="file"))
    shows(story, one, "file")
    assert story.newest("asset/pump/state")["mode"] == "act"


def test_the_button_acknowledges_what_is_raised(story: Story) -> None:
    fan = next(topic for topic in configs(story) if "fan" in topic)
    story.peer.publish("plant/fan", json.dumps({"hours": 100}))
    wait_until(lambda: story.newest("asset/fan.2/alert")["state"] == "clear", "it is clear")
    story.peer.publish("plant/fan", json.dumps({"hours": 4}))
    wait_until(lambda: story.newest("asset/fan.2/alert")["state"] == "raised", "an alert")
    one = component(story, fan, "acknowledge")
    press(story, one, one["payload_press"])
    story.until(
        "asset/fan.2/alert",
        lambda alert: (alert.get("acknowledged") or {}).get("author") == "home assistant",
    )


def test_birth_is_answered_with_the_same_documents_and_nothing_is_built(story: Story) -> None:
    before = {topic: len(story.documents(topic)) for topic in configs(story)}
    built = len(story.daemon.logged("discovery_built"))
    story.peer.publish("homeassistant/status", b"online")
    wait_until(
        lambda: all(len(story.documents(topic)) > count for topic, count in before.items()),
        "all are sent again",
        20,
    )
    assert len(story.daemon.logged("discovery_built")) == built


def test_off_takes_everything_back_and_on_brings_it_again(story: Story) -> None:
    topics = set(configs(story))
    story.reload(story.text.replace("homeassistant: {}", "homeassistant: {enabled: false}"))

    def newest(topic: str) -> bytes:
        return [payload for at, payload in story.messages if at == topic][-1]

    wait_until(lambda: not any(newest(topic) for topic in topics), "all are empty")
    story.reload(story.text)
    wait_until(lambda: all(newest(topic) for topic in topics), "all are back")


def test_a_component_that_is_gone_is_named_once_with_its_platform_alone(story: Story) -> None:
    before = len(story.documents(PUMP))
    story.reload(story.text.replace("      - {model: heat}\n", ""))
    wait_until(lambda: len(story.documents(PUMP)) >= before + 2, "two documents")
    first, last = story.documents(PUMP)[before:][:2]
    assert first["components"]["score_heat"] == {"platform": "sensor"}
    assert "score_heat" not in last["components"]
    story.reload(story.text)
    wait_until(lambda: "score_heat" in story.newest(PUMP)["components"], "it is back")


def test_a_broker_that_forgot_everything_and_a_restart_without_an_asset(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with running(tmp_path, broker) as story:
        wait_until(lambda: len(configs(story)) == 3, "all are announced")
        fan = next(topic for topic in configs(story) if "fan" in topic)
        broker.kill()
        broker.start()
        with Peer(broker.port, "homeassistant/#", "edge/#") as late:
            wait_until(
                lambda: {PUMP, HERE, fan} <= {topic for topic, _, _ in late.heard},
                "all are announced again",
                30,
            )
            assert story.daemon.stop() == 0
            last = [json.loads(text) for at, text, _ in late.heard if at == "edge/here/state"][-1]
            assert last["state"] == "stopping"
            story.daemon.file.write_text(story.text.replace(FAN, ""))
            story.daemon.start()
            wait_until(lambda: (fan, b"", False) in late.heard, "it is taken back", 20)
            state = ("edge/here/asset/fan.2/state", b"", False)
            wait_until(lambda: state in late.heard, "its state, too", 20)


def test_installing_a_model_promotes_it(
    tmp_path: Path, make_broker: Callable[..., Mosquitto]
) -> None:
    with running(tmp_path, make_broker().start()) as story:
        story.zigbee.tell("probe", temperature=20.0)
        story.until("info", lambda one: one["models"]["heat"]["ready"] == "1.1.0")
        wait_until(lambda: story.newest(HERE), "the gateway is announced")
        one = component(story, HERE, "model_heat")
        press(story, one, one["payload_install"])
        told = {"installed_version": "1.1.0", "latest_version": "1.1.0"}
        wait_until(lambda: json.loads(seen(story, one)[-1]) == told, "the new version judges")
