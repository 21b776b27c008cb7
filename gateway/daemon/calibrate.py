"""Calibrate: ``request/calibrate`` shows, redoes or resets what is normal on one asset.

The rows come from the store, read beside the daemon's own connection, so nothing waits for it.
"""

import asyncio
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final, NamedTuple

import structlog

from gateway.core import recalibration, times
from gateway.core.assets import Period
from gateway.core.calibration import Calibration
from gateway.core.ladder import ModelState
from gateway.core.recalibration import Stored
from gateway.core.requests import Request, RequestError
from gateway.core.topic_tree import Document
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.journal import Journal
from gateway.daemon.restore import calibration_key
from gateway.daemon.site import Site
from gateway.errors import StoreError
from gateway.store.reader import END_MS, Reader

OPS: Final = ("show", "redo", "reset")

log = structlog.get_logger()


class _Period(NamedTuple):
    """From when to when, of which the last ``rows`` rows; 0 for all of them."""

    since_ms: int
    until_ms: int
    rows: int
    source: str


class Calibrate:
    """The calibrations of a site, on request."""

    def __init__(
        self,
        site: Site,
        kept: MutableMapping[str, str],
        journal: Journal,
        announce: Announce,
        clock: Clock,
    ) -> None:
        """``kept``: what the store keeps of calibrations, for versions that come back."""
        self.site = site
        self._kept = kept
        self._journal = journal
        self._announce = announce
        self._clock = clock
        self.listed: Callable[[], list[Document]] = list
        """Every calibration, as health shows them."""

    async def answer(self, request: Request) -> Mapping[str, object]:
        """The calibrations of one asset, after what was asked was done.

        Raises:
            RequestError: it cannot be done; nothing was changed.
        """
        op = request.fields.get("op", "redo")
        if op == "list":
            return {"calibrations": self.listed()}
        if op not in OPS:
            raise RequestError(f"op should be one of {', '.join(OPS)}, list")
        asset = request.text("asset")
        states = self._states(asset, str(request.fields.get("model") or ""))
        if op != "show":
            made = [await self._new(op, asset, state, request) for _, state in states]
            for (model, state), learnt in zip(states, made, strict=True):
                self._take(asset, model, state, learnt)
        return {
            "asset": asset,
            "calibrations": {
                model: recalibration.summary(state.calibration, state.columns)
                | {"model_hash": state.hash, "version": state.version}
                for model, state in states
                if state.calibration is not None
            },
        }

    def _states(self, asset: str, model: str) -> list[tuple[str, ModelState]]:
        watch = self.site.watches.get(asset)
        if watch is None:
            raise RequestError(f"no asset {asset!r}; there are {', '.join(self.site.watches)}")
        known = {name: one for name, one in watch.models.items() if one.calibration is not None}
        if model and model not in known:
            raise RequestError(f"no model {model!r} is calibrated on {asset}: {', '.join(known)}")
        if not known:
            raise RequestError(f"no model of {asset} asks for a calibration")
        return [(name, one) for name, one in known.items() if model in ("", name)]

    async def learn(self, asset: str, model: str, state: ModelState, period: Period) -> None:
        """Learn from a period that the file names.

        Raises:
            StoreError: the history cannot be read.
            ValueError: it is too short; nothing was changed.
        """
        before = state.calibration
        assert before is not None  # noqa: S101  # its caller has seen to it
        wanted = _Period(*period, 0, period.source)
        self._take(
            asset, model, state, await asyncio.to_thread(self._learn, asset, state, before, wanted)
        )

    async def _new(
        self, op: object, asset: str, state: ModelState, request: Request
    ) -> Calibration:
        before = state.calibration
        assert before is not None  # noqa: S101  # _states has seen to it
        if op == "reset":
            number = before.number + 1
            return Calibration(before.rows, before.columns, number, "reset", level=before.level)
        period = _period(request, before.rows)
        try:
            return await asyncio.to_thread(self._learn, asset, state, before, period)
        except (StoreError, ValueError) as error:
            raise RequestError(str(error)) from error

    def _learn(
        self, asset: str, state: ModelState, before: Calibration, period: _Period
    ) -> Calibration:
        """Called in a thread of its own.

        Raises:
            StoreError: the history cannot be read.
            ValueError: it is too short.
        """
        with Reader.open(self.site.settings.store.path) as reader:
            found = reader.readings(asset, period.since_ms, until_ms=period.until_ms)
        good: list[Stored] = [
            (one.at_ms, one.metric, one.value)
            for one in found
            if one.reason == "ok" and not isinstance(one.value, str)
        ]
        about = self.site.watches[asset].asset
        history = list(recalibration.rows(good, state, about))
        return recalibration.learn(history[-period.rows :], before, period.source)

    def _take(self, asset: str, model: str, state: ModelState, learnt: Calibration) -> None:
        learnt.at_ms = self._clock.now_ms() if learnt.ready else 0
        state.calibration = learnt
        if state.drift is not None:
            state.drift.reset()  # what was usual is being learnt anew
        key = calibration_key(asset, model, state.hash)
        self._kept[key[1]] = self._journal.batch.kept[key] = learnt.to_json()
        self._journal.changed()
        keys = {"asset": asset, "model": model, "number": learnt.number, "rows": learnt.rows}
        log.info("model_calibrated", **keys, source=learnt.source)
        self._announce.event("model_calibrated", **keys, source=learnt.source)


def _period(request: Request, rows: int) -> _Period:
    """What ``rows``, or ``from`` and ``to``, ask for; without them the package's number of rows.

    Raises:
        RequestError: they cannot be read.
    """
    if "from" in request.fields or "to" in request.fields:
        since, until = request.text("from"), request.text("to")
        since_ms, until_ms = times.parse(since, "iso8601"), times.parse(until, "iso8601")
        if since_ms is None or until_ms is None or since_ms >= until_ms:
            raise RequestError(f"from {since!r} to {until!r} is no period: 2026-01-01T00:00:00Z")
        return _Period(since_ms, until_ms, 0, f"{since} to {until}")
    wanted = request.fields.get("rows", rows)
    if type(wanted) is not int or wanted < recalibration.LEAST:
        raise RequestError(f"rows should be a whole number from {recalibration.LEAST}")
    return _Period(0, END_MS, wanted, f"last {wanted} rows")
