"""Detection and false alarms of ``traffic-anomaly`` on simulated traffic.

Each source runs quietly first: what is raised then is a false alarm. Attacks are then played into
copies of it, five minutes each, at moments of their own: one is detected when any of its minutes
is at or above the level. The model that is asked is the shipped package, through onnxruntime.

    scripts/score_traffic [--days 14] [--seed 11]
"""

import argparse
import copy
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from random import Random

import numpy as np
import onnxruntime as ort

from gateway.core.ports import Outgoing
from scripts.traffic.detector import SIZE, Floats
from scripts.traffic.sites import MINUTE_MS, START_MS, Field, Source, demo, uplink
from scripts.train.traffic import PACKAGE, WARMUP

MINUTES = 5
EVERY = 1 / 20
"""Chance that an attack is tried at a minute."""
DEMO_MINUTES = 360
DAY = 1_440
Attack = Callable[[list[Outgoing], Random], list[Outgoing]]


def flood(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """One device says twenty times as much as all of them."""
    one = chance.choice(usual) if usual else uplink("1".zfill(16), 9, chance)
    return [one] * max(400, 20 * len(usual))


def twice(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Twice as much as usual; too little to be told from a busy hour."""
    return [chance.choice(usual) for _ in usual] if usual else []


def invented(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Thirty devices that were never there."""
    del usual
    return [uplink(f"{chance.getrandbits(60):016x}", 1, chance) for _ in range(30)]


def few_invented(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Two of them."""
    return invented(usual, chance)[:2]


def replayed(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Ten old frames of one device, with keys of their own."""
    del usual
    return [uplink(f"{1:016x}", frame, chance) for frame in range(1, 11)]


def repeated(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Twenty copies of one uplink."""
    return [usual[-1] if usual else uplink(f"{1:016x}", 9, chance)] * 20


def spoofed(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Fifteen messages that name another device than their topic."""
    del usual
    return [uplink(f"{1:016x}", 9, chance, said=f"{2:016x}") for _ in range(15)]


def broken(usual: list[Outgoing], chance: Random) -> list[Outgoing]:
    """Thirty payloads that cannot be read."""
    topics = [one.topic for one in usual if "/bridge/" not in one.topic]
    topic = topics[-1] if topics else f"application/a/device/{1:016x}/event/up"
    return [Outgoing(topic, b'{"a": ' + chance.randbytes(8).hex().encode())] * 30


ANY = (flood, twice, repeated, broken)
OF_LORA = (*ANY, invented, few_invented, replayed, spoofed)


class Model:
    """The shipped package, for one source."""

    def __init__(self) -> None:
        self._session = ort.InferenceSession(Path(PACKAGE) / "model.onnx")
        self.state: Floats = np.zeros((1, SIZE))

    def judge(self, features: tuple[float, ...], state: Floats) -> tuple[float, Floats]:
        """Score and next state."""
        given = {"features": np.array([[features]], dtype=np.float64), "state": state}
        score, following = self._session.run(["score", "next"], given)
        return float(score[0, 0]), following


def run(
    source: Source,
    minutes: Iterable[list[Outgoing]],
    attacks: tuple[Attack, ...],
    chance: Random,
    restarts: int,
) -> tuple[int, int, dict[str, list[bool]]]:
    """Minutes judged, false alarms, and of each attack whether it was seen each time."""
    model, judged, false, held = Model(), 0, 0, False
    seen: dict[str, list[bool]] = {attack.__name__: [] for attack in attacks}
    for minute, said in enumerate(minutes):
        now_ms = START_MS + minute * MINUTE_MS
        if restarts and minute and minute % restarts == 0:
            source.restart(now_ms)
        if minute > WARMUP + 60 and chance.random() < EVERY:
            attack = attacks[sum(map(len, seen.values())) % len(attacks)]
            seen[attack.__name__].append(_seen(source, model, attack, said, now_ms, chance))
        for one in said:
            source.take(one, now_ms)
        score, model.state = model.judge(source.close(now_ms), model.state)
        if minute > WARMUP:
            judged += 1
            raised = score >= (0.5 if held else 1.0)
            false += raised and not held
            held = raised
    return judged, false, seen


def _seen(
    source: Source, model: Model, attack: Attack, usual: list[Outgoing], now_ms: int, chance: Random
) -> bool:
    other, state = copy.deepcopy(source), model.state
    for minute in range(MINUTES):
        for one in (*usual, *attack(usual, chance)):
            other.take(one, now_ms + minute * MINUTE_MS)
        score, state = model.judge(other.close(now_ms), state)
        if score >= 1:
            return True
    return False


def rows(days: int, seed: int) -> Iterator[str]:
    """The table, line by line."""
    yield "| source | days | false alarms a day | detected |"
    yield "|---|---|---|---|"
    field = Field(Random(seed))
    slow = (field.minute(minute) for minute in range(days * DAY))
    cases = (
        ("40 slow LoRaWAN sensors, a restart every two days", "chirpstack", slow, 2 * DAY),
        ("demo plant, ChirpStack", "chirpstack", demo("chirpstack", DEMO_MINUTES, seed), 0),
        ("demo plant, Zigbee2MQTT", "zigbee2mqtt", demo("zigbee2mqtt", DEMO_MINUTES, seed), 0),
    )
    for name, kind, minutes, restarts in cases:
        attacks = OF_LORA if kind == "chirpstack" else ANY
        judged, false, seen = run(Source(kind), minutes, attacks, Random(seed + 1), restarts)
        told = ", ".join(f"{attack} {sum(found)}/{len(found)}" for attack, found in seen.items())
        yield f"| {name} | {judged / DAY:.1f} | {false / judged * DAY:.2f} | {told} |"


def main() -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--seed", type=int, default=11)
    options = parser.parse_args()
    for line in rows(options.days, options.seed):
        print(line, flush=True)


if __name__ == "__main__":
    main()
