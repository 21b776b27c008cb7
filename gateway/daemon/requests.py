"""Requests: one small router from ``<base>/request/<name>`` to who answers it.

A request is asked now, by somebody who waits: one that the broker kept (retained, or queued while
we were away) is refused and reported, never done late.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog

from gateway.core import requests, topic_tree
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.core.requests import Request, RequestError, Response
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link, ignore
from gateway.daemon.site import Site
from gateway.errors import NotConnectedError

WAITING: Final = 32
"""Requests that wait for the one before them; more are refused."""
ANSWER_S: Final = 60.0

Answer = Callable[[Request], Awaitable[Mapping[str, object]]]
"""Does what is asked and returns the data; raises RequestError."""

log = structlog.get_logger()


class Requests:
    """The router, on the broker that our own topics are on."""

    def __init__(self, base: str, site: Site, link: Link, clock: Clock) -> None:
        """Nobody answers anything yet."""
        self.site = site
        self._base = base
        self._root = f"{base}/request/"
        self._link = link
        self._clock = clock
        self._answers: dict[str, Answer] = {}
        self._waiting: asyncio.Queue[Request] = asyncio.Queue(WAITING)
        link.own = (*link.own, Subscription(f"{self._root}#"))

    def register(self, name: str, answer: Answer) -> None:
        """``answer`` takes the requests of this name."""
        self._answers[name] = answer

    def heard(self, message: Message, *, live: bool) -> bool:
        """Take a message if it is a request; True when it is. Not ``live``: from a backlog."""
        if not message.topic.startswith(self._root):
            return False
        if message.retain and not message.payload:
            return True
        try:
            request = self._read(message, live=live)
        except RequestError as error:
            log.warning("request_refused", topic=message.topic, error=str(error))
            if not message.retain:
                name = message.topic.removeprefix(self._root)
                asked = Request(name, {}, None, *requests.reply(message.properties))
                self._say(asked, Response({}, str(error)))
            return True
        self._waiting.put_nowait(request)
        return True

    def _read(self, message: Message, *, live: bool) -> Request:
        request = requests.read(message, self._root)
        if not live:
            raise RequestError("asked while the gateway was away: ask again")
        if request.name not in self._answers:
            raise RequestError(f"nobody answers that; there are {', '.join(sorted(self._answers))}")
        if self._waiting.full():
            raise RequestError("too many requests wait: ask again")
        return request

    async def run(self) -> None:
        """Answer one request after the other, for ever."""
        while True:
            request = await self._waiting.get()
            try:
                async with asyncio.timeout(ANSWER_S):
                    response = Response(await self._answers[request.name](request))
            except RequestError as error:
                response = Response({}, str(error))
            except TimeoutError:
                response = Response({}, f"not done within {ANSWER_S:g} s")
            log.info(
                "request_answered",
                request=request.name,
                fields=dict(request.fields),
                error=response.error,
            )
            self._say(request, response)

    def _say(self, request: Request, response: Response) -> None:
        """To our own topic, and to the response topic where one was given."""
        payload = topic_tree.encode(
            requests.document(request, response, self._clock.now_ms()),
        )
        self._publish(Outgoing(f"{self._base}/response/{request.name}", payload))
        if not request.reply_to:
            return
        filters = [wanted.filter for wanted in self.site.subscriptions(self._link.name)]
        if requests.may_answer(request.reply_to, filters):
            self._publish(Outgoing(request.reply_to, payload, correlation=request.correlation))
        else:
            log.warning("response_topic_refused", topic=request.reply_to[:256])

    def _publish(self, outgoing: Outgoing) -> None:
        try:
            self._link.publish(outgoing, expires_s=ANSWER_S, done=ignore)
        except (NotConnectedError, ValueError) as error:
            log.warning("response_lost", topic=outgoing.topic, error=str(error))
