"""Requests: one small router from ``<base>/request/<name>`` and the ``set`` topics to who answers.

A request is asked now, by somebody who waits: one that the broker kept (retained, or queued while
we were away) is refused and reported, never done late. What people decide has a lane of its own: a
stop does not wait behind a calibration.
"""

import asyncio
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import structlog

from gateway.core import requests, topic_tree
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.core.requests import Asked, Request, RequestError, Response
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.links import Link, ignore
from gateway.daemon.site import Site
from gateway.errors import NotConnectedError

WAITING: Final = 32
"""Requests of a lane that wait for the one before them; more are refused."""
ANSWER_S: Final = 60.0
HEARD_S: Final = 15.0
"""Longest wait for the answer of somebody in this process."""

Answer = Callable[[Request], Awaitable[Mapping[str, object]]]
"""Does what is asked and returns the data; raises RequestError."""


class Part(NamedTuple):
    """What a gateway has to do with what people set; in a fleet all do it, and one answers."""

    request: Request
    answers: bool = True


log = structlog.get_logger()


class _Lane:
    """Who answers what, one after the other."""

    def __init__(self) -> None:
        """Nobody answers anything yet."""
        self.answers: dict[str, Answer] = {}
        self.waiting: asyncio.Queue[tuple[Request, str]] = asyncio.Queue(WAITING)


class Requests:
    """The router, on the broker that our own topics are on."""

    def __init__(self, base: str, site: Site, link: Link, announce: Announce, clock: Clock) -> None:
        """Nobody answers anything yet."""
        self.site = site
        self._base = base
        self._link = link
        self._announce = announce
        self._clock = clock
        self._lanes = {False: _Lane(), True: _Lane()}
        self._asked: dict[object, asyncio.Future[Response]] = {}
        """Transaction -> who waits for the response inside this process."""
        self.part: Callable[[Request, str], Part | None] = lambda request, _base: Part(request)
        """What is ours of a request on the ``set`` topics of a base; None: nothing."""
        fleet = site.settings.fleet is not None  # whoever commands the asset answers for us
        filters = (requests.REQUESTS, *requests.SETS, *([requests.RESPONSES] if fleet else ()))
        link.own = (*link.own, *(Subscription(f"{base}/{one}") for one in filters))

    def register(self, name: str, answer: Answer, *, sets: bool = False) -> None:
        """``answer`` takes the requests of this name; ``sets``: those of its ``set`` topics."""
        self._lanes[sets].answers[name] = answer

    def heard(self, message: Message, *, live: bool, base: str = "") -> bool:
        """Take a message if it is a request; True when it is.

        Args:
            message: what was heard.
            live: it is not from a backlog.
            base: of another gateway of the fleet; empty: our own.
        """
        base = base or self._base
        if requests.is_response(message.topic, self._base):
            self._hear(message)
            return True
        about = requests.asked(message.topic, base)
        if about is None:
            return False
        if message.retain:
            if message.payload:
                self._report(message)
            return True
        asked = requests.unread(message, about)
        try:
            asked = requests.read(message, about)._replace(late=not live)
            self._check(asked, about)
        except RequestError as error:
            log.warning("request_refused", topic=message.topic, error=str(error))
            if base == self._base:
                self._say(asked, Response({}, str(error)), base)
            return True
        self._lanes[about.sets].waiting.put_nowait((asked, base))
        return True

    async def ask(self, request: Request) -> Response:
        """Have done what somebody asks of a ``set`` topic, as if it had been heard.

        In a fleet it is said on our own topics, where every member hears it.
        """
        request = request._replace(transaction=f"page-{secrets.token_hex(8)}")
        answered: asyncio.Future[Response] = asyncio.get_running_loop().create_future()
        self._asked[request.transaction] = answered
        try:
            self._check(request, Asked(request.name, request.asset, sets=True))
            if self.site.settings.fleet is None:
                self._lanes[True].waiting.put_nowait((request, self._base))
            else:
                self._link.publish(_message(self._base, request), expires_s=ANSWER_S, done=ignore)
            async with asyncio.timeout(HEARD_S):
                return await answered
        except (RequestError, NotConnectedError) as error:
            return Response({}, str(error))
        except TimeoutError:
            return Response({}, f"not answered within {HEARD_S:g} s: look whether it was done")
        finally:
            del self._asked[request.transaction]

    def _hear(self, message: Message) -> None:
        """Another gateway has answered what somebody in this process asks."""
        transaction, response = requests.answered(message.payload)
        asked = self._asked.get(transaction)
        if asked is not None and not asked.done():
            asked.set_result(response)

    def _report(self, message: Message) -> None:
        """A retained request is told to everybody: it waits there until somebody clears it."""
        why = "retained: it would be done at each connect; clear the topic"
        log.warning("request_refused", topic=message.topic, error=why)
        self._announce.event("request_refused", topic=message.topic, error=why)

    def _check(self, request: Request, about: Asked) -> None:
        lane = self._lanes[about.sets]
        if request.late and not about.sets:  # what people set may have been done before
            raise RequestError(requests.LATE)
        if request.name not in lane.answers:
            raise RequestError(f"nobody answers that; there are {', '.join(sorted(lane.answers))}")
        if lane.waiting.full():
            raise RequestError("too many requests wait: ask again")

    async def run(self) -> None:
        """Answer one request of a lane after the other, for ever."""
        await asyncio.gather(*(self._serve(lane, sets=sets) for sets, lane in self._lanes.items()))

    async def _serve(self, lane: _Lane, *, sets: bool) -> None:
        while True:
            request, base = await lane.waiting.get()
            part = self.part(request, base) if sets else Part(request)
            if part is None:
                continue
            request = part.request
            try:
                async with asyncio.timeout(ANSWER_S):
                    response = Response(await lane.answers[request.name](request))
            except RequestError as error:
                response = Response({}, str(error))
            except TimeoutError:
                response = Response({}, f"not done within {ANSWER_S:g} s")
            log.info(
                "request_answered",
                request=request.name,
                asset=request.asset,
                fields=dict(request.fields),
                error=response.error,
            )
            if part.answers:
                self._say(request, response, base)

    def _say(self, request: Request, response: Response, base: str) -> None:
        """To the response topic of the base, and to the one that was given."""
        asked = self._asked.get(request.transaction)
        if asked is not None and not asked.done():
            asked.set_result(response)
        payload = topic_tree.encode(
            requests.document(request, response, self._clock.now_ms()),
        )
        self._publish(Outgoing(f"{base}/response/{request.name}", payload))
        if not request.reply_to:
            return
        filters = [wanted.filter for wanted in self.site.subscriptions(self._link.name)]
        filters.append(self._base)  # nor where people decide, here or at another gateway
        if requests.may_answer(request.reply_to, filters):
            self._publish(Outgoing(request.reply_to, payload, correlation=request.correlation))
        else:
            log.warning("response_topic_refused", topic=request.reply_to[:256])

    def _publish(self, outgoing: Outgoing) -> None:
        try:
            self._link.publish(outgoing, expires_s=ANSWER_S, done=ignore)
        except (NotConnectedError, ValueError) as error:
            log.warning("response_lost", topic=outgoing.topic, error=str(error))


def _message(base: str, request: Request) -> Outgoing:
    """A request as a person would have published it."""
    place = f"asset/{request.asset}/{request.name}" if request.asset else request.name
    document = dict(request.fields) | {"transaction": request.transaction}
    return Outgoing(f"{base}/{place}/set", topic_tree.encode(document))
