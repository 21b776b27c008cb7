"""The demo from start to end: a broker, the plant on it, the daemon beside it, and the story."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Literal

from gateway.demo import radio_chirpstack, radio_thethings, radio_zigbee2mqtt
from gateway.demo.broker import DemoBroker
from gateway.demo.ledger import count
from gateway.demo.page import open_page
from gateway.demo.plant import PUMPS, WEARING, Plant
from gateway.demo.process import Daemon
from gateway.demo.site import Link, Site
from gateway.demo.story import Event, Story
from gateway.demo.twin import RULE, Twin
from gateway.errors import ConfigError

TICK_S = 0.05
PULSE_S = 2.0
HEALTHY_S, REST_S = 20.0, 40.0
"""How long the plant runs before the damage, and what is left for the rest of the story."""
ONLINE_WITHIN_S = 30.0
AFTERGLOW_S = 3.0
"""How long the story goes on after its end, to show a pump that stands still."""
ROOM = Path(__file__).parent
PACKAGE = "packages/pump-anomaly"
LOG, DATABASE = "gateway.log", "gateway.db"

Show = Callable[[Event], None]
PROTOCOLS = {"amqtt": "3.1.1"}
"""amqtt never answers a version 5 CONNECT that has properties, so it is not asked."""


@dataclass(frozen=True, slots=True)
class Options:
    """How the demo is played."""

    duration_s: float = 60.0
    """It ends after this at the latest."""
    speed: float = 1.0
    """Plant seconds per second: wear and radio reports go faster, the daemon does not."""
    keep: Path | None = None
    """Folder for configuration, database and log; None: a temporary one, removed at the end."""
    seed: int = 7
    broker: Literal["auto", "mosquitto", "amqtt"] = "auto"
    """auto: mosquitto where it is installed, else amqtt, which comes with the package."""
    web: bool = False
    """With the page; then it goes on to its end when the story is told."""


def play(options: Options, show: Show) -> Event:
    """Play the demo; every event goes to ``show`` as it happens; the summary is returned.

    Raises:
        ConfigError: the folder to keep things in is in use.
        BrokerError: no broker starts, or it does not answer.
    """
    start_s = time.monotonic()
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(TemporaryDirectory("-edge-gateway")))
        claim(folder)
        broker = stack.enter_context(DemoBroker(options.broker))
        config = _configuration(folder, broker.port, PROTOCOLS.get(broker.kind, "auto"))
        place = {"broker": broker.kind, "host": broker.host, "port": broker.port}
        show({"kind": "broker", "at_s": time.monotonic() - start_s, **place})
        watcher = Link("watcher", (f"{Story.base}/#",))
        watcher.start(broker.host, broker.port)
        stack.callback(watcher.stop)
        site = whole_site(options.seed)
        site.start(broker.host, broker.port, now_ms())
        stack.callback(site.stop)
        show({"kind": "radios", "at_s": time.monotonic() - start_s, "pumps": len(PUMPS)})
        if options.web:
            show({"kind": "page", "at_s": time.monotonic() - start_s, "port": open_page(config)})
        show({"kind": "starting", "at_s": time.monotonic() - start_s, "config": str(config)})
        daemon = stack.enter_context(Daemon(config, folder / LOG))
        summary = _Run(options, site, watcher, daemon, show, start_s).play()
        return summary | count(folder / DATABASE)


class _Run:
    """One run, from the moment its parts are there."""

    def __init__(
        self,
        options: Options,
        site: Site[Plant],
        watcher: Link,
        daemon: Daemon,
        show: Show,
        start_s: float,
    ) -> None:
        self._options = options
        self._site = site
        self._watcher = watcher
        self._daemon = daemon
        self._show = show
        self._start_s = start_s
        self._plant_from_s = 0.0
        """When the plant began to run."""
        self._story = Story()
        self._twin = Twin(site.plant)

    def play(self) -> Event:
        """Wait for the daemon; run the plant until the story is told or the time is up."""
        self._wait_for_daemon()
        if self._story.online_at_s is not None:
            self._arm()
            self._run_plant()
        code = self._daemon.stop()
        self._hear(self._at_s())
        return self._summary(code)

    def _wait_for_daemon(self) -> None:
        until_s = self._at_s() + ONLINE_WITHIN_S
        while self._story.online_at_s is None and self._at_s() < until_s:
            if self._daemon.exit_code is not None:
                return
            time.sleep(TICK_S)
            self._hear(self._at_s())

    def _arm(self) -> None:
        """The plant begins to run; its end is in it, and in its twin."""
        self._plant_from_s = self._at_s()
        duration_s = self._options.duration_s
        healthy_s = min(HEALTHY_S, max(duration_s - REST_S, duration_s / 5))
        self._site.plant.pumps[WEARING].wear_start_s = healthy_s * self._options.speed
        self._twin = Twin(self._site.plant)

    def _run_plant(self) -> None:
        before_s = at_s = self._at_s()
        pulse_s, end_s = at_s + PULSE_S, at_s + self._options.duration_s
        pumps = self._site.plant.pumps
        self._tell(self._story.pulse(pumps.values(), at_s))
        while at_s < end_s and self._daemon.exit_code is None:
            time.sleep(TICK_S)
            at_s = self._at_s()
            self._step((at_s - before_s) * self._options.speed, at_s)
            before_s = at_s
            if pulse_s <= at_s < end_s:
                self._tell(self._story.pulse([pumps[WEARING]], at_s))
                pulse_s += PULSE_S
            told_at_s = self._story.told_at_s
            if told_at_s is not None and not self._options.web:
                end_s = min(end_s, told_at_s + AFTERGLOW_S)
        self._tell(self._story.pulse(pumps.values(), at_s))

    def _step(self, dt_s: float, at_s: float) -> None:
        self._site.step(dt_s, now_ms())
        self._twin.step(dt_s)
        self._hear(at_s)
        self._tell(self._story.watch(self._site.plant.pumps[WEARING], at_s))

    def _hear(self, at_s: float) -> None:
        for topic, payload in self._watcher.heard():
            self._tell(self._story.hear(topic, payload, at_s))

    def _tell(self, events: Iterator[Event]) -> None:
        for event in events:
            self._show(event)

    def _summary(self, code: int) -> Event:
        fired = self._twin.finish()
        if code:
            self._story.wrong.append(f"the gateway ended with code {code}")
        counts = {"messages": self._site.published, "noise": self._site.noise}
        if fired is not None:
            at_s = self._plant_from_s + fired.at_s / self._options.speed
            counts |= {"rule_would_have_fired_at_s": round(at_s, 1), "wear_at_rule": fired.wear}
        summary = self._story.summary(self._at_s()) | {"rule": RULE} | counts
        return summary if summary["ok"] else summary | {"log": self._daemon.tail()}

    def _at_s(self) -> float:
        return time.monotonic() - self._start_s


def whole_site(seed: int) -> Site[Plant]:
    """The plant of a seed, with its three radios."""
    plant = Plant(seed)
    kinds = (radio_zigbee2mqtt, radio_chirpstack, radio_thethings)
    names = [kind.__name__.rpartition("radio_")[2] for kind in kinds]
    return Site(
        plant,
        {
            name: kind.Radio(plant, Random(f"{name} {seed}"))
            for name, kind in zip(names, kinds, strict=True)
        },
    )


def claim(folder: Path) -> None:
    """Make the folder. With the database of an earlier demo the story would begin in its middle."""
    if (folder / DATABASE).exists():
        raise ConfigError(f"{folder} holds the database of an earlier demo: give another folder")
    folder.mkdir(parents=True, exist_ok=True)


def _configuration(folder: Path, port: int, protocol: str = "auto") -> Path:
    """``demo.yaml`` with this broker's port and the shipped model's place, in ``folder``."""
    text = (ROOM / "demo.yaml").read_text()
    broker = f'port: {port}, protocol: "{protocol}"'
    package = json.dumps(str(ROOM / PACKAGE))  # quoted for YAML, whatever the folder is called
    places = {"port: 1883": broker, f"package: {PACKAGE}": f"package: {package}"}
    for shipped, here in places.items():
        if text.count(shipped) != 1:
            raise ValueError(f"demo.yaml does not say {shipped!r} once")
        text = text.replace(shipped, here)
    config = folder / "demo.yaml"
    config.write_text(text)
    return config


def now_ms() -> int:
    """UTC epoch ms."""
    return time.time_ns() // 1_000_000
