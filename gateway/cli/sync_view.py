"""What there is to see of sync: the gateway's retained documents, else its ledger."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from gateway.cli.asking import Visit
from gateway.config import load_part
from gateway.errors import BrokerError, StoreError
from gateway.store import sync_notes
from gateway.store.sync_opening import ledger_of

WAIT_S: Final = 5.0
SETTLE_S: Final = 0.3
"""So long the word that the gateway is offline may come after what it left behind."""
_UNITS: Final = (("GB", 10**9), ("MB", 10**6), ("kB", 10**3))


class View(NamedTuple):
    """How the gateway is."""

    health: Mapping[str, Any]
    remark: str = ""
    """Why this is not of now; empty: it is."""
    assets: Mapping[str, Mapping[str, Any]] = MappingProxyType({})
    """What is known of each asset, where it was asked for."""


def look(path: Path, topic: str = "sync", wait_s: float = WAIT_S, *, assets: bool = False) -> View:
    """Look at a retained document; where it cannot be had, at the database.

    Args:
        path: the user's file.
        topic: ``health``, or ``sync``, which is newer.
        wait_s: for the broker.
        assets: the states of the assets, too.

    Raises:
        ConfigError: the user's file is wrong.
    """
    states: dict[str, Mapping[str, Any]] = {}

    def heard(at: str, one: Mapping[str, Any]) -> bool:
        if at.startswith("asset/"):
            states[at.split("/")[1]] = one
        return at == topic

    try:
        with Visit(path, topic, *(["asset/+/state"] if assets else []), wait_s=wait_s) as visit:
            told = visit.wait(heard)
            if told is not None:
                visit.wait(lambda at, one: heard(at, one) and False, SETTLE_S)
            if visit.offline:
                told = None
    except BrokerError as error:
        return View(_noted(path), f"{error}; this is from the database")
    if told is None:
        why = "the gateway is offline, or has told nothing yet"
        return View(_noted(path), f"{why}; this is from the database")
    return View({"sync": told} if topic == "sync" else told, assets=states)


def _noted(path: Path) -> Mapping[str, Any]:
    ledger = ledger_of(load_part(path, "gateway", "brokers", "store").store.path)
    try:
        notes = sync_notes.lanes(ledger)
    except StoreError:
        return {}
    sinks: dict[str, Any] = {}
    for note in notes:
        lanes = sinks.setdefault(note.sink, {"lanes": {}})["lanes"]
        lanes[note.lane] = {"state": "unknown", **note._asdict()}
    return {"sync": {"state": "unknown", "sinks": sinks}}


def lanes(health: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Every lane of every cloud, each with its sink."""
    return [
        {"sink": sink, "lane": name}
        | {key: told.get(key) for key in ("kind", "bytes_today", "budget")}
        | dict(lane)
        for sink, told in health.get("sync", {}).get("sinks", {}).items()
        for name, lane in told.get("lanes", {}).items()
    ]


def row(lane: Mapping[str, Any]) -> list[object]:
    """One line of the table."""
    waits = lane.get("waits")
    return [
        lane["sink"],
        lane["lane"],
        f"waits: {waits}" if waits else lane.get("state"),
        lane.get("left"),
        lane.get("rows_per_s"),
        span(lane.get("done_s")),
        lane.get("sent"),
        lane.get("refused"),
        size(lane.get("bytes_today")),
        lane.get("error") or None,
    ]


def span(seconds: int | None) -> str | None:
    """``2d 3h``, ``4h 5m``, ``12m 30s``, ``8s``."""
    if seconds is None:
        return None
    parts = ((seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"))
    parts += ((seconds // 60 % 60, "m"), (seconds % 60, "s"))  # type: ignore[assignment]
    shown = [f"{count}{unit}" for count, unit in parts if count][:2]
    return " ".join(shown) or "0s"


def size(count: int | None) -> str | None:
    """``1.2 MB``."""
    if count is None:
        return None
    for unit, factor in _UNITS:
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} B"
