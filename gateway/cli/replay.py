"""``edge-gateway replay``: what a configuration would have decided, beside what was decided.

Exit codes: 0 replayed; 1 it failed, or with --exit-code something differs; 2 the file or an option
is wrong.
"""

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from gateway.cli.moments import moment
from gateway.cli.options import FILE
from gateway.cli.tables import CONFIG
from gateway.core.comparison import Made, Pair, Side, Summary, compare, summary
from gateway.core.explanations import number
from gateway.core.times import rfc3339

if TYPE_CHECKING:
    from gateway.config.settings import Settings
    from gateway.daemon.replay import Replayed

_END_MS: Final = 1 << 62
NOT_SENT: Final = "commands are not sent, and what they would have changed is not made up"


@click.command("replay")
@click.option("--since", default="24h", show_default=True, help="30s, 15m, 2h, 7d, or RFC 3339.")
@click.option("--until", default="", help="As --since; default: the end of the history.")
@click.option("--config", type=FILE, help="The file that judges, say a new one.")
@click.option("--model", "models", multiple=True, metavar="[NAME=]PATH", help="Another package.")
@click.option("--asset", "assets", multiple=True, help="Judge only this one; may be repeated.")
@click.option("--db", type=FILE, help="The database; default: the one that the file names.")
@click.option("--changes", is_flag=True, help="Show only what differs.")
@click.option("--exit-code", is_flag=True, help="Exit with 1 when something differs.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(
    since: str,
    until: str,
    config: Path | None,
    models: tuple[str, ...],
    assets: tuple[str, ...],
    db: Path | None,
    changes: bool,
    exit_code: bool,
    as_json: bool,
) -> None:
    """Run recorded history through a configuration, in virtual time.

    Nothing is stored, published or sent, and the gateway may run meanwhile. The same history gives
    the same output, to the byte; how fast it went is said on stderr.
    """
    now_ms = time.time_ns() // 1_000_000
    since_ms = moment(since, now_ms, "--since")
    until_ms = moment(until, now_ms, "--until") if until else _END_MS
    settings = _settings(config or CONFIG, models, assets)
    found, took_s = _replayed(settings, db or settings.store.path, (since_ms, until_ms), assets)
    then, now = found.told(found.then), found.told(found.now)
    pairs = compare(then, now)
    told = summary(pairs, found.then, found.now, (found.since_ms, found.until_ms))
    shown = [pair for pair in pairs if not changes or _mark(pair) != "="]
    if as_json:
        print(json.dumps(_document(found, shown, told), ensure_ascii=False))
    else:
        print("\n".join(_head(settings, found)), end="\n\n")
        _table(shown)
        print("\n" + "\n".join(_foot(told)))
    _speed(found, took_s)
    if exit_code and told.agree != len(pairs):
        sys.exit(1)


def _settings(file: Path, models: tuple[str, ...], assets: tuple[str, ...]) -> "Settings":
    """The file, with other packages in it.

    Raises:
        ConfigError: the file is wrong.
    """
    from gateway.config import load
    from gateway.config.problems import choices
    from gateway.daemon.bench import with_package
    from gateway.models.package import verify

    settings = load(file)
    for given in models:
        alone = len(settings.models) == 1 and "=" not in given
        name, _, path = (next(iter(settings.models)), "", given) if alone else given.partition("=")
        if name not in settings.models or not path:
            known = choices(settings.models)
            raise click.BadParameter(
                f"{given!r} is not NAME=PATH; models: {known}", None, None, "--model"
            )
        verify(Path(path))
        settings = with_package(settings, name, Path(path))
    for asset in assets:
        if asset not in settings.assets:
            known = choices(settings.assets)
            raise click.BadParameter(
                f"no asset {asset!r}; there are {known}", None, None, "--asset"
            )
    return settings


def _replayed(
    settings: "Settings", db: Path, period: tuple[int, int], assets: tuple[str, ...]
) -> "tuple[Replayed, float]":
    """What came of it, and how long it took [s]."""
    from gateway.adapters import logs
    from gateway.daemon.replay import Asked, replay
    from gateway.store.history import History

    logs.configure("auto", "error")
    began = time.monotonic()
    with History.open(db) as history:
        found = replay(settings, history, Asked(*period, assets), _progress)
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)
    return found, time.monotonic() - began


def _progress(share: float) -> None:
    """On a terminal only."""
    if sys.stderr.isatty():
        print(f"\r{share:4.0%}", end="", file=sys.stderr, flush=True)


def _speed(found: "Replayed", took_s: float) -> None:
    """Not part of the output: it is never the same twice."""
    span_s = (found.until_ms - found.since_ms) / 1000
    print(
        f"{found.reports} reports of {_span(span_s)} in {took_s:.1f} s: "
        f"{span_s / took_s:,.0f} times as fast as it was",
        file=sys.stderr,
    )


def _head(settings: "Settings", found: "Replayed") -> list[str]:
    since, until = rfc3339(found.since_ms), rfc3339(found.until_ms)
    lines = [f"history  {since} to {until}, {found.reports} reports, {found.rounds} rounds"]
    lines.append(f"file     {settings.file}")
    lines += [f"model    {model} {told}" for model, told in found.models.items()]
    return lines + [f"note     {note}" for note in (*found.notes, NOT_SENT)]


def _table(pairs: list[Pair]) -> None:
    """Not cut: a limit that refused is at the end of a line."""
    if not pairs:
        print("no decisions")
        return
    rows = [("", "AT", "ASSET", "WAS", "WOULD BE")]
    for pair in pairs:
        asset = (pair.then or pair.now or _NOBODY).asset
        rows.append((_mark(pair), rfc3339(pair.at_ms), asset, *_sides(pair)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row, widths, strict=True)
        print("  ".join(cell.ljust(width) for cell, width in cells).rstrip())


_NOBODY: Final = Made("", "", 0, "", "", "", "", "", "", "")


def _mark(pair: Pair) -> str:
    """= the same, ~ different, - only then, + only now."""
    if pair.then is None or pair.now is None:
        return "+" if pair.then is None else "-"
    return "~" if pair.differs else "="


def _sides(pair: Pair) -> tuple[str, str]:
    then = _words(pair.then) if pair.then else ""
    if pair.then is None or pair.now is None:
        return then, _words(pair.now) if pair.now else ""
    if not pair.differs:
        return then, "the same"
    names = [name for name in pair.differs if name != "at"]
    parts = [f"{name} {_value(getattr(pair.now, name))}" for name in names]
    if "at" in pair.differs:
        late = (pair.now.at_ms - pair.then.at_ms) / 1000
        parts.insert(0, f"{_span(abs(late))} {'later' if late > 0 else 'earlier'}")
    return then, ", ".join(parts)


def _words(made: Made) -> str:
    score = "" if made.score is None else f" {number(made.score)}"
    action = f": {made.mode} {made.action}" if made.action else f": {made.mode}"
    action += "" if made.value is None else f" {made.value:g}"
    refused = f", refused {made.refused}" if made.refused else ""
    return f"{made.event} {made.label} by {made.rung}{score}{action}{refused}"


def _value(value: object) -> str:
    return (
        number(value)
        if isinstance(value, float)
        else str(value if value is not None else "-") or "none"
    )


def _foot(told: Summary) -> list[str]:
    names = ("raised", "cleared", "fail_safe", "actions", "refused")
    lines = [f"{'':16} {'was':>10} {'would be':>10}"]
    lines += [
        f"{name:16} {getattr(told.then, name):>10} {getattr(told.now, name):>10}" for name in names
    ]
    lines.append(f"{'alarm minutes':16} {_minutes(told.then):>10} {_minutes(told.now):>10}")
    both = f"agree {told.agree}, differ {told.differ}"
    return [*lines, f"{both}, only then {told.only_then}, only now {told.only_now}"]


def _minutes(side: Side) -> str:
    return f"{side.alarm_ms / 60_000:.1f}"


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.1f} s"


def _document(found: "Replayed", pairs: list[Pair], told: Summary) -> dict[str, object]:
    return {
        "since": rfc3339(found.since_ms),
        "until": rfc3339(found.until_ms),
        "reports": found.reports,
        "rounds": found.rounds,
        "models": found.models,
        "notes": [*found.notes, NOT_SENT],
        "decisions": [
            {
                "mark": _mark(pair),
                "at": rfc3339(pair.at_ms),
                "was": pair.then and pair.then._asdict(),
                "would_be": pair.now and pair.now._asdict(),
                "differs": pair.differs,
            }
            for pair in pairs
        ],
        "summary": told._asdict() | {"then": told.then._asdict(), "now": told.now._asdict()},
    }
