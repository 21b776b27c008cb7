"""``edge-gateway explain``: why a decision was made, and what became of it."""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click

from gateway.cli.options import of_database
from gateway.cli.tables import database
from gateway.core.explanations import number
from gateway.core.sparklines import ASCII, BLOCKS, sparkline
from gateway.core.times import rfc3339
from gateway.errors import StoreError
from gateway.store.batch import StoredSignal
from gateway.store.reader import AssetReading, Reader

SPAN_MS: Final = 300_000
"""Shown before a decision that looked at the newest values only."""
WAVE: Final = 240
"""Samples of a block that are shown: four a sign."""
LEAD: Final = 3
"""The plot begins so many windows before the decision: a change shows only beside what was."""

_DECISION: Final = (
    "SELECT id, at_ms, policy, event, mode, action, refused, votes, verdict, explanation"
    " FROM decision WHERE asset = ? AND (? = '' OR id = ?) ORDER BY at_ms DESC, id DESC LIMIT 1"
)
_COMMAND: Final = (
    "SELECT id, action, source, device, set_json, state, reason, evidence FROM command"
    " WHERE decision_id = ? ORDER BY id"
)


@click.command("explain")
@click.argument("asset")
@click.argument("decision", default="")
@of_database
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.option("--ascii", "plain", is_flag=True, help="Plot with ASCII signs only.")
def command(
    asset: str, decision: str, config: Path | None, db: Path | None, as_json: bool, plain: bool
) -> None:
    """Print why DECISION was made of ASSET; without DECISION, its newest one."""
    with Reader.open(database(config, db)) as reader:
        record = _record(reader, asset, decision)
        window = _window(reader, asset, record)
        blocks = _blocks(reader, asset, record)
    if as_json:
        series = {name: [[one.at_ms, one.value] for one in ones] for name, ones in window.items()}
        print(json.dumps(record | {"window": series}, ensure_ascii=False))
        return
    signs = ASCII if plain else BLOCKS
    shown = [_waveform(one, signs) for one in blocks]
    print("\n".join([*_told(asset, record), *shown, *_plot(window, signs)]))


def _record(reader: Reader, asset: str, decision: str) -> dict[str, Any]:
    """The decision with its verdict, explanation and commands.

    Raises:
        StoreError: there is none.
    """
    table = reader.query(_DECISION, (asset, decision, decision))
    if not table.rows:
        what = f"decision {decision!r}" if decision else "decision"
        known = reader.query("SELECT DISTINCT asset FROM decision ORDER BY asset").rows
        names = ", ".join(str(name) for (name,) in known) or "none yet"
        raise StoreError(f"no {what} of asset {asset!r} is stored; assets with one: {names}")
    record: dict[str, Any] = dict(zip(table.columns, table.rows[0], strict=True))
    record["verdict"] = json.loads(record["verdict"])
    record["explanation"] = json.loads(record["explanation"] or "null")
    commands = reader.query(_COMMAND, (record["id"],))
    record["commands"] = [dict(zip(commands.columns, row, strict=True)) for row in commands.rows]
    return record


def _window(reader: Reader, asset: str, record: dict[str, Any]) -> dict[str, list[AssetReading]]:
    """The readings up to the decision, by metric; empty when they are no longer stored."""
    explanation = record["explanation"] or {}
    span_ms = LEAD * round(1000 * float(explanation.get("span_s") or 0)) or SPAN_MS
    if _signals(record):
        span_ms = max(span_ms, SPAN_MS)  # a block takes a moment, and its rms is one point
    until_ms = int(record["at_ms"])
    found: dict[str, list[AssetReading]] = {}
    try:
        readings = reader.readings(asset, until_ms - span_ms, until_ms=until_ms)
    except StoreError:
        return {}
    for one in readings:
        if isinstance(one.value, float | int):
            found.setdefault(one.metric, []).append(one)
    return found


def _signals(record: dict[str, Any]) -> list[str]:
    """The metrics whose samples the decision rests on."""
    channels = (record["explanation"] or {}).get("channels", ())
    return sorted({str(one["channel"]) for one in channels if one.get("feature")})


def _blocks(reader: Reader, asset: str, record: dict[str, Any]) -> list[StoredSignal]:
    """The block that was judged, of each of them; none when they are no longer stored."""
    until_ms = int(record["at_ms"])
    found: list[StoredSignal] = []
    for metric in _signals(record):
        with suppress(StoreError):
            found += reader.signals(asset, until_ms - SPAN_MS, metric, until_ms=until_ms)
    return found


def _waveform(one: StoredSignal, signs: str) -> str:
    """The beginning of a block as a curve."""
    signal, unit = one.signal, f" {one.unit}" if one.unit else ""
    about = f"{len(signal.samples)} samples at {number(signal.rate_hz)} Hz"
    curve = sparkline(signal.samples[:WAVE], signs=signs)
    return f"samples   {curve}  {one.metric}: {about}, peak {number(signal.peak)}{unit}"


def _told(asset: str, record: dict[str, Any]) -> list[str]:
    verdict, explanation = record["verdict"], record["explanation"]
    lines = [
        f"{rfc3339(int(record['at_ms']))}  {asset}  {record['event']}: {verdict['label']}",
        f"decision  {record['id']}  policy {record['policy']}, mode {record['mode']}",
    ]
    why = explanation["words"] if explanation else ["not explained (yet)"]
    lines += [f"{'why' if i == 0 else '':9} {words}" for i, words in enumerate(why)]
    if explanation and explanation["note"]:
        lines.append(f"{'':9} ({explanation['note']})")
    lines.append(f"verdict   {_verdict(verdict)}")
    lines += [f"{'':9} {rung} abstained: {why}" for rung, why in verdict["abstained"].items()]
    if record["votes"]:
        lines.append(f"votes     {record['votes']}")
    return [*lines, *_commands(record)]


def _verdict(verdict: dict[str, Any]) -> str:
    text = f"{verdict['label']} by {verdict['rung']}"
    if verdict["score"] is not None:
        text += f", score {number(verdict['score'])}"
    if verdict["level"] is not None:
        text += f" against level {number(verdict['level'])}"
    if verdict.get("remote"):
        told = verdict["remote"]
        text += f", model {told['model']} {verdict['model_version']}".rstrip()
        text += f", request {told['request']} after {told['age_ms']} ms"
    elif verdict["model_version"]:
        text += f", version {verdict['model_version']} ({verdict['model_hash'][:12]})"
    return text


def _commands(record: dict[str, Any]) -> list[str]:
    """What was ordered, and what proves that it was done."""
    if record["refused"]:
        return [f"action    {record['action']}: refused, {record['refused']}"]
    if not record["commands"]:
        return [f"action    {record['action'] or 'none'}: nothing was sent"]
    lines = []
    for one in record["commands"]:
        ended = one["evidence"] or one["reason"]
        lines.append(
            f"command   {one['action']}: {one['set_json']} to {one['source']}/{one['device']}"
        )
        lines.append(f"{'':9} {one['state']}" + (f": {ended}" if ended else ""))
    return lines


def _plot(window: dict[str, list[AssetReading]], signs: str) -> list[str]:
    if not window:
        return ["", "the readings of that time are no longer stored one by one"]
    wide = max(map(len, window))
    lines = [""]
    for metric, readings in window.items():
        values = [float(one.value) for one in readings]
        unit = f" {readings[-1].unit}" if readings[-1].unit else ""
        low, high, last = map(number, (min(values), max(values), values[-1]))
        ends = f"{low} to {high}{unit}, last {last}"
        lines.append(f"{metric:{wide}}  {sparkline(values, signs=signs)}  {ends}")
    return lines
