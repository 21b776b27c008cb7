"""One life of a companion: why it ended is told as it was."""

import asyncio

from gateway.daemon.companion import Companion
from tests.fakes.companion import Spec

LIVES = 24
TOGETHER = 4


async def died() -> str:
    child = await Companion.start(Spec("one"), "tests.fakes.companion")
    child.send(b"die\n")
    assert [line async for line in child.lines()][1:] == [b"adieu\n"]
    return await child.ended()


def test_its_exit_code_is_its_own_though_it_is_ended_while_it_ends() -> None:
    async def several() -> set[str]:
        why: set[str] = set()
        for _ in range(LIVES // TOGETHER):
            why.update(await asyncio.gather(*(died() for _ in range(TOGETHER))))
        return why

    assert asyncio.run(several()) == {"exit code 1: last words"}
