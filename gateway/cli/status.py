"""``edge-gateway status``: one screen about everything."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from gateway.cli.options import of_gateway
from gateway.core.glances import status, worst_first
from gateway.core.problem_ids import link_of

if TYPE_CHECKING:
    from gateway.cli.sync_view import View

ASSETS: Final = 20
"""Assets that are shown, the worst first."""
DROPS: Final = 8
"""Reasons of drops that are shown, the most frequent first."""
_GOOD: Final = frozenset({"answered"})


@click.command("status")
@of_gateway
@click.option("--json", "as_json", is_flag=True, help="The health document as it is.")
@click.pass_context
def command(context: click.Context, path: Path, *, as_json: bool) -> None:
    """Show links, sources, store, models, assets, clouds and what was dropped, on one screen.

    It is what the gateway itself says (``health``), at most 30 s old. Exits 0 when it runs and has
    no problem; 1 when it is degraded, or cannot be asked: then the database tells what it can.
    """
    from gateway.cli import sync_view

    view = sync_view.look(path, "health", assets=True)
    if as_json:
        told = {"remark": view.remark or None, "assets": view.assets} | dict(view.health)
        click.echo(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        click.echo("\n".join(lines(view, path)))
    context.exit(0 if view.health.get("state") == "running" else 1)


def lines(view: "View", path: Path) -> Iterator[str]:
    """The screen."""
    health = view.health
    if view.remark:
        yield f"gateway   {view.remark}"
        yield from _stored(path)
    else:
        yield f"gateway   {health.get('state')}, as of {health.get('ts')}"
    for problem in health.get("problems", ()):
        yield f"problem   {problem}"
        yield f"          {link_of(problem)}"
    yield from (f"restart   to change {key}" for key in health.get("restart_required", ()))
    for name, broker in health.get("brokers", {}).items():
        up = f"connected, MQTT {broker['protocol']}" if broker["connected"] else broker["error"]
        yield f"broker    {name}: {up or 'not connected'}"
    for name, source in health.get("sources", {}).items():
        yield f"source    {name}: {_source(source)}"
    store = health.get("store")
    if store:
        yield f"store     {_store(store)}"
    if "worker" in health:
        yield f"worker    {health['worker']['state']}"
    for name, model in health.get("models", {}).items():
        silent = f"{model['abstained']:.0%} without an answer"
        yield f"model     {name}: {model['turns']} turns, {silent}"
    yield from _assets(view.assets)
    yield from _sync(health)
    yield from _drops(health.get("counters", {}))


def _source(source: Mapping[str, Any]) -> str:
    last = source.get("last_s")
    heard = "nothing heard yet" if last is None else f"last message {last} s ago"
    told = f"{heard}, {source['messages']} messages, {source['readings']} readings"
    told += ", silent" if source.get("silent") else ""
    offline = source.get("offline") or ()
    return f"{told}, offline: {', '.join(offline)}" if offline else told


def _store(store: Mapping[str, Any]) -> str:
    from gateway.cli.sync_view import size, span

    told = f"{store['state']}, {size(store['bytes'])}"
    if "max_bytes" in store:
        told += f" of {size(store['max_bytes'])}"
    if store.get("full_in_s") is not None:
        told += f" (full in {span(store['full_in_s'])})"
    reports = store.get("rows", {}).get("report", 0)
    return f"{told}, {size(store.get('free_disk_bytes'))} free on the disk, {reports} reports"


def _assets(states: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """The worst first."""
    order = worst_first(states)
    for id_ in order[:ASSETS]:
        state = states[id_]
        score = "" if state.get("score") is None else f" {state['score']:.3g}"
        word = {"alert": ", raised", "seen": ", raised and acknowledged"}
        told = f"{state['label']}{score}"
        told += "" if state["rung"] == "none" else f" by {state['rung']}"
        told += word.get(status(state, heard=True), "")
        told += "".join(f", {one}" for one in ("hold", "maintenance") if state.get(one))
        yield f"asset     {id_}: {told}"
    if len(order) > ASSETS:
        yield f"asset     and {len(order) - ASSETS} more, no worse"


def _sync(health: Mapping[str, Any]) -> Iterator[str]:
    from gateway.cli.sync_view import lanes, span

    sync = health.get("sync", {})
    if sync.get("state", "off") not in ("off", "running", "unknown"):
        yield f"sync      {sync['state']}, restarted {sync.get('restarts')} times"
    for lane in lanes(health):
        left, done = lane.get("left"), span(lane.get("done_s"))
        told = f"{lane.get('state')}, {lane.get('sent')} rows sent"
        told += f", {left} left" if left else ""
        told += f" ({done} to go)" if left and done else ""
        told += f", waits: {lane['waits']}" if lane.get("waits") else ""
        told += f", {lane['refused']} refused" if lane.get("refused") else ""
        told += f", {lane['error']}" if lane.get("error") else ""
        yield f"cloud     {lane['sink']}/{lane['lane']}: {told}"


def _drops(counters: Mapping[str, int]) -> Iterator[str]:
    """What did not get through, and why, since the database was made."""
    drops = {key: n for key, n in counters.items() if key.rpartition("/")[2] not in _GOOD and n}
    for key in sorted(drops, key=lambda one: -drops[one])[:DROPS]:
        yield f"dropped   {key}: {drops[key]}"
    if len(drops) > DROPS:
        yield f"dropped   and for {len(drops) - DROPS} more reasons"


def _stored(path: Path) -> Iterator[str]:
    """What the database tells without the gateway."""
    from gateway.config import load_part
    from gateway.core.times import rfc3339
    from gateway.errors import StoreError
    from gateway.store.reader import Reader

    database = load_part(path, "gateway", "brokers", "store").store.path
    try:
        with Reader.open(database) as reader:
            count, newest = reader.query("SELECT count(*), max(at_ms) FROM report").rows[0]
    except StoreError as error:
        yield f"store     {error}"
        return
    when = rfc3339(newest) if isinstance(newest, int) else "never"
    yield f"store     {database}: {count} reports, the newest of {when}"
