"""Every row is what docs/sync-row.schema.json says."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from gateway.core.alerts import Kind as Told
from gateway.core.audit import Kind as Recorded
from gateway.core.audit import Record
from gateway.core.batches import Lane, Stream, pack, unpack
from gateway.core.checkpoints import Checkpoint
from gateway.core.choices import Choice, Kind, RowKind, lanes
from gateway.core.commands import Command
from gateway.core.verdicts import Decision, Mode, Verdict
from gateway.store.batch import Batch, SyncRow
from gateway.store.settings import DAY_MS
from gateway.store.writer import Store
from tests.sync.rooms import (
    NOW_MS,
    POWER,
    RUNNING,
    WORD,
    choice,
    cutter,
    everything,
    open_store,
    stored,
)

SCHEMA = json.loads((Path(__file__).parents[2] / "docs/sync-row.schema.json").read_text())
EVENTS = (Kind.DECISIONS, Kind.ALERTS, Kind.AUDIT, Kind.HEALTH)
ALL = frozenset({*(kind.value for kind in RowKind), *(kind.value for kind in Recorded)})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A database in which everything has happened, and old reports are gone."""
    made = open_store(tmp_path_factory.mktemp("db"), keep_ms={"readings": DAY_MS})
    made.commit(Batch(reports=[stored(n * 1_000) for n in range(5)]))
    verdict = Verdict("pump-7", NOW_MS, 1_000, "rule:1", "alarm")
    decided = Decision("d1", "pump-7", "pump-7/policy/0", "raised", Mode.ACT, "stop", verdict)
    ordered = Command(
        *("c1", "d1", "pump-7", "stop", "zigbee", "plug", {"state": "OFF"}),
        *(NOW_MS, NOW_MS + 10, 1_000, 2_000, 12_000, "boot-1"),
    )
    records = [Record(kind, "x", {"asset": "pump-7"}) for kind in Recorded]
    made.commit(Batch(decisions=[decided], commands=[ordered], records=records, at_ms=NOW_MS))
    told = [SyncRow("alert", "", NOW_MS, json.dumps({"kind": one, "text": "?"})) for one in Told]
    health = SyncRow("health", "", NOW_MS, '{"state":"running"}')
    checkpoint = Checkpoint(2, b"", made.opened.epoch, "key", '{"seq":2}')
    made.commit(Batch(sync_rows=[*told, health], checkpoints=[checkpoint]))
    late = [(POWER, 1.0), (RUNNING, True), (WORD, "on")]
    made.commit(Batch(reports=[stored(2 * DAY_MS, *late, clock_ok=False)]))
    made.commit(Batch(reports=[stored(2 * DAY_MS + 60_000, *late)]))
    made.commit(Batch(reports=[stored(2 * DAY_MS + 120_000, *late)]))
    while made.maintain(NOW_MS, clock_ok=True, mono_ms=2 * DAY_MS + 1_000_000).more:
        pass
    yield made
    made.close()


def rows(store: Store, chosen: Choice) -> list[dict[str, Any]]:
    """As a receiver reads them."""
    found: list[dict[str, Any]] = []
    for lane in lanes(chosen):
        if lane is not Lane.BACKFILL:
            cut, _ = everything(cutter(store, chosen, lane))
            found += unpack(pack(Stream("g", "e", lane), 0, cut, "p").payload)[1]
    return found


@pytest.mark.parametrize("readings", [Kind.READINGS, Kind.MINUTES])
@pytest.mark.parametrize("pseudonyms", [False, True])
@pytest.mark.parametrize("assets", [(), ("pump-7",)])
def test_every_row_is_of_the_schema(
    store: Store, readings: Kind, assets: tuple[str, ...], *, pseudonyms: bool
) -> None:
    chosen = replace(choice(*EVENTS, readings, assets=assets), pseudonyms=pseudonyms)
    found = rows(store, chosen)
    check = jsonschema.Draft202012Validator(SCHEMA)
    for row in found:
        check.validate(row)
    other = {Kind.READINGS: "reading_1m", Kind.MINUTES: "reading"}[readings]
    assert {row["kind"] for row in found} == ALL - {other}


def test_control_a_row_that_says_more_is_not(store: Store) -> None:
    check = jsonschema.Draft202012Validator(SCHEMA)
    for row in rows(store, choice(*EVENTS, Kind.READINGS)):
        assert not check.is_valid({**row, "more": 1})
        assert not check.is_valid({**row, "kind": "other"})
