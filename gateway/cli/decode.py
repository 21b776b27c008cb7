"""``edge-gateway decode``: what the gateway makes of one message, as lines of JSON.

Standard output holds nothing else, so that it can be pasted into a bug report.
"""

import json
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, BinaryIO

import click

from gateway import registry
from gateway.config.settings import Settings
from gateway.core import times
from gateway.core.mapping import Mapper
from gateway.core.messages import Event, Message, Presence, Reject, Result, Roster, Uplink
from gateway.core.ports import Bridge
from gateway.core.readings import Metric, Report
from gateway.core.signals import Signal
from gateway.core.times import rfc3339
from gateway.core.topics import matches

SUFFIXES = frozenset(
    {"state", "status", "value", "values", "data", "json", "event", "events", "telemetry", "up"}
    | {"uplink", "rx", "sensor", "sensors", "plc", "info", "attributes", "measurement"}
)
"""Last levels of topics that name no device."""

Line = dict[str, Any]
FIRST = 8
"""Samples of a signal that are shown."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """One source that gets the message."""

    name: str
    bridge: Bridge
    metrics: tuple[Metric, ...] = ()
    keep_all: bool = True
    mappers: dict[str, Mapper] = field(default_factory=dict)
    """By device: what a bridge repeats is held against what the device said before."""

    def takes(self, topic: str) -> bool:
        """It subscribes to this topic."""
        return any(matches(one.filter, topic) for one in self.bridge.subscriptions())

    def lines(self, message: Message) -> Iterator["Line"]:
        """Describe what it makes of a message that it takes."""
        for event in self.bridge.decode(message):
            yield from _event(self, event, message)


@click.command("decode")
@click.option("--bridge", required=True, help="Which bridge the message is of, e.g. zigbee2mqtt.")
@click.option("--topic", required=True, help="The topic it came on.")
@click.option("--retain", is_flag=True, help="It was a retained message.")
@click.option("--base", help="The bridge's base topic, where it has one.")
@click.option(  # nobody's file when none is named: a bridge's defaults will do
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Use the sources and metrics of this file.",
)
@click.option("--received", help="When it was received (RFC 3339); default: now.")
@click.argument("file", type=click.File("rb"), default="-")
def command(
    bridge: str,
    topic: str,
    retain: bool,
    base: str | None,
    config: Path | None,
    received: str | None,
    file: BinaryIO,
) -> None:
    """Print what the gateway makes of the payload in FILE, one JSON object per line.

    Exits 1 when the message is rejected.
    """
    if not topic or set(topic) & set("+#\0"):
        raise click.BadParameter("a topic has no wildcards", param_hint="--topic")
    if config is not None and base is not None:
        raise click.UsageError("--base is in the file that --config names")
    sources = _declared(bridge, config) if config else [_default(bridge, topic, base)]
    now_ms = time.time_ns() // 1_000_000 if received is None else times.parse(received, "iso8601")
    if now_ms is None:
        raise click.BadParameter("write 2026-01-31T12:00:00Z", param_hint="--received")
    message = Message(
        broker="",
        topic=topic,
        payload=file.read(),
        qos=0,
        retain=retain,
        dup=False,
        received_at_ms=now_ms,
        received_mono_ms=now_ms,
    )
    lines = list(_lines(sources, message))
    for line in lines:
        click.echo(json.dumps(line, ensure_ascii=False, allow_nan=False))
    sys.exit(1 if any(line["kind"] == "reject" for line in lines) else 0)


def _declared(kind: str, config: Path) -> list[Decoded]:
    """The sources of this bridge in the user's file.

    Raises:
        ConfigError: the file is wrong, or there is no such bridge.
    """
    from gateway.config import load

    registry.find("bridges", kind)
    settings = load(config)
    sources = [one for one in decoded(settings) if settings.sources[one.name].kind == kind]
    if not sources:
        raise click.BadParameter(f"no source of {config} has it", param_hint="--bridge")
    return sources


def decoded(settings: Settings) -> list[Decoded]:
    """Every source of a file, each with a new bridge and its metrics."""
    metrics = [metric for asset in settings.assets.values() for metric in asset.metrics.values()]
    return [
        Decoded(
            name,
            registry.find("bridges", source.kind)(name, source.settings),
            tuple(metric for metric in metrics if metric.source == name),
            source.keep == "all",
        )
        for name, source in settings.sources.items()
    ]


def _default(kind: str, topic: str, base: str | None) -> Decoded:
    """A source as if the file said no more than the bridge's name."""
    make: Any = registry.find("bridges", kind)
    settings = make.Settings()
    names = {one.name for one in fields(settings)}
    if base is not None:
        if "base" not in names:
            raise click.BadParameter(f"{kind} has no base topic", param_hint="--base")
        settings = replace(settings, base=base)
    if kind in _GUESSES:
        settings = replace(settings, topic=_guess(_GUESSES[kind], topic))
    return Decoded(kind, make(kind, settings))


_GUESSES = {"json": ("+", "{device}"), "text": ("{device+}", "{metric}")}
"""Where nothing is declared: what the levels before the last telling one are, and that one."""


def _guess(words: tuple[str, str], topic: str) -> str:
    """Make a pattern: the last level that is no mere suffix is the telling one."""
    levels = topic.split("/")
    telling = [at for at, level in enumerate(levels) if level.lower() not in SUFFIXES]
    at = telling[-1] if telling else 0
    before, name = words
    if before == "+":
        return "/".join([*("+" for _ in levels[:at]), name, *("+" for _ in levels[at + 1 :])])
    if at == 0:
        return "/".join(["{device}", *("+" for _ in levels[1:])])
    return "/".join([before, name, *("+" for _ in levels[at + 1 :])])


def _lines(sources: list[Decoded], message: Message) -> Iterator[Line]:
    """Describe everything that comes of a message; at least one line."""
    taking = [source for source in sources if source.takes(message.topic)]
    if not taking:
        yield {"kind": "ignored", "why": "no source subscribes to this topic"}
    for source in taking:
        lines = list(source.lines(message))
        yield from lines or [{"kind": "ignored", "why": _why(message), "source": source.name}]


def _why(message: Message) -> str:
    if not message.payload:
        return "empty payload: a retained value was cleared"
    return "a command topic, or a message without news"


def _event(source: Decoded, event: Event, message: Message) -> Iterator[Line]:
    if isinstance(event, Uplink):
        yield from _readings(source, event, message)
    elif isinstance(event, Roster):
        devices = [_plain(asdict(device)) for device in event.devices]
        yield _line("registry", source, complete=event.complete, devices=devices) | {
            "warnings": event.warnings
        }
    else:
        yield _line(_KINDS[type(event)], source, **_plain(asdict(event)))


_KINDS: Mapping[type, str] = {Presence: "presence", Result: "result", Reject: "reject"}


def _readings(source: Decoded, uplink: Uplink, message: Message) -> Iterator[Line]:
    """Map it as the daemon would; of a device that nobody mapped, show everything."""
    mapped = any(metric.device == uplink.device for metric in source.metrics)
    mapper = source.mappers.get(uplink.device)
    if mapper is None:
        mapper = Mapper(source.name, source.metrics, discover=source.keep_all or not mapped)
        source.mappers[uplink.device] = mapper
    report = mapper.report(uplink, message)
    if report is None:
        why = "no value that is mapped" if mapped else "no values"
        yield _line("ignored", source, why=why, device=uplink.device)
    else:
        yield from _reported(source, report)


def _reported(source: Decoded, report: Report) -> Iterator[Line]:
    for place, reading in enumerate(report.readings):
        metric = reading.metric
        yield _line(
            "reading",
            source,
            **({"asset": metric.asset} if metric.asset else {}),
            device=report.device,
            metric=metric.name,
            value=reading.value,
            unit=metric.unit,
            quality=reading.quality,
            reason=reading.reason,
            at=rfc3339(report.at_ms),
            **_samples(report.signals.get(place)),
        )


def _samples(signal: Signal | None) -> Line:
    """What a block of samples is; the value of its reading is its rms."""
    if signal is None:
        return {}
    shape = {name: getattr(signal, name) for name in ("mean", "rms", "peak", "crest", "kurtosis")}
    rounded = {name: float(f"{value:.6g}") for name, value in shape.items()}
    first = [float(f"{one:.6g}") for one in signal.samples[:FIRST]]
    counts = {"samples": len(signal.samples), "rate_hz": signal.rate_hz}
    return {"signal": {**counts, "duration_s": signal.duration_s, **rounded, "first": first}}


def _line(kind: str, source: Decoded, **rest: Any) -> Line:
    return {"kind": kind, "source": source.name, **rest}


def _plain(noun: Line) -> Line:
    """Leave out what says nothing."""
    return {key: value for key, value in noun.items() if value not in ("", ())}
