"""Events: nobody misses a change, not even who is being written to when it comes."""

import asyncio

from gateway.web.events import Ticks


def test_a_change_that_comes_while_somebody_is_written_to_is_not_missed() -> None:
    async def seen() -> bool:
        changed = asyncio.Event()
        ticks = Ticks(changed)
        running = asyncio.create_task(ticks.run())
        coming = ticks.coming  # taken before the board is looked at
        changed.set()
        async with asyncio.timeout(5):
            await ticks.wait(ticks.coming)  # it came, and the next one is awaited already
            assert ticks.coming is not coming
            found = await ticks.wait(coming)
        running.cancel()
        return found

    assert asyncio.run(seen())
