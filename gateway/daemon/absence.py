"""Absence: what was done while this gateway was dead, taken up into the record at its next start.

By ``edge-gateway fail-safe``, which leaves a file beside the store, or by a broker that published a
will: nobody tells us that, so after an absence that was long enough it is taken for published.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

import structlog

from gateway.core import absence
from gateway.core.absence import Done
from gateway.core.wills import declared
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.docket import Docket
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site, ids
from gateway.daemon.wills import LATER_S
from gateway.store.files import beside

SUFFIX: Final = ".fail-safe"

log = structlog.get_logger()


def place(store: Path) -> Path:
    """The file beside the store that tells what was done."""
    return beside(store, SUFFIX)


class Absence:
    """What was done without us."""

    def __init__(
        self,
        site: Site,
        act: Act,
        docket: Docket,
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """Nothing is taken up yet."""
        self._site = site
        self._act = act
        self._docket = docket
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self._taken = False

    def take_up(self, kept: Mapping[str, str], away_ms: int, known: Iterable[str]) -> None:
        """Record what was done; ``known``: ids of decisions that are on record already."""
        file = place(self._site.settings.store.path)
        try:
            told = absence.read(file.read_text())
        except (OSError, UnicodeError):
            told = []
        on_record = set(known)
        dones = [one for one in told if one.decision not in on_record]
        dones += self._willed(kept, away_ms, absence.given(told))
        for done in dones:
            self._take(done)
        self._taken = bool(dones)

    async def settled(self) -> None:
        """Everything is on record: the file has served."""
        if self._taken:
            await self._journal.committed()
        place(self._site.settings.store.path).unlink(missing_ok=True)

    def _willed(self, kept: Mapping[str, str], away_ms: int, done: set[str]) -> Iterator[Done]:
        new_id = ids(self._clock)
        if self._site.settings.fleet is not None:
            return  # who took over took the will back
        for asset, text in kept.items():
            watch = self._site.watches.get(asset)
            if watch is None or not declared(watch.asset) or asset in done:
                continue
            safe = watch.asset.fail_safe
            assert safe is not None  # noqa: S101  # declared
            waited_ms = (safe.death_ms or 0) + LATER_S * 1000
            if not json.loads(text).get("armed") or away_ms < waited_ms:
                continue
            action = watch.asset.actions[safe.action]
            yield Done(
                *(new_id(), new_id(), asset, safe.action, safe.value),
                set=dict(action.said(safe.value)),
                at_ms=self._clock.now_ms() - away_ms + waited_ms,
                dead_ms=waited_ms,
                said="will",
            )

    def _take(self, done: Done) -> None:
        watch = self._site.watches.get(done.asset)
        action = None if watch is None else watch.asset.actions.get(done.action)
        if watch is None or action is None:
            log.warning("absence_unknown", asset=done.asset, action=done.action)
            return
        mono_ms = self._clock.mono_ms()
        made = absence.decision(done, watch.asset, mono_ms)
        self._journal.batch.decisions.append(made)
        self._announce.decision(made)
        log.warning(
            "absence_taken_up",
            asset=done.asset,
            action=done.action,
            cause=made.verdict.cause,
            said=done.said,
            refused=done.refused,
        )
        if done.refused:
            return
        bridge = self._site.feeds[action.source].bridge
        command = absence.command(done, made, action, bridge, self._clock.boot, mono_ms)
        self._docket.record(command)
        self._act.restore([command])
        watch.failed_safe = True
