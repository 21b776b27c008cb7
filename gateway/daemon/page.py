"""The page: the daemon's side of the process that serves it.

It runs where the file has ``web``, begins anew when what it shows changes, and is never waited for.
What it is told are the documents of our own topics, the newest of each: while it does not read,
newer ones take the place of older ones here, and after ``STUCK_S`` it is begun anew. What people
ask for on it is answered as if it had come on a ``set`` topic.
"""

import asyncio
import json
from typing import Any, Final

import structlog

from gateway.core.requests import Request
from gateway.core.topic_tree import Document, encode
from gateway.daemon import page_known
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.companion import Companion
from gateway.daemon.lives import Lives
from gateway.daemon.page_spec import spec_of
from gateway.daemon.requests import Requests
from gateway.daemon.site import Site

MODULE: Final = "gateway.web"
FLUSH_S: Final = 0.2
AT_ONCE: Final = 64
"""Documents that are written before the loop looks at anything else."""
UNREAD: Final = 65_536
"""Bytes that wait in the pipe; more documents wait until they are read."""
STUCK_S: Final = 20.0
LEARNT_S: Final = 10.0
"""Between two looks at what is usual."""
MOST_TOPICS: Final = 4_096
MOST_ASKED: Final = 16
UNSEEN: Final = ("log", "pulse/", "response/")
"""Topics that the page has no use for."""

log = structlog.get_logger()


class Page:
    """The page of a file."""

    def __init__(self, site: Site, requests: Requests, announce: Announce, clock: Clock) -> None:
        """Nothing runs yet."""
        self._requests = requests
        self._announce = announce
        self._clock = clock
        self.lives = Lives(MODULE, clock)
        self._newest: dict[str, bytes] = {}
        self._unsent: dict[str, bytes] = {}
        self._asked: set[asyncio.Task[None]] = set()
        self._told: Document = {}
        """What it said of itself since it listens: its port, and figures."""
        self.site = site

    @property
    def site(self) -> Site:
        """Whose file says whether there is a page, and what it shows."""
        return self._site

    @site.setter
    def site(self, site: Site) -> None:
        self._site = site
        spec = spec_of(site.settings)
        if not self.lives.want(spec):
            return
        self._announce.screen = self.show if spec is not None else None
        assets = site.settings.assets
        self._newest = {
            topic: payload
            for topic, payload in self._newest.items()
            if spec is not None and (topic[:6] != "asset/" or topic.split("/")[1] in assets)
        }
        if spec is not None:
            for topic, payload in page_known.standing(site, self._clock):
                self._newest.setdefault(topic, payload)

    def show(self, topic: str, payload: bytes) -> None:
        """A document of a topic below the base was published."""
        if topic.startswith(UNSEEN) or (topic not in self._newest and self._full):
            return
        self._newest[topic] = self._unsent[topic] = payload

    @property
    def _full(self) -> bool:
        return len(self._newest) >= MOST_TOPICS

    # -- running --------------------------------------------------------------------------------

    async def run(self) -> None:
        """Keep the process running while it is wanted."""
        await self.lives.run(self._feed, self._hear, self._died)

    async def _feed(self, child: Companion) -> None:
        """Tell it everything, then what is new; give up when it reads nothing."""
        self._unsent = dict(self._newest)
        stuck_s, learnt_ms = 0.0, 0
        while stuck_s < STUCK_S:
            stuck_s = stuck_s + FLUSH_S if child.unread > UNREAD else 0.0
            if self._clock.mono_ms() >= learnt_ms:
                self._learn()
                learnt_ms = self._clock.mono_ms() + round(LEARNT_S * 1000)
            if not stuck_s:
                self._flush(child)
            await asyncio.sleep(FLUSH_S if len(self._unsent) < AT_ONCE else 0.01)

    def _learn(self) -> None:
        for topic, payload in page_known.bands(self._site):
            if self._newest.get(topic) != payload:
                self.show(topic, payload)

    def _flush(self, child: Companion) -> None:
        for topic in list(self._unsent)[:AT_ONCE]:
            payload = self._unsent.pop(topic)
            plain = payload if payload[:1] == b"{" else json.dumps(payload.decode()).encode()
            child.send(topic.encode() + b" " + plain + b"\n")

    def _died(self, why: str) -> None:
        if why != self.lives.error:
            log.error("page_process_died", error=why)

    # -- what it says ---------------------------------------------------------------------------

    def _hear(self, child: Companion, line: bytes) -> None:
        """Something it says; what cannot be read is not its own."""
        try:
            told: Any = json.loads(line)
        except ValueError:
            log.warning("page_process_spoke", text=line[:300].decode(errors="replace"))
            return
        if "listening" in told:
            self.lives.up()
            self._told = {"port": told["listening"]}
            log.info("page_started", port=told["listening"])
        elif "figures" in told:
            self._told |= told["figures"]
        elif "event" in told:
            self._note(told.pop("event"), told)
        elif "ask" in told and len(self._asked) < MOST_ASKED:
            task = asyncio.create_task(self._answer(child, told), name="page_answer")
            self._asked.add(task)
            task.add_done_callback(self._asked.discard)

    def _note(self, kind: str, keys: Document) -> None:
        """Who came, and who was not let in."""
        log.info("page_visited", what=kind, **keys)
        if kind == "sign_in_refused":
            self._announce.event("security_sign_in_refused", **keys)

    async def _answer(self, child: Companion, told: Document) -> None:
        """Have done what somebody asks for."""
        fields: Any = told["fields"]
        request = Request(str(told["name"]), fields, asset=str(told["asset"]))
        response = await self._requests.ask(request)
        said: Document = (
            {"error": response.error} if response.error else {"data": dict(response.data)}
        )
        child.send(f"answer/{told['ask']} ".encode() + encode(said) + b"\n")

    async def close(self) -> None:
        """End it, within two seconds."""
        await self.lives.close()

    # -- what is said of it ---------------------------------------------------------------------

    def problems(self) -> list[str]:
        """What works less than it should."""
        return [f"page: {self.lives.error}"] if self.lives.state == "down" else []

    def document(self) -> Document:
        """For the health document; empty where there is no page."""
        if self.lives.wanted is None:
            return {}
        told = self._told if self.lives.state == "running" else {"port": 0}
        return {**self.lives.document(), **told}
