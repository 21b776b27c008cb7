"""Periods: calibrations that the file asks for, learnt from the store of a time the user names.

Each period is applied once per asset, model and package: what was asked for afterwards by command
stands. A period that is not over yet is waited for. When its rows are too few nothing is learnt,
not from the first rows either: the model abstains, and health names the place in the file.
"""

import asyncio
from collections.abc import Iterator, MutableMapping
from typing import Final, NamedTuple

import structlog

from gateway.core.assets import model_rungs
from gateway.core.ladder import ModelState
from gateway.core.topic_tree import Document
from gateway.daemon.calibrate import Calibrate
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.restore import calibration_key
from gateway.daemon.site import Site
from gateway.errors import StoreError

LOOK_S: Final = 1.0

log = structlog.get_logger()


class _Due(NamedTuple):
    asset: str
    model: str
    state: ModelState

    @property
    def key(self) -> tuple[str, str]:
        """Where it is kept which period was applied."""
        kept = calibration_key(self.asset, self.model, self.state.hash)[1]
        return "calibration_period", kept


class Periods:
    """The calibrations of a site, and those that its file asks for."""

    def __init__(
        self,
        site: Site,
        calibrate: Calibrate,
        kept: MutableMapping[str, str],
        journal: Journal,
        clock: Clock,
    ) -> None:
        """``kept``: which periods were applied, by asset, model and hash."""
        self.site = self._tried = site
        self._calibrate = calibrate
        self._kept = kept
        self._journal = journal
        self._clock = clock
        self._failed: dict[tuple[str, str, str], str] = {}
        """(asset, model, hash) of those that could not be learnt, and why."""
        calibrate.listed = self.documents

    async def run(self) -> None:
        """Learn what is due, for ever."""
        while True:
            if self.site is not self._tried:  # the file was loaded again: try again
                self._tried = self.site
                self._failed.clear()
            for due in list(self._due()):
                await self._learn(due)
            await asyncio.sleep(LOOK_S)

    def _due(self) -> Iterator[_Due]:
        for asset, watch in self.site.watches.items():
            for model, state in watch.states():
                period, due = state.rung.calibrate, _Due(asset, model, state)
                if period is None or state.calibration is None:
                    continue
                applied = self._kept.get(due.key[1]) == period.source
                failed = (asset, model, state.hash) in self._failed
                if not applied and not failed and period.until_ms <= self._clock.now_ms():
                    yield due

    async def _learn(self, due: _Due) -> None:
        asset, model, state = due
        period = state.rung.calibrate
        assert period is not None  # noqa: S101  # _due has seen to it
        try:
            await self._calibrate.learn(asset, model, state, period)
        except (StoreError, ValueError) as error:
            self._failed[asset, model, state.hash] = str(error)
            place = self._place(asset, model)
            log.error("calibration_failed", asset=asset, model=model, place=place, error=str(error))
            return
        self._kept[due.key[1]] = self._journal.batch.kept[due.key] = period.source
        self._journal.changed()

    def _place(self, asset: str, model: str) -> str:
        """Where the file asks for it."""
        ladder = self.site.watches[asset].asset.ladder
        for at, rung in enumerate(ladder):
            if any(one.model == model for one in model_rungs((rung,))):
                return f"assets.{asset}.verdicts[{at}].calibrate"
        return f"assets.{asset}"

    def problems(self) -> Iterator[str]:
        """What could not be learnt, and where the file asks for it."""
        for (asset, model, _), why in self._failed.items():
            if asset in self.site.watches:
                yield f"{self._place(asset, model)}: model {model}: {why}"

    def documents(self) -> list[Document]:
        """Every calibration of the site."""
        return [
            _document(asset, model, state) | {"error": self._error(asset, model, state)}
            for asset, watch in self.site.watches.items()
            for model, state in watch.models.items()
            if state.calibration is not None
        ]

    def _error(self, asset: str, model: str, state: ModelState) -> str | None:
        return self._failed.get((asset, model, state.hash))


def _document(asset: str, model: str, state: ModelState) -> Document:
    learnt = state.calibration
    assert learnt is not None  # noqa: S101  # its caller has seen to it
    return {
        "asset": asset,
        "model": model,
        "version": state.version,
        "number": learnt.number,
        "ready": learnt.ready,
        "seen": learnt.seen,
        "rows": learnt.rows,
        "source": state.rung.calibrate.source
        if state.awaits and state.rung.calibrate
        else learnt.source or "first rows",
    }
