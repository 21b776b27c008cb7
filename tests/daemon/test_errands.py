"""Questions on their way: one per asset; what is overtaken or late is dropped."""

import asyncio
from array import array
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.core.assets import Asset, CloudRung, RuleRung
from gateway.core.ensembles import Bound
from gateway.core.latest import Latest
from gateway.core.oip import Said
from gateway.core.policy import Policy
from gateway.core.questions import Remote
from gateway.core.rules import parse
from gateway.core.shapes import Channel, Shape
from gateway.core.verdicts import Verdict
from gateway.core.watch import Watch
from gateway.core.windows import Window
from gateway.daemon.errands import Errands
from gateway.daemon.judging import Due as Item
from gateway.daemon.judging import begin
from gateway.daemon.states import spare
from gateway.daemon.walk import Going

SHAPE = Shape((Channel("heat", "degC"),), 1_000, 1)
RUNG = CloudRung("big", 1_000, shape=SHAPE, levels=(Bound("alarm", 1.0, 1.0),))
SAID = Said(2.0, "large", "3", "q")


@dataclass
class Clock:
    mono: int = 0

    def mono_ms(self) -> int:
        return self.mono

    def now_ms(self) -> int:
        return self.mono

    def ok(self) -> bool:
        return True


@dataclass
class Sky:
    """Clouds that answer when they are told to."""

    counts: Counter[str] = field(default_factory=Counter)
    waiting: list["asyncio.Future[Said | str]"] = field(default_factory=list)
    asked: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))

    @property
    def by_name(self) -> dict[str, "Sky"]:
        return {"big": self}

    def admit(self, _asked: Remote) -> str:
        return ""

    async def ask(self, _asked: Remote) -> Said | str:
        self.waiting.append(asyncio.get_running_loop().create_future())
        self.asked.release()
        return await self.waiting[-1]

    def keep(self, _cloud: object) -> None:
        """There is no budget."""

    def count(self, _name: str, reason: str) -> None:
        self.counts[reason] += 1


@dataclass
class Scene:
    sky: Sky
    errands: Errands
    clock: Clock
    site: Any

    def due(self, asset: str = "pump", end_ms: int = 1_000) -> Going:
        """A window is due; the turn stands before the cloud."""
        window = Window(end_ms, array("d", [2.0]), (2.0,), 1.0)
        item = Item(self.site.watches[asset], window, end_ms, self.clock.mono)
        return begin([item])[0]

    def asked(self, going: Going, rung: CloudRung = RUNG) -> str | None:
        """What became of asking the cloud."""
        window = going.turn.window
        assert window is not None
        state = going.watch.spare[rung.key]
        remote = Remote(rung, going.watch.asset.id, window, state)
        why = self.errands.admit(remote)
        if why == "":
            self.errands.ask(going, remote)
        return why

    async def answers(self, said: Said | str) -> list[Going]:
        """The oldest question that waits is answered; the turns that go on."""
        woken = asyncio.Event()
        self.errands.wake = woken.set
        await self.sky.asked.acquire()
        self.sky.waiting.pop(0).set_result(said)
        await woken.wait()
        return self.errands.take()


@dataclass
class Place:
    watches: dict[str, Watch]


def watch(asset: str, rung: CloudRung) -> Watch:
    below = RuleRung(parse("heat > 90"), "alarm")
    made = Asset(asset, asset, {}, ladder=(rung, below))
    policy = Policy(made, lambda: "id")
    return Watch(made, Latest({}, {}), policy, {}, 0, spare=spare(made, {}, {}))


def scene(play: Callable[[Scene], Awaitable[None]], rung: CloudRung = RUNG) -> None:
    async def run() -> None:
        sky, clock = Sky(), Clock()
        site: Any = Place({name: watch(name, rung) for name in ("pump", "fan")})
        clouds: Any = sky
        time: Any = clock
        await play(Scene(sky, Errands(site, clouds, time), clock, site))

    asyncio.run(run())


def test_an_answer_in_time_is_a_verdict_of_now() -> None:
    async def play(on: Scene) -> None:
        assert on.asked(on.due()) == ""
        on.clock.mono = 400
        (going,) = await on.answers(SAID)
        verdict = going.step
        assert isinstance(verdict, Verdict)
        assert (verdict.rung, verdict.at_ms, verdict.mono_ms) == ("cloud:big", 1_000, 400)
        assert verdict.remote["age_ms"] == 400

    scene(play)


def test_an_asset_has_one_question_open_and_others_have_their_own() -> None:
    async def play(on: Scene) -> None:
        assert on.asked(on.due()) == ""
        assert on.asked(on.due(end_ms=2_000)) is None
        assert on.asked(on.due("fan")) == ""
        assert len(await on.answers(SAID)) == 1
        assert on.asked(on.due(end_ms=2_000)) == ""

    scene(play)


def test_a_late_answer_is_none() -> None:
    async def play(on: Scene) -> None:
        on.asked(on.due())
        on.clock.mono = 1_001
        (going,) = await on.answers(SAID)
        assert going.turn.abstained["cloud:big"] == "deadline"
        assert not (isinstance(going.step, Verdict) and going.step.rung == "cloud:big")
        assert on.sky.counts == {"late": 1}

    scene(play)


def test_a_verdict_that_was_made_meanwhile_overtakes_the_answer() -> None:
    async def play(on: Scene) -> None:
        going = on.due()
        on.asked(going)
        await on.sky.asked.acquire()
        on.sky.asked.release()
        going.watch.note(Verdict("pump", 2, 2, "rule:2", "alarm"))
        assert await on.answers(SAID) == []
        assert on.sky.counts == {"overtaken": 1}

    scene(play)


def test_an_answer_about_an_asset_of_a_file_before_is_dropped() -> None:
    async def play(on: Scene) -> None:
        on.asked(on.due())
        changed: Any = Place({"pump": watch("pump", RUNG)})
        on.errands.site = changed
        assert await on.answers(SAID) == []
        assert on.sky.counts == {"overtaken": 1}

    scene(play)


def test_a_window_is_asked_about_once() -> None:
    async def play(on: Scene) -> None:
        on.asked(on.due())
        await on.answers(SAID)
        assert on.asked(on.due()) is None
        on.asked(on.due(end_ms=2_000))
        await on.answers("HTTP 500")
        assert on.asked(on.due(end_ms=2_000)) == "HTTP 500"

    scene(play)


def test_an_answer_stands_for_as_long_as_the_file_says_and_a_failure_does_not() -> None:
    rung = replace(RUNG, every_ms=10_000)

    async def play(on: Scene) -> None:
        on.asked(on.due(), rung)
        await on.answers("HTTP 500")
        assert on.asked(on.due(end_ms=2_000), rung) == ""
        await on.answers(SAID)
        on.clock.mono = 9_999
        assert on.asked(on.due(end_ms=3_000), rung) is None
        on.clock.mono = 10_000
        assert on.asked(on.due(end_ms=3_000), rung) == ""
        await on.answers(SAID)

    scene(play, rung)
