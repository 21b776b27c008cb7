"""A day of a gateway with everything switched on, and all that it published."""

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Peer
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import make

BASE = "edge/here"
CONFIG = """
gateway: {id: here, name: Here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources:
  zigbee: {bridge: zigbee2mqtt, broker: local}
  plc: {bridge: json, broker: local, subscribe: "plant/+", topic: "plant/{device}", keep: all}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: debug, format: json}
homeassistant: {}
audit: {checkpoint_records: 5}
models:
  heat: {package: heat, candidate: {package: better, shadow: 20 windows, max_latency: 5s}}
  life: {package: life}
assets:
  pump:
    name: Pump "1"
    metrics:
      temperature: {from: zigbee/probe, unit: degC}
      power: {from: zigbee/plug, unit: W}
    actions:
      stop: {to: zigbee/plug, set: {state: "OFF"}, proof: {metric: power, below: 5, within: 20s}}
    verdicts:
      - {model: heat}
      - {rule: "temperature > 90", label: alarm}
    policy:
      - {when: alarm, do: stop, mode: act}
FAN
"""
FAN = """
  fan.2:
    metrics:
      hours: {from: plc/fan, unit: h, stale: 2s}
    verdicts:
      - {model: life}
    policy:
      - {when: worn, mode: advise}
"""


def package(folder: Path, channel: str, unit: str, **changes: Any) -> None:
    """score = the newest value; asked 50 times a second."""
    nodes = [make.node("Flatten", "window", "score", axis=1)]
    recipe = make.Recipe(
        make.model(nodes, window=("n", 1, 1)),
        rows=1,
        channels=1,
        golden=[[[0.02]]],
        outputs=changes.pop("outputs", [{"tensor": "score", "meaning": "score"}]),
        levels=changes.pop("levels", [{"label": "alarm", "on": 90.0, "off": 80.0}]),
    )
    one = {"name": channel, "unit": unit, "max_age_s": 600}
    shape = {"period_s": 0.02, "window": 1, "min_coverage": 0}
    window = {"tensor": "window", "layout": "n,t,c", "channels": [one], **shape}
    make.write(folder, recipe, input=window, **changes)


def packages(folder: Path) -> None:
    """The model of the pump, a better one, and one that tells the remaining life."""
    package(folder / "heat", "temperature", "degC", version="1.0.0")
    levels = [{"label": "alarm", "on": 90.5, "off": 80.0}]
    package(folder / "better", "temperature", "degC", version="1.1.0", levels=levels)
    package(
        folder / "life",
        "hours",
        "h",
        version="2.0.0",
        task="rul",
        outputs=[{"tensor": "score", "meaning": "rul", "unit": "h"}],
        decision={"raises": "below", "levels": [{"label": "worn", "on": 10, "off": 20}]},
    )


@dataclass
class Story:
    """What was published, and the gateway while it runs."""

    daemon: Daemon
    zigbee: Zigbee
    peer: Peer
    text: str

    @property
    def messages(self) -> list[tuple[str, bytes]]:
        """Everything below our base, and Home Assistant's, oldest first."""
        return [(topic, payload) for topic, payload, _ in list(self.peer.heard)]

    def documents(self, topic: str) -> list[Any]:
        """The documents of one topic below the base."""
        whole = topic if topic.startswith("homeassistant/") else f"{BASE}/{topic}"
        found = [payload for at, payload in self.messages if at == whole and payload]
        return [json.loads(payload) for payload in found]

    def newest(self, topic: str) -> Any:
        """The newest of them; empty when there is none."""
        return (self.documents(topic) or [{}])[-1]

    def until(self, topic: str, true: Callable[[Any], object], deadline_s: float = 60.0) -> Any:
        """Wait until one of the documents is as wanted; it."""
        found: list[Any] = []

        def looked() -> bool:
            found[:] = [one for one in self.documents(topic) if true(one)]
            return bool(found)

        wait_until(looked, f"{topic}, now {self.newest(topic)}", deadline_s)
        return found[-1]

    def say(self, topic: str, document: object, *, retain: bool = False) -> None:
        """Publish below the base."""
        payload = document if isinstance(document, str) else json.dumps(document)
        self.peer.publish(f"{BASE}/{topic}", payload, retain=retain)

    def reload(self, text: str) -> None:
        """Exchange the file."""
        before = len(self.documents("event"))
        self.daemon.file.write_text(text)
        self.daemon.signal(signal.SIGHUP)
        wait_until(
            lambda: [
                one
                for one in self.documents("event")[before:]
                if one["event"].startswith("configuration_")
            ],
            "the file was taken or not",
            60,
        )


@contextmanager
def running(folder: Path, broker: Mosquitto, text: str = "") -> Iterator[Story]:
    """The gateway with its peers; nothing has happened yet."""
    text = text or CONFIG.replace("PORT", str(broker.port)).replace("FAN", FAN)
    if not (folder / "heat").exists():
        packages(folder)
    with (
        Peer(broker.port, "edge/#", "homeassistant/#") as peer,
        Zigbee(broker.port) as zigbee,
    ):
        peer.publish(f"{BASE}/request/model", json.dumps({"op": "rollback"}), retain=True)
        with Daemon(folder, text) as daemon:
            zigbee.online()
            yield Story(daemon, zigbee, peer, text)


def day(story: Story) -> None:
    """Everything that can happen, once."""
    zigbee, peer = story.zigbee, story.peer
    zigbee.tell("probe", temperature=20.0)
    zigbee.tell("plug", state="ON", power=500.0)
    peer.publish("plant/fan", json.dumps({"hours": 100.5}))
    peer.publish("plant/stranger", json.dumps({"x": 1}))
    story.until("asset/pump/state", lambda one: one["label"] == "normal")
    story.until("asset/fan.2/state", lambda one: one["scores"].get("life") == 100.5)
    story.until("info", lambda one: one["models"]["heat"]["ready"] == "1.1.0")
    zigbee.tell("probe", temperature=95.0)
    zigbee.obey()
    story.until("asset/pump/command", lambda one: one["state"] == "confirmed")
    story.until("asset/pump/explanation", lambda one: one["event"] == "raised")
    people(story)
    zigbee.tell("probe", temperature=30.0)
    story.until("asset/pump/alert", lambda one: one["state"] == "clear")
    peer.publish("plant/fan", json.dumps({"hours": 5}))
    story.until("asset/fan.2/alert", lambda one: one["state"] == "raised")
    peer.publish("plant/fan", b"{nonsense")
    story.say("request/model", {"op": "versions"})
    story.say("request/calibrate", {"asset": "pump", "transaction": 12})
    story.until("response/model", lambda one: one["status"] == "ok")
    story.until("response/calibrate", lambda one: one["status"] == "error")
    story.until("event", lambda one: one["event"] == "request_refused")
    story.until("log", lambda one: one["event"] == "request_refused")
    story.until("devices/plc", lambda one: one["unmapped"])
    story.reload(story.text + "\nnonsense: 1\n")
    story.until("event", lambda one: one["event"] == "configuration_rejected")


def people(story: Story) -> None:
    """What a person does while an alert is raised."""
    story.say("asset/pump/acknowledge/set", {"author": "ann", "reason": "seen"})
    story.until("response/acknowledge", lambda one: one["status"] == "ok")
    story.say("asset/pump/maintenance/set", {"on": True, "author": "ann", "for": "1h"})
    story.until("asset/pump/state", lambda one: one["maintenance"])
    story.say("asset/pump/maintenance/set", {"on": False, "author": "ann"})
    story.until("response/maintenance", lambda one: one["status"] == "ok")
    story.say("asset/pump/override/set", {"force": "stop", "author": "ann", "reason": "sure"})
    story.until("response/override", lambda one: one["status"] in ("ok", "error"))
    story.say("stop/set", {"on": True, "author": "ann"})
    story.until("health", lambda one: one["stop"])
    story.say("stop/set", {"on": False, "author": "ann"})
    story.until("health", lambda one: not one["stop"])
