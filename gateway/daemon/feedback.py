"""Feedback: ``request/feedback`` records what a person says of a decision, right or wrong."""

import asyncio
from collections.abc import Mapping

import structlog

from gateway.config.settings import Settings
from gateway.core import feedback
from gateway.core.audit import Kind, Record
from gateway.core.feedback import Decided
from gateway.core.requests import Request, RequestError
from gateway.daemon.announce import Announce
from gateway.daemon.journal import Journal
from gateway.errors import StoreError
from gateway.store.reader import Reader

_DECISION = (
    "SELECT id, asset, event, json_extract(verdict, '$.label'), at_ms, "
    "coalesce(json_extract(explanation, '$.span_s'), 0) FROM decision WHERE id = ?"
)

log = structlog.get_logger()


class Feedback:
    """Answers requests about decisions."""

    def __init__(self, settings: Settings, journal: Journal, announce: Announce) -> None:
        """The decisions are those of the store of these settings."""
        self._settings = settings
        self._journal = journal
        self._announce = announce

    async def answer(self, request: Request) -> Mapping[str, object]:
        """Record what is said; it is stored when this returns.

        Raises:
            RequestError: there is no such decision, or nothing is said of it.
        """
        id_ = request.text("decision")
        try:
            decided = await asyncio.to_thread(self._find, id_)
        except StoreError as error:
            raise RequestError(str(error)) from error
        body = feedback.read(request, decided)
        self._journal.batch.records.append(Record(Kind.FEEDBACK, id_, body))
        told = {name: body[name] for name in ("asset", "verdict", "label", "author")}
        self._announce.event("feedback_given", decision=id_, **told)
        log.info("feedback_given", decision_id=id_, **told)
        await self._journal.committed()
        return {"decision": id_} | body

    def _find(self, id_: str) -> Decided:
        """Called in a thread of its own.

        Raises:
            RequestError: there is none.
            StoreError: the store cannot be read.
        """
        with Reader.open(self._settings.store.path) as reader:
            rows = reader.query(_DECISION, (id_,)).rows
        if not rows:
            raise RequestError(f"no decision {id_!r}")
        _, asset, event, label, at_ms, span_s = rows[0]
        return Decided(id_, str(asset), str(event), str(label), int(str(at_ms)),
                       round(float(str(span_s)) * 1000))  # fmt: skip
