"""What the running daemon publishes: each document is what its schema says, and small enough."""

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from gateway.core import topic_tree
from gateway.core.assets import Asset
from gateway.core.latest import Latest
from gateway.core.policy import Policy
from gateway.core.topic_tree_list import TOPICS, find
from gateway.core.topic_tree_sizes import LIMIT
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.core.watch import Watch
from tests.fakes.mqtt_peer import Peer
from tests.fakes.telling import BASE, FAN, Story
from tests.fakes.waiting import wait_until

pytestmark = pytest.mark.broker
ROOT = Path(__file__).parents[2]
PUMP = Asset("pump", "Pump", {})
SETS = ("override", "mode", "acknowledge", "maintenance", "stop")


def schema(name: str) -> Any:
    return json.loads((ROOT / f"docs/topics/{name}.schema.json").read_text())


def closed(node: Any) -> Any:
    """The same schema, with keys that it does not name forbidden."""
    if isinstance(node, list):
        return [closed(item) for item in node]
    if not isinstance(node, dict):
        return node
    strict = {key: closed(item) for key, item in node.items()}
    if "properties" in strict and "oneOf" not in strict:
        strict.setdefault("additionalProperties", False)
    return strict


def complaints(name: str, document: Any) -> list[str]:
    validator = Draft202012Validator(closed(schema(name)), format_checker=FormatChecker())
    return [
        f"{name} {error.json_path}: {error.message}" for error in validator.iter_errors(document)
    ]


def ours(story: Story) -> Iterator[tuple[str, bytes]]:
    """What the gateway published below its base; the rest is what others asked there."""
    for topic, payload in story.messages:
        if topic.startswith(BASE + "/"):
            name = topic.removeprefix(BASE + "/")
            if payload and not (name.startswith("request/") or name.endswith("/set")):
                yield name, payload


def test_every_schema_is_one_and_every_topic_has_one() -> None:
    files = {file.name.removesuffix(".schema.json") for file in ROOT.glob("docs/topics/*.json")}
    for name in files:
        Draft202012Validator.check_schema(schema(name))
        assert schema(name)["$id"] == f"urn:edge-gateway:topics:1:{name}"
    assert files == {topic.schema for topic in TOPICS} | {f"set-{name}" for name in SETS} | {
        "request"
    }


def test_every_kind_of_event_has_a_schema() -> None:
    made: set[str] = set()
    for file in (ROOT / "gateway/daemon").glob("*.py"):
        made |= set(
            re.findall(r"announce\.event\(\s*\"(\w+)\"|self\.event\(\"(\w+)\"", file.read_text())
        )
    named = {one or other for one, other in made}
    assert {one["title"] for one in schema("event")["oneOf"]} == named


def test_every_document_of_a_day_is_what_its_schema_says(story: Story) -> None:
    wrong, seen = [], Counter[str]()
    for name, payload in ours(story):
        topic = find(name)
        assert topic is not None, name
        seen[topic.name] += 1
        assert len(payload) <= LIMIT, name
        document = payload.decode() if topic.plain else json.loads(payload)
        wrong += complaints(topic.schema, document)
    assert wrong == []
    assert {topic.name for topic in TOPICS} - seen.keys() == {"asset/<asset>/maintenance"}


def test_what_a_late_subscriber_needs_is_there(story: Story) -> None:
    """And only that: events, answers and commands are not kept by the broker."""
    with Peer(story.zigbee.port, "edge/#") as late:
        wanted = {topic.name for topic in TOPICS if topic.retained}
        wanted -= {"asset/<asset>/maintenance"}

        def kept() -> set[str]:
            heard = [topic.removeprefix(BASE + "/") for topic, _, old in list(late.heard) if old]
            kinds = {find(name) for name in heard if not name.startswith("request/")}
            return {kind.name for kind in kinds if kind}

        wait_until(lambda: kept() >= wanted, "everything that is retained")
        assert kept() == wanted


def test_the_wishes_of_the_day_are_what_the_schemas_say(story: Story) -> None:
    wrong = []
    for topic, payload in story.messages:
        if topic.startswith(BASE) and topic.endswith("/set"):
            wrong += complaints(f"set-{topic.split('/')[-2]}", json.loads(payload))
    assert wrong == []


def test_devices_are_mapped_or_strangers(story: Story) -> None:
    plc, zigbee = story.newest("devices/plc"), story.newest("devices/zigbee")
    assert [(one["device"], one["assets"]) for one in plc["mapped"]] == [("fan", ["fan.2"])]
    assert [one["device"] for one in plc["unmapped"]] == ["stranger"]
    assert {one["device"]: one["assets"] for one in zigbee["mapped"]} == {
        "probe": ["pump"],
        "plug": ["pump"],
    }


def test_an_asset_without_news_is_offline_and_back_with_the_next(story: Story) -> None:
    def words() -> list[str]:
        topic = f"{BASE}/asset/fan.2/availability"
        return [payload.decode() for at, payload in story.messages if at == topic]

    wait_until(lambda: words()[-1] == "offline", "it is stale after two seconds")
    before = len(words())
    story.peer.publish("plant/fan", json.dumps({"hours": 50}))
    wait_until(lambda: words()[before:][:1] == ["online"], "it is back")


def test_a_change_that_needs_a_restart_is_named_until_it_is_taken_back(story: Story) -> None:
    story.reload(
        story.text.replace("name: Here", "name: There").replace("path: gateway", "path: g")
    )
    assert "restart" in story.newest("event")["error"]
    story.until("info", lambda one: one["restart_required"] == ["store.path"])
    before = len(story.documents("info"))
    story.reload(story.text)
    wait_until(lambda: story.documents("info")[before:], "another info")
    assert story.newest("info")["restart_required"] == []
    assert story.newest("info")["name"] == "Here"


def test_an_asset_that_is_removed_is_taken_back_everywhere(story: Story) -> None:
    held = {topic for topic, _ in story.messages if "fan" in topic and not topic.endswith("/set")}
    held -= {f"{BASE}/asset/fan.2/decision", f"{BASE}/asset/fan.2/command"}
    assert any(topic.startswith("homeassistant/device/") for topic in held)
    story.reload(story.text.replace(FAN, ""))

    def last(topic: str) -> bytes:
        return [payload for at, payload in story.messages if at == topic][-1]

    wait_until(lambda: not any(last(topic) for topic in held), "all of it is taken back")
    with Peer(story.zigbee.port, "edge/#", "homeassistant/#") as late:
        wait_until(lambda: [one for one in late.heard if one[0].endswith("/info")], "the rest")
        assert [topic for topic, _, _ in late.heard if "fan" in topic] == []
    story.reload(story.text)
    renewed = [one for one in held if one.endswith(("/state", "/availability", "/config"))]
    wait_until(lambda: all(last(topic) for topic in renewed), "it is back")


def _examples() -> Iterator[tuple[str, Any]]:
    """(name of a schema, example) of docs/topics.md, in order."""
    text = (ROOT / "docs/topics.md").read_text()
    for section in text.split("\n## ")[1:]:
        title = section.partition("\n")[0].replace("&lt;", "<").replace("&gt;", ">")
        found = find(title.split(" ")[0].replace("<id>", "pump"))
        for kind, block in re.findall(r"^```(\w*)\n(.*?)^```", section, re.DOTALL | re.MULTILINE):
            document = json.loads(block) if kind == "json" else None
            if document is not None and found is not None and "v" in document:
                yield ("problems" if "count" in document else found.schema), document


def test_the_examples_in_the_docs_are_what_the_schemas_say() -> None:
    """Their hashes are shortened."""
    examples = list(_examples())
    wrong = [line for name, one in examples for line in complaints(name, one)]
    assert [line for line in wrong if "does not match" not in line] == []
    named = {topic.schema for topic in TOPICS if not topic.plain}
    assert {name for name, _ in examples} | {"response"} == named


def test_what_no_day_brings_is_what_its_schema_says() -> None:
    """An ensemble, an interval, calibrations and a drift."""
    member = {"model": "a", "version": "1", "hash": "0", "label": "alarm", "score": 2.0}
    verdict = Verdict(
        *("pump", 1, 1, "ensemble:a+b", "alarm", 2.0, 0.8),
        members=(member | {"relative": 1.5},),
        interval=(1.5, 2.5),
    )
    watch = Watch(PUMP, Latest({}, {}), Policy(PUMP, str), {}, 0)
    watch.verdict = verdict
    cause = {"model": "a", "what": "power", "usual": 1.0, "now": 2.0, "shift_sd": 3.1, "text": "x"}
    made = Decision("d", "pump", "pump/policy/0", "raised", Mode.ADVISE, "", verdict)
    documents: dict[str, Any] = {
        "asset-state": topic_tree.asset_state(watch, 1, 1),
        "asset-decision": topic_tree.decision(made, 1),
        "asset-maintenance": topic_tree.maintenance("pump", [cause], 1),
    }
    for name, document in documents.items():
        assert complaints(name, document) == []
