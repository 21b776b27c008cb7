"""A cloud's model over MQTT 5: a question to a topic, the answer to our own response topic.

Answers are told apart by their correlation data, so one that comes when nobody waits for it any
more is nobody's.
"""

import asyncio
from collections.abc import Callable
from typing import Final

from gateway.core import oip
from gateway.core.messages import Message
from gateway.core.ports import Outgoing, Subscription
from gateway.core.requests import reply
from gateway.daemon.links import Link
from gateway.errors import CloudRefusedError, CloudUnavailableError, NotConnectedError

_OURS: Final = frozenset({"not_authorized", "topic_name_invalid", "too_large"})
"""Reasons of a broker that say that the question can never be put."""


class MqttWay:
    """The way to whoever answers on one topic."""

    def __init__(self, link: Link, topic: str, answers: str, late: Callable[[], None]) -> None:
        """``answers``: our response topic; ``late``: hears of answers nobody waits for any more."""
        self._link = link
        self._topic = topic
        self.answers = answers
        self.subscription = Subscription(answers)
        self._waiting: dict[bytes, asyncio.Future[bytes]] = {}
        self._late = late

    async def send(self, id_: str, body: bytes, deadline_s: float) -> bytes:
        """Publish a question and wait for its answer.

        Raises:
            CloudUnavailableError: the broker is away, or nobody listens there.
            CloudRefusedError: the broker forbids it.
        """
        if self._link.client.state.protocol == "3.1.1":
            raise CloudRefusedError("its broker speaks MQTT 3.1.1, which knows no response topic")
        correlation = id_.encode()
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[correlation] = answer
        outgoing = Outgoing(self._topic, body, correlation=correlation, reply_to=self.answers)

        def done(delivered: bool, reason: str) -> None:  # noqa: FBT001  # the shape of Done
            if not delivered and not answer.done():
                answer.set_exception(_trouble(reason))

        try:
            self._link.publish(outgoing, expires_s=deadline_s, done=done)
            return await answer
        except NotConnectedError as error:
            raise CloudUnavailableError("its broker is not connected", sent=False) from error
        finally:
            del self._waiting[correlation]

    def hear(self, message: Message) -> bool:
        """Take an answer; false when the message is none of ours."""
        if message.topic != self.answers:
            return False
        waiting = self._waiting.get(reply(message.properties)[1])
        if waiting is None or waiting.done():
            self._late()
        elif len(message.payload) > oip.MOST_BYTES:
            waiting.set_exception(CloudUnavailableError("an answer that is too long"))
        else:
            waiting.set_result(message.payload)
        return True

    async def close(self) -> None:
        """The link goes on without us."""


def _trouble(reason: str) -> CloudRefusedError | CloudUnavailableError:
    if reason in _OURS:
        return CloudRefusedError(f"its broker says {reason}")
    if reason == "no_matching_subscribers":
        return CloudUnavailableError("nobody listens on its topic", sent=False)
    return CloudUnavailableError(f"its broker says {reason}")
