"""A recipe from start to end: a broker, the simulated site, the real daemon, and the promises."""

import json
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from gateway.core.ports import Outgoing
from gateway.demo import (
    radio_chirpstack,
    radio_json,
    radio_tasmota,
    radio_thethings,
    radio_zigbee2mqtt,
    tempo,
)
from gateway.demo.broker import DemoBroker
from gateway.demo.device import Device
from gateway.demo.ledger import count
from gateway.demo.page import open_page
from gateway.demo.process import Daemon
from gateway.demo.promises import Book
from gateway.demo.recipe import Recipe, Step, devices, world
from gateway.demo.run import DATABASE, LOG, ONLINE_WITHIN_S, PROTOCOLS, Options, Show, claim, now_ms
from gateway.demo.site import Link, Radio, Site
from gateway.demo.tale import Tale
from gateway.demo.world import World

TICK_S = 0.02
PULSE_S = 1.5
AFTERGLOW_S = 1.0
"""How long it goes on when everything promised has come, in case something comes that must not."""
RADIOS: dict[str, Callable[[World, Random, Sequence[Device]], Radio]] = {
    "zigbee2mqtt": radio_zigbee2mqtt.Radio,
    "chirpstack": radio_chirpstack.Radio,
    "thethings": radio_thethings.Radio,
    "tasmota": radio_tasmota.Radio,
    "json": radio_json.Radio,
}


def play(recipe: Recipe, options: Options, show: Show) -> dict[str, object]:
    """Play a recipe; every event goes to ``show`` as it happens; the summary is returned.

    Raises:
        ConfigError: the folder to keep things in is in use.
        BrokerError: no broker starts, or it does not answer.
    """
    start_s = time.monotonic()
    speed = recipe.speed * options.speed
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(TemporaryDirectory("-edge-gateway")))
        claim(folder)
        broker = stack.enter_context(DemoBroker(options.broker))
        config = tempo.rehearsed(
            recipe.config,
            folder,
            host=broker.host,
            port=broker.port,
            protocol=PROTOCOLS.get(broker.kind, "auto"),
            speed=speed,
        )
        place = {"broker": broker.kind, "host": broker.host, "port": broker.port}
        show({"kind": "broker", "at_s": time.monotonic() - start_s, **place})
        watcher = Link("watcher", (f"edge/{recipe.gateway}/#",))
        watcher.start(broker.host, broker.port)
        stack.callback(watcher.stop)
        made = world(recipe, options.seed)
        there = devices(recipe, made)
        site = Site(made, radios(made, there, options.seed))
        site.start(broker.host, broker.port, now_ms())
        stack.callback(site.stop)
        about = {"recipe": recipe.name, "title": recipe.title, "speed": speed}
        about |= {"devices": sum(map(len, there.values())), "bridges": sorted(there)}
        show({"kind": "recipe", "at_s": time.monotonic() - start_s, **about})
        if options.web:
            show({"kind": "page", "at_s": time.monotonic() - start_s, "port": open_page(config)})
        show({"kind": "starting", "at_s": time.monotonic() - start_s, "config": str(config)})
        daemon = stack.enter_context(Daemon(config, folder / LOG))
        things = {device.name: device for ones in there.values() for device in ones}
        run = _Rehearsal(recipe, options, site, made, things, watcher, daemon, show)
        summary = run.play(start_s)
        return summary | count(folder / DATABASE)


def radios(site: World, there: dict[str, list[Device]], seed: int) -> dict[str, Radio]:
    """A radio for each kind of device there is."""
    return {
        kind: RADIOS[kind](site, Random(f"{kind} {seed}"), ones) for kind, ones in there.items()
    }


class _Rehearsal:
    """One run, from the moment its parts are there."""

    def __init__(
        self,
        recipe: Recipe,
        options: Options,
        site: Site[World],
        world: World,
        things: dict[str, Device],
        watcher: Link,
        daemon: Daemon,
        show: Show,
    ) -> None:
        self._recipe, self._speed = recipe, recipe.speed * options.speed
        self._web = options.web
        until_s = options.duration_s * self._speed
        longer = options.web and options.duration_s != float("inf")
        self._lasts_s = until_s if longer else min(recipe.lasts_s, until_s)
        self._site, self._world, self._things = site, world, things
        self._watcher, self._daemon, self._show = watcher, daemon, show
        self._book = Book(tuple(recipe.promises))
        self._tale = Tale(f"edge/{recipe.gateway}", self._book)
        self._steps = sorted(recipe.steps, key=lambda step: step.at_s)
        self._start_s = 0.0

    def play(self, start_s: float) -> dict[str, object]:
        """Wait for the daemon; let the site live until the promises are kept or time is up."""
        self._start_s = start_s
        self._wait_for_daemon()
        if self._tale.online:
            self._live()
        self._book.close(self._world)
        code = self._daemon.stop()
        self._hear()
        return self._summary(code)

    def _wait_for_daemon(self) -> None:
        until_s = self._at_s() + ONLINE_WITHIN_S
        while not self._tale.online and self._at_s() < until_s:
            if self._daemon.exit_code is not None:
                return
            time.sleep(TICK_S)
            self._hear()

    def _live(self) -> None:
        before_s = pulse_s = self._at_s()
        end_s = before_s + self._lasts_s / self._speed
        last_s = max([step.at_s for step in self._steps], default=0.0)
        while before_s < end_s and self._daemon.exit_code is None:
            time.sleep(TICK_S)
            at_s = self._at_s()
            self._step((at_s - before_s) * self._speed)
            before_s = at_s
            if at_s >= pulse_s:
                self._pulse()
                pulse_s += PULSE_S
            told = self._book.told and self._world.at_s > max(last_s, self._waits_until_s())
            if told and not self._web:
                end_s = min(end_s, at_s + AFTERGLOW_S)

    def _waits_until_s(self) -> float:
        """When the last thing may still happen that must not."""
        return max(
            (one.until_s for one in self._recipe.promises if one.until_s != float("inf")),
            default=0.0,
        )

    def _step(self, dt_s: float) -> None:
        self._site.step(dt_s, now_ms())
        while self._steps and self._steps[0].at_s <= self._world.at_s:
            self._happen(self._steps.pop(0))
        self._hear()
        self._book.look(self._world, self._world.at_s)

    def _happen(self, step: Step) -> None:
        self._tell({"kind": "happening", "say": step.say, "site_s": round(self._world.at_s)})
        for name, value in step.throw.items():
            self._world.throw(name, value)
        for name in step.silence:
            self._things[name].silent = True
        for topic, document in step.publish.items():
            payload = json.dumps(document).encode()
            whole = f"edge/{self._recipe.gateway}/{topic}"
            self._watcher.publish(Outgoing(whole, payload, qos=1))

    def _hear(self) -> None:
        for topic, payload in self._watcher.heard():
            for event in self._tale.hear(topic, payload, self._world.at_s):
                self._tell(event)

    def _pulse(self) -> None:
        shown = {name: self._world.value(name) for name in self._recipe.pulse}
        values = {
            name: value if isinstance(value, bool) else round(float(str(value)), 1)
            for name, value in shown.items()
        }
        self._tell({"kind": "site", "site_s": round(self._world.at_s), "values": values})

    def _tell(self, event: dict[str, object]) -> None:
        self._show({"kind": event["kind"], "at_s": self._at_s()} | event)

    def _summary(self, code: int) -> dict[str, object]:
        why = [] if self._tale.online else ["the gateway never came online"]
        why += self._book.shortcomings()
        why += [f"the gateway ended with code {code}"] if code else []
        promises = [
            {"that": one.promise.that, "kept": one.holds, "site_s": one.at_s}
            for one in self._book.kept
        ]
        summary: dict[str, object] = {
            "kind": "summary",
            "at_s": self._at_s(),
            "ok": not why,
            "why": "; ".join(why),
            "recipe": self._recipe.name,
            "promises": promises,
            "site_s": round(self._world.at_s),
            "commands": self._tale.sent,
            "messages": self._site.published,
            "noise": self._site.noise,
        }
        return summary if summary["ok"] else summary | {"log": self._daemon.tail()}

    def _at_s(self) -> float:
        return time.monotonic() - self._start_s
