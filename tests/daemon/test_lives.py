"""A companion is kept running while it is wanted: a real process, killed, turned off, replaced."""

import asyncio
import os
import signal
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from gateway.daemon.companion import Companion
from gateway.daemon.lives import LONGEST_S, Lives, rest_s
from tests.fakes.companion import Spec
from tests.fakes.inside import Clocks

MODULE = "tests.fakes.companion"
DEADLINE_S = 60.0


class Owner:
    """Whose companion it is: writes down what it sees, in order."""

    def __init__(self) -> None:
        self.clock = Clocks()
        self.lives = Lives(MODULE, self.clock)
        self.child: Companion | None = None
        self.gives_up = asyncio.Event()
        self.fails = asyncio.Event()
        self._seen: asyncio.Queue[str] = asyncio.Queue()

    async def run(self) -> None:
        await self.lives.run(self._feed, self._hear, self._died, self._off)

    async def seen(self) -> str:
        return await self._seen.get()

    async def begun(self, spec: str) -> int:
        """It says its process id and its spec."""
        pid, said = (await self.seen()).split()
        assert said == spec
        return int(pid)

    @property
    def quiet(self) -> bool:
        """Nothing more was seen."""
        return self._seen.empty()

    async def _feed(self, child: Companion) -> None:
        self.child = child
        await self.gives_up.wait()
        if self.fails.is_set():
            raise ZeroDivisionError

    def _hear(self, _child: Companion, line: bytes) -> None:
        self._seen.put_nowait(line.decode().strip())

    def _died(self, why: str) -> None:
        lives = self.lives
        before = f" after {lives.error}" if lives.error else ""
        self._seen.put_nowait(f"{lives.state} {lives.failures}: {why}{before}")

    def _off(self) -> None:
        self._seen.put_nowait(self.lives.state)

    def die(self) -> None:
        assert self.child is not None
        self.child.send(b"die\n")


Story = Callable[[Owner], Coroutine[Any, Any, None]]


def told(story: Story) -> Owner:
    """What happens to one companion, which is closed afterwards."""

    async def all_of_it() -> Owner:
        owner = Owner()
        async with asyncio.timeout(DEADLINE_S), asyncio.TaskGroup() as group:
            running = group.create_task(owner.run())
            await story(owner)
            await owner.lives.close()
            await running
        return owner

    return asyncio.run(all_of_it())


def gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_it_runs_while_it_is_wanted_and_what_it_is_told_and_says_is_heard() -> None:
    async def story(owner: Owner) -> None:
        lives = owner.lives
        assert lives.document() == {"state": "off", "restarts": 0, "rss_bytes": 0}
        assert not lives.want(None)
        assert lives.want(Spec("one"))
        assert not lives.want(Spec("one"))
        pid = await owner.begun("one")
        assert lives.state == "starting"
        lives.up()
        assert lives.state == "running"
        assert lives.rss_bytes > 1e6
        assert owner.child is not None
        owner.child.tell({"clock_ok": True})
        assert await owner.seen() == '{"clock_ok": true}'
        lives.want(None)
        assert await owner.seen() == "off"
        assert gone(pid)
        assert lives.document() == {"state": "off", "restarts": 0, "rss_bytes": 0}
        lives.want(Spec("one"))
        assert await owner.begun("one") != pid

    told(story)


def test_another_one_takes_its_place_and_nobody_died() -> None:
    async def story(owner: Owner) -> None:
        owner.lives.want(Spec("one"))
        first = await owner.begun("one")
        owner.lives.want(Spec("two"))
        second = await owner.begun("two")
        assert gone(first)
        assert not gone(second)
        assert (owner.lives.restarts, owner.lives.failures) == (0, 0)

    told(story)


def test_it_is_begun_anew_when_it_dies_and_deaths_in_a_row_are_counted() -> None:
    async def story(owner: Owner) -> None:
        lives = owner.lives
        lives.want(Spec("one"))
        await owner.begun("one")
        lives.up()
        owner.die()
        assert await owner.seen() == "adieu", "its last word"
        assert await owner.seen() == "down 1: exit code 1: last words"
        assert lives.error == "exit code 1: last words"
        second = await owner.begun("one")
        os.kill(second, signal.SIGKILL)
        assert await owner.seen() == "down 2: SIGKILL after exit code 1: last words"
        lives.want(Spec("two"))  # which does not wait for the end of its rest
        await owner.begun("two")
        lives.up()
        owner.die()
        assert await owner.seen() == "adieu"
        assert await owner.seen() == "down 1: exit code 1: last words"
        assert lives.document() == {"state": "down", "restarts": 3, "rss_bytes": 0}

    told(story)


def test_after_a_long_life_one_death_is_the_first_one() -> None:
    async def story(owner: Owner) -> None:
        owner.lives.want(Spec("one"))
        await owner.begun("one")
        owner.die()
        assert await owner.seen() == "adieu"
        assert (await owner.seen()).startswith("down 1")
        await owner.begun("one")
        owner.clock.pass_ms(61_000)
        owner.die()
        assert await owner.seen() == "adieu"
        assert (await owner.seen()).startswith("down 1")

    told(story)


def test_a_rest_is_twice_as_long_each_time_and_has_an_end_whatever_happened() -> None:
    assert [rest_s(failures) for failures in (1, 2, 3, 4, 5, 6)] == [2, 4, 8, 16, 32, LONGEST_S]
    assert rest_s(1_000_000) == LONGEST_S  # two weeks on a port that is taken: 20,000


def test_who_gives_up_feeding_it_has_it_begun_anew() -> None:
    async def story(owner: Owner) -> None:
        owner.lives.want(Spec("one"))
        first = await owner.begun("one")
        owner.gives_up.set()
        assert await owner.seen() == "down 1: SIGTERM"
        assert gone(first)
        owner.gives_up.clear()
        await owner.begun("one")

    told(story)


def test_closed_while_it_lives_it_is_gone_and_none_begins_any_more() -> None:
    async def story(owner: Owner) -> None:
        owner.lives.want(Spec("deaf"))
        pid = await owner.begun("deaf")
        await owner.lives.close()
        assert gone(pid), "by force"
        owner.lives.want(Spec("two"))

    assert told(story).quiet


def test_closed_before_it_said_anything_or_while_it_rests_it_ends_as_well() -> None:
    async def early(owner: Owner) -> None:
        owner.lives.want(Spec("one"))
        await asyncio.sleep(0)  # it is being started

    async def resting(owner: Owner) -> None:
        owner.lives.want(Spec("one"))
        await owner.begun("one")
        owner.die()
        assert await owner.seen() == "adieu"
        assert await owner.seen() == "down 1: exit code 1: last words"

    told(early)
    told(resting)


def test_no_life_outlasts_who_runs_it() -> None:
    async def cancelled() -> None:
        owner = Owner()
        owner.lives.want(Spec("one"))
        async with asyncio.timeout(DEADLINE_S):
            running = asyncio.create_task(owner.run())
            pid = await owner.begun("one")
            running.cancel()
            await asyncio.wait([running])
        assert gone(pid)

    asyncio.run(cancelled())


def test_a_feed_that_fails_is_told_and_not_hidden() -> None:
    async def failing() -> None:
        owner = Owner()
        owner.fails.set()
        owner.lives.want(Spec("one"))
        async with asyncio.timeout(DEADLINE_S):
            running = asyncio.create_task(owner.run())
            pid = await owner.begun("one")
            owner.gives_up.set()
            await asyncio.wait([running])
        assert gone(pid)
        with pytest.raises(ExceptionGroup) as raised:
            running.result()
        assert isinstance(raised.value.exceptions[0], ZeroDivisionError)

    asyncio.run(failing())
