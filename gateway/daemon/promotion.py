"""Promotion by command: ``<base>/request/model`` asks for promote, rollback or versions."""

import asyncio
from collections.abc import Mapping
from typing import Final

from gateway.core import lineages
from gateway.core.lineages import NotNowError
from gateway.core.requests import Request, RequestError
from gateway.core.topic_tree import rfc3339
from gateway.core.trials import Rules
from gateway.core.versions import JUDGING, Lineage, State, Version
from gateway.daemon.clock import Clock
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal
from gateway.daemon.versions import Versions, figures

LOAD_S: Final = 20.0
"""How long a rollback waits for the previous version to be loaded."""


class Promotion:
    """Answers requests about versions."""

    def __init__(
        self, versions: Versions, inference: Inference, journal: Journal, clock: Clock
    ) -> None:
        """What is asked about, and changed."""
        self._versions = versions
        self._inference = inference
        self._journal = journal
        self._clock = clock

    async def answer(self, request: Request) -> Mapping[str, object]:
        """Do what ``op`` says; the change is stored when this returns.

        Raises:
            RequestError: it cannot be done; the message says why.
        """
        op = request.fields.get("op", "versions")
        if op == "versions":
            return {"models": [self._table(model) for model in sorted(self._versions.lineages)]}
        model = request.text("model")
        known = sorted(self._versions.lineages)
        if model not in known:
            raise RequestError(f"no model {model!r}: there are {', '.join(known) or 'none'}")
        try:
            if op == "promote":
                self._promote(model, force=request.fields.get("force") is True)
            elif op == "rollback":
                await self._roll_back(model)
            else:
                raise RequestError(f"op {op!r}: there are promote, rollback and versions")
        except NotNowError as error:
            raise RequestError(str(error)) from error
        await self._journal.committed()
        return self._table(model)

    def _promote(self, model: str, *, force: bool) -> None:
        lineage = self._versions.lineages[model]
        self._versions.become(lineages.promote(lineage, self._clock.now_ms(), force=force))

    async def _roll_back(self, model: str) -> None:
        """Load the version that is gone back to before it judges, so that nobody waits for it."""
        previous = self._versions.lineages[model].previous
        if previous is not None:
            name = self._versions.call_back(model, previous)
            try:
                async with asyncio.timeout(LOAD_S):
                    await self._inference.has(name)
            except TimeoutError:
                raise RequestError(f"version {previous.version} could not be loaded") from None
            finally:
                self._versions.called_back.discard(name)
        lineage = self._versions.lineages[model]
        self._versions.become(lineages.roll_back(lineage, self._clock.now_ms(), "by command"))

    def _table(self, model: str) -> dict[str, object]:
        lineage, rules = self._versions.lineages[model], self._versions.rules(model)
        rows = [_row(lineage, one, rules) for one in lineage.versions]
        return {"model": model, "versions": rows}


def _row(lineage: Lineage, one: Version, rules: Rules) -> dict[str, object]:
    wanted = {State.SHADOW: rules.windows, State.PROBATION: rules.probation}.get(one.state)
    return {
        "version": one.version,
        "hash": one.hash,
        "state": one.state.value,
        "judges": one.state in JUDGING,
        "previous": lineage.previous is one,
        "since": rfc3339(one.since_ms),
        "why": one.why or None,
        "strikes": one.strikes,
        "path": one.path,
        "of": wanted,
        **figures(one.tally),
    }
