"""The daemon: start in order, run until told to stop, stop in the opposite order.

A task that fails takes the daemon with it, and so does a network thread that dies: systemd starts
it anew, and the broker delivers again what was not acknowledged.
"""

import asyncio
import signal
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Any, Final

import structlog

from gateway import __version__, config
from gateway.adapters import systemd
from gateway.adapters.mqtt import Client
from gateway.adapters.worker import WorkerSettings
from gateway.config.settings import Settings
from gateway.core.seen import MEMORY, Seen
from gateway.daemon.act import Act
from gateway.daemon.announce import Announce
from gateway.daemon.beat import Beat
from gateway.daemon.clock import Clock, SystemClock
from gateway.daemon.decide import Decide
from gateway.daemon.docket import Docket
from gateway.daemon.inference import Inference
from gateway.daemon.ingest import Ingest
from gateway.daemon.journal import Journal
from gateway.daemon.links import Link
from gateway.daemon.restore import restore
from gateway.daemon.site import Site, build
from gateway.errors import ConfigError, GatewayError, PackageError
from gateway.models.package import Package, verify
from gateway.store.writer import Store

WORKER_START_S: Final = 10.0
"""READY does not wait longer than this for the models; the ladder's other rungs work meanwhile."""
DRAIN_S: Final = 3.0

log = structlog.get_logger()


class Daemon:
    """One configuration, running."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Nothing is opened before ``run``."""
        self.settings = settings
        self.clock = clock
        self.stop = asyncio.Event()
        self.reload = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._store_pool = ThreadPoolExecutor(1, thread_name_prefix="store")
        self._failures: asyncio.Queue[BaseException] = asyncio.Queue()

    async def run(self) -> None:
        """Run until ``stop`` is set.

        Raises:
            GatewayError: it cannot go on; the message says what to do.
        """
        store = await self._in_store(self._open_store)
        try:
            await self._run_with(store)
        finally:
            await self._in_store(store.close)
            self._store_pool.shutdown(wait=True)

    async def _run_with(self, store: Store) -> None:
        packages = _packages(self.settings)
        self.inference = Inference(packages, _worker_settings(self.settings))
        self.site = build(self.settings, packages, self.clock)
        self.links = {name: self._link(name) for name in self.settings.brokers}
        self.announce = Announce(self.settings.base, self._announce_link(), self.clock)
        self.journal = Journal(
            store, self._store_pool, self.clock.ok, self.announce.committed, self.settings.limits
        )
        self.announce.attach(self.journal)
        self.docket = Docket(self.links, self.journal, self.announce, self.clock)
        self.act = Act(self.site, self.links, self.journal, self.announce, self.docket, self.clock)
        self.decide = Decide(
            self.site, self.inference, self.journal, self.act, self.announce, self.clock
        )
        seen = Seen(await self._in_store(lambda: store.recent_keys(MEMORY)))
        self.ingest = Ingest(
            self.site,
            self.links,
            self.journal,
            seen,
            self.docket,
            self.decide,
            self.announce,
            self.clock,
        )
        await self._in_store(lambda: restore(self.site, store, self.clock))
        self.act.restore(await self._in_store(store.open_commands))
        self.beat = Beat(
            self.site,
            self.links,
            self.journal,
            self.ingest,
            self.decide,
            self.inference,
            self.announce,
            self.clock,
        )
        await self._serve(store)

    async def _serve(self, store: Store) -> None:
        """Run all tasks until the first one fails or ``stop`` is set."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(work, name=name)
                for name, work in (
                    ("journal", self.journal.run()),
                    ("announce", self.announce.run(store, self._store_pool)),
                    ("inference", self.inference.run()),
                    ("decide", self.decide.run()),
                    ("timer", self._timer()),
                    ("docket", self.docket.run()),
                    ("beat", self.beat.run(store, self._store_pool)),
                    ("failures", self._watch_threads()),
                )
            ]
            with suppress(TimeoutError):
                async with asyncio.timeout(WORKER_START_S):
                    await self.inference.first.wait()
            tasks.append(group.create_task(self.ingest.run(), name="ingest"))
            self._start_links()
            log.info("gateway_started", version=__version__, gateway=self.settings.gateway_id)
            systemd.ready(f"{len(self.settings.assets)} assets, {len(self.links)} brokers")
            tasks.append(group.create_task(self._reloads(), name="reload"))
            await self.stop.wait()
            systemd.stopping()
            log.info("gateway_stopping")
            await self._shut_down(store)
            for task in tasks:
                task.cancel()
        log.info("gateway_stopped")

    # -- starting -------------------------------------------------------------------------------

    def _open_store(self) -> Store:
        store = Store.open(
            self.settings.store,
            boot=self.clock.boot,
            now_ms=self.clock.now_ms(),
            mono_ms=self.clock.mono_ms(),
        )
        opened = store.opened
        log.info(
            "store_opened",
            path=str(self.settings.store.path),
            created=opened.created,
            migrated=list(opened.migrated),
            salvaged=opened.salvaged,
            set_aside=opened.set_aside,
        )
        for note in opened.notes:
            log.warning("store_noted", note=note)
        return store

    async def _in_store(self, call: Callable[[], Any]) -> Any:
        return await self._loop.run_in_executor(self._store_pool, call)

    def _link(self, name: str) -> Link:
        broker = self.settings.brokers[name]
        announces = name == self.settings.announce_broker
        client = Client(
            broker,
            on_wake=partial(self._wake, name),
            wall_ms=self.clock.now_ms,
            mono_ms=self.clock.mono_ms,
            availability=f"{self.settings.base}/availability" if announces else "",
        )
        return Link(name, client)

    def _announce_link(self) -> Link:
        return self.links[self.settings.announce_broker]

    def _start_links(self) -> None:
        for name, link in self.links.items():
            link.client.subscribe(self.site.subscriptions(name))
            link.client.start()

    # -- what the links say ---------------------------------------------------------------------

    def _wake(self, name: str) -> None:
        """Called from a network thread; the loop may be gone when the daemon ends."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self._woken, name)

    def _woken(self, name: str) -> None:
        """A link has messages, outcomes or a new state."""
        link = self.links[name]
        if link.client.failure is not None:
            self._failures.put_nowait(link.client.failure)
        link.settle()
        state = link.client.state
        if state.connected != link.was_connected:
            link.was_connected = state.connected
            if state.connected:
                log.info(
                    "broker_connected",
                    broker=name,
                    protocol=state.protocol,
                    session_present=state.session_present,
                )
                self._loop.create_task(self._connected(name), name=f"connected-{name}")
            else:
                log.warning("broker_lost", broker=name, error=state.last_error)
        self.ingest.wake.set()

    async def _connected(self, name: str) -> None:
        if name == self.settings.announce_broker:
            self.announce.on_connected()
            for watch in self.site.watches.values():
                self.announce.asset(watch)
        await self.act.on_connected(name)

    async def _watch_threads(self) -> None:
        """A network thread that died leaves a deaf gateway: end with it."""
        raise await self._failures.get()

    async def _timer(self) -> None:
        """Close rows and decide fail-safes when their time is over."""
        while True:
            wait_ms = self.decide.next_ms()
            await asyncio.sleep(0.5 if wait_ms is None else min(wait_ms + 1, 500) / 1000)
            await self.decide.tick()

    # -- changing -------------------------------------------------------------------------------

    async def _reloads(self) -> None:
        while True:
            await self.reload.wait()
            self.reload.clear()
            systemd.reloading()
            await self._reload()
            systemd.ready("reloaded")

    async def _reload(self) -> None:
        """Take the file again: all of it, or nothing of it."""
        try:
            settings = await asyncio.to_thread(config.load, self.settings.file)
            _same_frame(self.settings, settings)
            packages = await asyncio.to_thread(_packages, settings)
            site = build(settings, packages, self.clock)
        except (ConfigError, GatewayError) as error:
            log.error("configuration_rejected", error=str(error))
            self.announce.event("configuration_rejected", error=str(error))
            return
        self._carry_over(site)
        for part in (self.act, self.decide, self.ingest, self.beat):
            part.site = site
        self.settings, self.site = settings, site
        await self.inference.replace(packages)
        for name, link in self.links.items():
            link.client.subscribe(site.subscriptions(name))
        log.info("configuration_loaded", assets=len(site.watches), sources=len(site.feeds))
        self.announce.event("configuration_loaded")
        for watch in site.watches.values():
            self.announce.asset(watch)

    def _carry_over(self, site: Site) -> None:
        """What is known of an asset or a source outlives a change of the file."""
        for asset, watch in site.watches.items():
            old = self.site.watches.get(asset)
            if old is not None:
                watch.take_over(old)
        for name, feed in site.feeds.items():
            before = self.site.feeds.get(name)
            if before is not None and before.source == feed.source:
                feed.take_over(before)

    # -- stopping -------------------------------------------------------------------------------

    async def _shut_down(self, store: Store) -> None:
        """Take what is here, judge it, commit it, acknowledge it, say goodbye."""
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_S):
                await self.ingest.drain()
                await self.decide.settled()
                self.beat.keep_all()
                await self.journal.committed()
        stops = [self._loop.run_in_executor(None, link.client.stop) for link in self.links.values()]
        await asyncio.gather(*stops, self.inference.close())
        del store


def _packages(settings: Settings) -> Mapping[str, Package]:
    """The packages that can be trusted; the others are named and stay out."""
    packages: dict[str, Package] = {}
    for name, model in settings.models.items():
        try:
            packages[name] = verify(model.package)
        except PackageError as error:
            log.error("model_refused", model=name, error=str(error))
    return packages


def _worker_settings(settings: Settings) -> WorkerSettings:
    return WorkerSettings(memory_bytes=settings.limits.worker_bytes)


def _same_frame(old: Settings, new: Settings) -> None:
    """What needs a restart.

    Raises:
        ConfigError: it names what changed.
    """
    changed = [
        name
        for name in ("gateway_id", "brokers", "store")
        if getattr(old, name) != getattr(new, name)
    ]
    if changed:
        raise ConfigError(f"restart the gateway to change {', '.join(changed)}")


def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; SIGHUP loads the file again.

    Raises:
        GatewayError: it cannot go on.
    """
    asyncio.run(_run(settings))


async def _run(settings: Settings) -> None:
    daemon = Daemon(settings, SystemClock())
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, daemon.stop.set)
    loop.add_signal_handler(signal.SIGHUP, daemon.reload.set)
    try:
        await daemon.run()
    except* GatewayError as group:
        raise group.exceptions[0] from None
