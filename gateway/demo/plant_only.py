"""The demo's broker and plant without a gateway: something to try the first steps on.

Nobody watches the plant but its user, so the bearing that wears is exchanged once it has gone, and
wears again: whenever one looks there is a healthy pump, or one that is about to be none.
"""

import time
from contextlib import ExitStack
from typing import Final

from gateway.demo.broker import DemoBroker
from gateway.demo.plant import PUMPS, WEARING, Plant
from gateway.demo.run import TICK_S, Options, Show, now_ms, whole_site

HEALTHY_S: Final = 90.0
"""How long the plant is well before the first damage, and after each exchange."""
GONE_S: Final = 60.0
"""From the first damage: the bearing is gone after 34 s, and stays so for a while to be seen."""


def stand(options: Options, show: Show, *, until_s: float | None) -> None:
    """Let the plant run until ``until_s``; None: until somebody interrupts it.

    Raises:
        BrokerError: no broker starts, or it does not answer.
    """
    start_s = time.monotonic()
    with ExitStack() as stack:
        broker = stack.enter_context(DemoBroker(options.broker))
        place = {"broker": broker.kind, "host": broker.host, "port": broker.port}
        show({"kind": "broker", "at_s": time.monotonic() - start_s, **place})
        site = whole_site(options.seed)
        site.start(broker.host, broker.port, now_ms())
        stack.callback(site.stop)
        show({"kind": "radios", "at_s": time.monotonic() - start_s, "pumps": len(PUMPS)})
        _damage(site.plant, HEALTHY_S)
        before_s = time.monotonic()
        while until_s is None or before_s - start_s < until_s:
            time.sleep(TICK_S)
            at_s = time.monotonic()
            site.step((at_s - before_s) * options.speed, now_ms())
            before_s = at_s
            exchange(site.plant)


def exchange(plant: Plant) -> None:
    """Give the pump that wears a new bearing when its old one was seen long enough."""
    if plant.pumps[WEARING].running_s > GONE_S:
        _damage(plant, plant.at_s + HEALTHY_S)


def _damage(plant: Plant, from_s: float) -> None:
    pump = plant.pumps[WEARING]
    pump.running_s, pump.wear_start_s = 0.0, from_s
