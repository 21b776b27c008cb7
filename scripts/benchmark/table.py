"""From the figures of all rounds to the rows that are printed, each with its bar."""

from collections.abc import Callable, Mapping, Sequence
from math import isnan, nan
from statistics import median
from typing import NamedTuple

Rounds = Mapping[str, Sequence[Mapping[str, float]]]
"""Case -> one set of figures per round."""


class Row(NamedTuple):
    """One line of the table."""

    name: str
    of: Callable[[Rounds], Sequence[float]]
    """One figure per round; KeyError where the case was not run."""
    at_most: float | None = None
    at_least: float | None = None
    digits: int = 1

    def line(self, rounds: Rounds) -> str:
        """The row as text; a row of a case that was not run says so."""
        try:
            values = [value for value in self.of(rounds) if not isnan(value)]
        except KeyError:
            values = []
        if not values:
            return f"{self.name:<46}{'not measured':>12}"
        middle = median(values)
        spread = f"{min(values):.{self.digits}f}..{max(values):.{self.digits}f}"
        line = f"{self.name:<46}{middle:>12.{self.digits}f}  {spread:<20}{self._bar(middle)}"
        return line.rstrip()

    def _bar(self, value: float) -> str:
        if self.at_most is not None:
            met = value <= self.at_most
            return f"<= {self.at_most:<8g}{'met' if met else 'MISSED'}"
        if self.at_least is not None:
            met = value >= self.at_least
            return f">= {self.at_least:<8g}{'met' if met else 'MISSED'}"
        return ""


def figure(case: str, name: str) -> Callable[[Rounds], Sequence[float]]:
    return lambda rounds: [one.get(name, nan) for one in rounds[case]]


def ratio(case: str, other: str) -> Callable[[Rounds], Sequence[float]]:
    """CPU per message of one case over another's, round by round."""
    return lambda rounds: [
        one["cpu_us"] / two["cpu_us"] for one, two in zip(rounds[case], rounds[other], strict=False)
    ]


def worst(name: str, *cases: str) -> Callable[[Rounds], Sequence[float]]:
    """The largest of several cases, in each round."""
    return lambda rounds: [
        max(one.get(name, 0.0) for one in ones)
        for ones in zip(*(rounds[case] for case in cases), strict=False)
    ]


ROWS = (
    Row("flood, mosquitto_sub to a file: CPU us/msg", figure("mosquitto_sub", "cpu_us")),
    Row("flood, bare paho: CPU us/msg", figure("bare_paho", "cpu_us")),
    Row("flood, naive script: CPU us/msg", figure("naive", "cpu_us")),
    Row("flood, naive, judging 1 in 16: CPU us/msg", figure("sparse", "cpu_us")),
    Row("flood, daemon, whole job: CPU us/msg", figure("daemon", "cpu_us")),
    Row("flood, daemon / bare paho", ratio("daemon", "bare_paho"), at_most=2.5, digits=2),
    Row("flood, daemon / naive script", ratio("daemon", "naive"), at_most=0.25, digits=2),
    Row("flood, daemon / naive, judging 1 in 16", ratio("daemon", "sparse"), 0.25, digits=2),
    Row("flood, daemon: model verdicts per msg", figure("verdicts", "per_message"), digits=3),
    Row("flood, daemon: commands sent", figure("daemon", "commands"), digits=0),
    Row("flood, mosquitto_sub: msg/s", figure("mosquitto_sub", "rate"), digits=0),
    Row("flood, bare paho: msg/s", figure("bare_paho", "rate"), digits=0),
    Row("flood, naive script: msg/s", figure("naive", "rate"), digits=0),
    Row("flood, daemon: msg/s stored", figure("daemon", "rate"), at_least=10_000, digits=0),
    Row("flood, daemon: messages lost", figure("daemon", "lost"), at_most=0, digits=0),
    Row("flood, publisher: msg/s the broker took", figure("daemon", "load_rate"), digits=0),
    Row("flood: bytes/msg to the device", figure("daemon", "device_bytes"), at_most=500, digits=0),
    Row("flood: bytes/msg by /proc/PID/io", figure("daemon", "process_bytes"), digits=0),
    Row("this disk: 12 kB written over and synced, p50 ms", figure("sync", "p50_ms"), digits=2),
    Row("this disk: p99 ms", figure("sync", "p99_ms"), digits=2),
    Row("50 msg/s, rule: sensor to command p50 ms", figure("rule", "p50_ms"), at_most=5, digits=2),
    Row("50 msg/s, rule: p99 ms", figure("rule", "p99_ms"), at_most=25, digits=2),
    Row("50 msg/s, rule: max ms", figure("rule", "max_ms"), digits=2),
    Row(
        "50 msg/s, model: sensor to command p50 ms", figure("model", "p50_ms"), at_most=5, digits=2
    ),
    Row("50 msg/s, model: p99 ms", figure("model", "p99_ms"), at_most=25, digits=2),
    Row("50 msg/s, model: max ms", figure("model", "max_ms"), digits=2),
    Row("50 msg/s: overloads without a command", worst("unanswered", "rule", "model"), 0, digits=0),
    Row(
        "50 msg/s, steady: bytes/msg to the device",
        figure("steady", "device_bytes"),
        4_000,
        digits=0,
    ),
    Row("50 msg/s, steady: bytes/msg by /proc/PID/io", figure("steady", "process_bytes"), digits=0),
    Row("50 msg/s, steady: CPU us/msg", figure("steady", "cpu_us"), digits=0),
    Row("daemon: MB resident after the flood", figure("daemon", "daemon_mb"), at_most=60),
    Row(
        "daemon: MB resident at 50 msg/s",
        worst("daemon_mb", "rule", "model", "steady", "idle"),
        at_most=60,
    ),
    Row("worker: MB resident, largest", worst("worker_mb", "daemon", "model", "idle"), at_most=75),
    Row("idle: CPU % of a core", figure("idle", "percent"), at_most=0.5, digits=2),
    Row("start to READY: s", worst("start_s", "daemon", "idle"), at_most=1.5, digits=2),
    Row("bare session.run, 1 window: us", figure("calls", "bare_1_us")),
    Row("worker round trip, 1 asset: us", figure("calls", "worker_1_us")),
    Row("bare session.run, 64 windows: us", figure("calls", "bare_64_us")),
    Row("worker round trip, 64 assets: us", figure("calls", "worker_64_us")),
    Row("worker: explanation of 8 channels, us", figure("calls", "explain_us")),
    Row("features stats, 30 x 14: us", figure("calls", "stats_us")),
    Row("features vibration, 4096 samples: us", figure("calls", "vibration_us")),
    Row("worker: MB resident per MB of model", figure("calls", "mb_per_mb"), digits=2),
    Row("daemon without a page: MB resident", figure("page", "without_mb")),
    Row("daemon with a page: MB resident", figure("page", "daemon_mb"), at_most=60),
    Row("page: MB resident of its process", figure("page", "page_mb")),
    Row("page: kB of the first view, 16 assets", figure("page", "first_kb")),
    Row("page: kB of all its files", figure("page", "all_kb")),
    Row("edge-gateway --version: s", figure("commands", "version_s"), digits=2),
    Row("edge-gateway check, 1,000 lines: s", figure("commands", "check_s"), digits=2),
    Row("edge-gateway status: s", figure("commands", "status_s"), digits=2),
)
HEAD = f"{'measure':<46}{'median':>12}  {'min..max':<20}bar"


def text(rounds: Rounds) -> str:
    return "\n".join([HEAD, *(row.line(rounds) for row in ROWS)])
