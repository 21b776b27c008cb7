"""Where both ways in meet: a batch is opened, judged, stored and answered, in whatever thread."""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from gateway.core.batches import Answer, Cursor, Header, Stream
from gateway.errors import SinkUnavailableError
from gateway.receiver.credit import Credit
from gateway.receiver.parcel import Parcel, open_parcel
from gateway.receiver.ports import Store, Taken

MOST_STREAMS: Final = 100_000
QUIET_MS: Final = 60_000
log = structlog.get_logger()


class Desk:
    """Takes batches for one store."""

    def __init__(
        self,
        store: Store,
        credit: Credit,
        wall_ms: Callable[[], int],
        mono_ms: Callable[[], int],
    ) -> None:
        self._store = store
        self._credit = credit
        self._wall_ms, self._mono_ms = wall_ms, mono_ms
        self._lock = threading.Lock()
        self._known: set[Stream] = set()
        self._told: dict[Stream, int] = {}
        """When refused rows of a stream were last logged."""

    def take(
        self, payload: bytes, allowed: Callable[[Header], str], *, strict: bool = True
    ) -> tuple[Header, Answer]:
        """Take a batch; ``allowed`` says why this sender may not send it, or nothing.

        ``strict``: one that comes faster than was granted is sent away.

        Raises:
            DecodeError: it is no batch.
            PermissionError: it is somebody else's.
            SinkUnavailableError: its stream sends more than its share; wait so long.
            SinkGapError: the cursor stands elsewhere.
            StoreError: it cannot be stored now.
        """
        parcel = open_parcel(payload)
        header = parcel.header
        if why := allowed(header):
            raise PermissionError(why)
        with self._lock:
            debt_s = self._credit.debt_s(header.stream, self._mono_ms())
        if strict and debt_s > 0:
            raise SinkUnavailableError("more than the rate that was granted", debt_s)
        taken = self._store.take(parcel, self._wall_ms())
        self._tell(parcel, taken)
        with self._lock:
            rate, wait_s = self._credit.grant(header.stream, taken.rows, self._mono_ms())
        return header, Answer(taken.cursor, taken.refused, rate, wait_s)

    def cursor(self, stream: Stream) -> Cursor:
        """How far a stream is.

        Raises:
            StoreError: nobody knows.
        """
        return self._store.cursor(stream)

    def _tell(self, parcel: Parcel, taken: Taken) -> None:
        stream = parcel.header.stream
        if stream not in self._known:
            if len(self._known) > MOST_STREAMS:
                self._known.clear()
            self._known.add(stream)
            log.info("stream_began", stream=str(stream), seq=taken.cursor.seq)
        if parcel.aside and self._is_news(stream):
            first = parcel.aside[0]
            log.warning(
                "rows_refused",
                stream=str(stream),
                count=len(parcel.aside),
                seq=first.seq,
                reason=first.reason,
            )
        for alarm in taken.alarms:
            log.error("audit_head_contradicted", gateway=stream.gateway, reason=alarm)

    def _is_news(self, stream: Stream) -> bool:
        """Refused rows of a stream are told of once a minute: a wrong gateway sends many."""
        now = self._mono_ms()
        if now - self._told.get(stream, -QUIET_MS) < QUIET_MS:
            return False
        if len(self._told) > MOST_STREAMS:
            self._told.clear()
        self._told[stream] = now
        return True


def rejected(payload: bytes, error: Exception, via: str) -> None:
    """Log a payload that is no batch."""
    log.warning("batch_rejected", via=via, reason=str(error)[:200], bytes=len(payload))
