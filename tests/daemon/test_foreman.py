"""The worker comes up ahead of who needs it, with what the packages of its site take."""

import asyncio
from array import array
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from gateway.adapters.worker import Worker, WorkerSettings
from gateway.core.questions import Question
from gateway.daemon.foreman import Foreman
from gateway.daemon.inference import Inference
from gateway.errors import WorkerError
from gateway.models import signature
from gateway.models.package import Package, verify
from tests.fakes.listening import Nobody
from tests.fakes.waiting import wait_until
from tests.models import make

PATIENCE_S: Final = 30.0


def imported(worker: Worker) -> bool:
    """What checks signatures is in its memory."""
    return "cryptography" in Path(f"/proc/{worker.pid}/maps").read_text()


@pytest.fixture
def plain(tmp_path: Path) -> Package:
    folder = tmp_path / "plain"
    folder.mkdir()
    return make.write(folder, make.linear())


@pytest.fixture
def signed(tmp_path: Path) -> Package:
    folder = tmp_path / "signed"
    folder.mkdir()
    make.write(folder, make.linear())
    keys = signature.generate()
    signature.write(keys, tmp_path / "key", tmp_path / "key.pub")
    told = (folder / "manifest.json").read_bytes()
    (folder / signature.SIGNATURE).write_bytes(signature.sign(told, tmp_path / "key"))
    return verify(folder, keys.public.decode())


def run(
    foreman: Foreman, work: Callable[[Inference], Awaitable[None]], first: Mapping[str, Package]
) -> None:
    """Run an inference of these packages, and something with it."""

    async def scenario() -> None:
        inference = Inference(foreman, Nobody())
        inference.want(first, {name: name for name in first}, {})
        running = asyncio.create_task(inference.run())
        try:
            async with asyncio.timeout(PATIENCE_S):
                await inference.first.wait()
                await work(inference)
        finally:
            await inference.close()
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(scenario())


def test_what_checks_signatures_is_in_memory_only_where_packages_are_signed(
    plain: Package, signed: Package
) -> None:
    worker = Worker(WorkerSettings(signed=False))
    try:
        worker.start()
        worker.load("plain", plain.path)
        assert not imported(worker)
        worker.signed = True
        worker.start()
        assert imported(worker)
        assert worker.load("signed", signed.path, signed.trust).name == "signed"
    finally:
        worker.stop()


def test_a_worker_starts_anew_for_the_first_signed_package(plain: Package, signed: Package) -> None:
    foreman = Foreman(WorkerSettings(signed=False))

    async def work(inference: Inference) -> None:
        before = foreman.worker.pid
        assert inference.loaded("plain")
        both = {"plain": plain, "signed": signed}
        inference.want(both, {name: name for name in both}, {})
        while not inference.loaded("signed") or inference.state != "running":  # noqa: ASYNC110  # it starts anew by itself
            await asyncio.sleep(0.01)
        assert foreman.worker.pid != before
        assert inference.refused == {}
        cells = array("d", [1.0] * (make.ROWS * make.CHANNELS))
        asked = [Question(name, "a", cells, make.ROWS, make.CHANNELS) for name in both]
        assert all(isinstance(one, float) for one in await inference.judge(asked, 5.0))

    run(foreman, work, {"plain": plain})


def test_the_worker_that_has_begun_is_the_one_that_is_asked(plain: Package) -> None:
    foreman = Foreman(WorkerSettings()).begin()
    wait_until(lambda: foreman.worker.pid, "the worker")
    begun = foreman.worker.pid

    async def work(inference: Inference) -> None:
        assert inference.loaded("plain")
        assert foreman.worker.pid == begun

    run(foreman, work, {"plain": plain})
    assert foreman.worker.pid is None


def test_a_worker_that_nobody_needs_is_ended() -> None:
    foreman = Foreman(WorkerSettings()).begin()
    wait_until(lambda: foreman.worker.pid, "the worker")

    async def work(inference: Inference) -> None:
        while foreman.worker.pid:  # noqa: ASYNC110  # it is ended by the thread that started it
            await asyncio.sleep(0.01)
        assert inference.state == "off"

    run(foreman, work, {})


def test_one_that_cannot_begin_says_so_to_who_starts_it() -> None:
    foreman = Foreman(WorkerSettings(command=("/nowhere/python",))).begin()
    with pytest.raises(WorkerError, match="cannot start"):
        foreman.pool.submit(foreman.worker.start).result()
    asyncio.run(foreman.close())
    asyncio.run(foreman.close())
