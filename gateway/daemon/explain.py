"""Explain: why decisions were made, asked after they are recorded and their commands are sent.

One at a time, behind the judging of the same worker: an explanation takes a run of the model, or at
most ``LIMIT_S``. The decision does not wait for it and does not need it.
"""

import asyncio
import json
from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

import structlog

from gateway.core import explanations
from gateway.core.explanations import Explanation
from gateway.core.inquiries import Inquiries, Inquiry
from gateway.core.members import Member, of_members
from gateway.core.verdicts import Decision
from gateway.daemon.announce import Announce
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal

LIMIT_S: Final = 1.0
PENDING: Final = 64
"""Decisions that wait to be explained; the oldest gives way."""

log = structlog.get_logger()


class _Due(NamedTuple):
    decision: Decision
    about: Inquiry | Inquiries | Explanation


class Explain:
    """The explanations of a site."""

    def __init__(self, inference: Inference, journal: Journal, announce: Announce) -> None:
        """Nothing is to be explained."""
        self._inference = inference
        self._journal = journal
        self._announce = announce
        self._due: deque[_Due] = deque()
        self._wake = asyncio.Event()
        self._busy = False
        self._settled = asyncio.Event()

    def offer(self, decision: Decision, about: Inquiry | Inquiries | Explanation) -> None:
        """A decision was made; what its verdict saw was taken down."""
        if len(self._due) == PENDING:
            lost = self._due.popleft()
            self._journal.batch.counts["explain", "overdue"] += 1
            log.warning("explanation_dropped", decision_id=lost.decision.id)
        self._due.append(_Due(decision, about))
        self._wake.set()

    async def settled(self) -> None:
        """Wait until everything that was offered is explained."""
        while self._due or self._busy:
            self._settled.clear()
            await self._settled.wait()

    async def run(self) -> None:
        """Explain what is offered, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            self._busy = True
            while self._due:
                decision, about = self._due.popleft()
                self._record(decision, await self._explained(decision, about))
            self._busy = False
            self._settled.set()

    async def _explained(
        self, decision: Decision, about: Inquiry | Inquiries | Explanation
    ) -> Explanation:
        if isinstance(about, Explanation):
            return about
        if isinstance(about, Inquiries):
            told = [await self._member(decision, *one) for one in about.each]
            return of_members(decision.verdict, about, told)
        found = await self._inference.explain(
            about.question, about.baseline, about.wanted.method, LIMIT_S
        )
        if isinstance(found, str):
            log.warning("explanation_failed", decision_id=decision.id, error=found)
            return explanations.of_score(decision.verdict, found, about.span_ms)
        causes = about.causes(found.weights, found.baseline, found.values)
        return explanations.of_model(
            decision.verdict, found.method, causes, about.wanted.top, about.span_ms
        )

    async def _member(
        self, decision: Decision, said: Mapping[str, object], about: Inquiry | None
    ) -> Member:
        if about is None:
            return Member(said, "none", (), "its package asks for no explanation")
        found = await self._inference.explain(
            about.question, about.baseline, about.wanted.method, LIMIT_S
        )
        if isinstance(found, str):
            log.warning("explanation_failed", decision_id=decision.id, error=found)
            return Member(said, "none", (), found)
        causes = about.causes(found.weights, found.baseline, found.values)
        return Member(said, found.method, tuple(causes), "")

    def _record(self, decision: Decision, explanation: Explanation) -> None:
        tree = explanations.document(decision, explanation)
        self._journal.batch.explanations[decision.id] = json.dumps(tree, ensure_ascii=False)
        self._announce.explanation(decision, tree)
        self._journal.changed()
        log.info("decision_explained", decision_id=decision.id, words=list(explanation.words))
