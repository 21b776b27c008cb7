"""One connection to NATS, one subject of it, and that subject's last message.

Headers and error codes: nats-server, docs of JetStream "Publishing" and server/errors.json. All of
it runs on one loop; failures come out as the errors of a sink.
"""

import asyncio
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar
from urllib.parse import quote

from gateway.core.batches import Batch, Cursor, Header, Stream, read_header, unzip
from gateway.errors import (
    DecodeError,
    SinkGapError,
    SinkUnavailableError,
)
from gateway.sinks.nats_errors import failures, told
from gateway.sinks.nats_proofs import proofs, tls
from gateway.sinks.nats_settings import Settings

if TYPE_CHECKING:
    from nats.aio.client import Client
    from nats.js import JetStreamContext

T = TypeVar("T")
_EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
_HEADERS: Final = {"Content-Type": "application/x-ndjson", "Content-Encoding": "gzip"}
_WRONG_SEQUENCE, _NO_MESSAGE = 10071, 10037


class Head(NamedTuple):
    """The last message of a subject."""

    number: int
    """JetStream's; 0: there is none."""
    cursor: Cursor | None
    """None: there may have been one, and it is gone."""

    def holds(self, header: Header) -> bool:
        """The batch was published."""
        return self.cursor is not None and self.cursor.seq >= header.last

    def must_precede(self, header: Header) -> None:
        """Refuse what does not follow.

        Raises:
            SinkGapError: it does not.
        """
        if self.cursor is not None and self.cursor.seq != header.after:
            raise SinkGapError(*self.cursor)


def subject(prefix: str, stream: Stream) -> str:
    """Of a stream; what a subject cannot say is quoted as in a URL, and so is the dot.

    Source: NATS documentation, "Subject-Based Messaging".
    """
    return ".".join((prefix, *(quote(name, safe="").replace(".", "%2E") for name in stream)))


def patience_s(settings: Settings, batch: Batch) -> float:
    """How long a batch may take: a slow line gets a second for each kilobyte."""
    return settings.timeout_s + len(batch.payload) / 1_000


class Line:
    """The connection."""

    def __init__(self, settings: Settings, subject: str) -> None:
        self.most_bytes = 0
        self._settings = settings
        self._subject = subject
        self._client: Client | None = None
        self._gone: asyncio.Future[None]
        self._failure = ""

    async def open(self) -> None:
        """Connect to the first server that answers.

        Raises:
            SinkUnavailableError: none does, or it does not let us in.
        """
        from nats.aio.client import Client

        tried: list[str] = []
        for url in self._settings.url:
            options = self._options(url)
            client = self._client = Client()
            self._gone = asyncio.get_running_loop().create_future()
            try:
                with failures():
                    await client.connect(url, **options)
            except SinkUnavailableError as error:
                tried.append(f"{url}: {self._failure or error}")
                await self.close()
                continue
            # What is given back is base64 in JSON (``$JS.API.STREAM.MSG.GET``), a third longer.
            self.most_bytes = (client.max_payload - 4_096) * 3 // 4
            return
        raise SinkUnavailableError("; ".join(tried))

    async def look(self) -> Head:
        """Find the last message; make the stream if it is missing.

        Raises:
            SinkUnavailableError: it cannot be asked.
        """
        import nats.js.errors

        name = self._settings.stream
        with failures():
            try:
                last = await self._or_gone(self._jetstream.get_last_msg(name, self._subject))
            except nats.js.errors.NotFoundError as error:
                if error.err_code != _NO_MESSAGE:
                    await self._make()
                state = (await self._or_gone(self._jetstream.stream_info(name))).state
                return Head(0, Cursor() if state.last_seq == state.messages else None)
            return Head(last.seq or 0, _cursor(last.data or b""))

    async def publish(self, batch: Batch, after: int) -> Head:
        """Behind the message ``after``; what the last message is then, ours or another's.

        Raises:
            SinkUnavailableError: nobody knows whether it was stored.
            SinkRefusedError: it is too long.
        """
        import nats.js.errors

        headers = {**_HEADERS, _EXPECTED: str(after)}
        with failures():
            try:
                taken = await self._or_gone(
                    self._jetstream.publish(
                        self._subject,
                        batch.payload,
                        timeout=patience_s(self._settings, batch),
                        stream=self._settings.stream,
                        headers=headers,
                    )
                )
            except nats.js.errors.APIError as error:
                if error.err_code != _WRONG_SEQUENCE:
                    raise
                return await self.look()
            return Head(taken.seq, batch.header.cursor)

    async def close(self) -> None:
        """Let it go."""
        if self._client is not None:
            await self._client.close()

    @property
    def _jetstream(self) -> "JetStreamContext":
        settings = self._settings
        if self._client is None:
            raise SinkUnavailableError("not connected")
        return self._client.jetstream(domain=settings.domain or None, timeout=settings.timeout_s)

    async def _make(self) -> None:
        """A stream that rather refuses than forgets."""
        from nats.js.api import DiscardPolicy, StorageType, StreamConfig

        settings = self._settings
        new = StreamConfig(
            name=settings.stream,
            subjects=[f"{settings.subject}.>"],
            storage=StorageType.FILE,
            discard=DiscardPolicy.NEW,
        )
        await self._or_gone(self._jetstream.add_stream(new))

    def _options(self, url: str) -> dict[str, Any]:
        settings = self._settings
        try:
            known = {**proofs(settings), **tls(settings, url)}
        except (OSError, UnicodeError) as error:
            raise SinkUnavailableError(f"a file cannot be used: {error}", 30.0) from error
        return known | {
            "name": f"edge-gateway {self._subject}",
            "allow_reconnect": False,  # a lost connection is for whoever sends to know
            "max_reconnect_attempts": 1,  # 0 and less: without end, also for the first connect
            "reconnect_time_wait": 0.05,
            "closed_cb": self._ended,
            "connect_timeout": settings.connect_timeout_s,
            "ping_interval": 20,
            "error_cb": self._failed,
        }

    async def _or_gone(self, what: Coroutine[Any, Any, T]) -> T:
        """Its answer; the client itself would wait for it on a connection that has ended.

        Raises:
            ConnectionError: the connection ended, or the server forbids it.
        """
        task = asyncio.ensure_future(what)
        try:
            both: set[asyncio.Future[Any]] = {task, self._gone}
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            if not task.done():
                raise ConnectionError(self._failure or "the connection was lost")
            return task.result()
        finally:
            task.cancel()

    async def _failed(self, error: Exception) -> None:
        self._failure = told(error)
        if "permissions violation" in self._failure:
            await self._ended()

    async def _ended(self) -> None:
        if not self._gone.done():
            self._gone.set_result(None)


def _cursor(payload: bytes) -> Cursor:
    """What a message says.

    Raises:
        SinkUnavailableError: it is no batch; somebody else writes to our subject.
    """
    try:
        return read_header(unzip(payload).partition(b"\n")[0]).cursor
    except DecodeError as error:
        raise SinkUnavailableError(f"the subject holds what is no batch: {error}", 30.0) from error
