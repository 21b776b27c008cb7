"""Bench: the real worker with the models of a configuration, for judging in virtual time.

It is asked as the daemon asks it, only without hurry: how long an answer takes here says nothing of
how long it took there, so no deadline is kept. A worker that dies ends the run: going on without
would give other decisions the next time.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Final

from gateway.config.settings import Settings
from gateway.core.ladder import Question, Turn
from gateway.core.questions import Remote
from gateway.core.versions import Lineage
from gateway.daemon.fleet import Fleet, loaded_name, open_fleet, shelf_of
from gateway.daemon.foreman import Foreman
from gateway.daemon.inference import Inference
from gateway.daemon.opening import worker_settings
from gateway.daemon.walk import Going
from gateway.errors import WorkerError
from gateway.models.package import Package

PATIENCE_S: Final = 60.0


class Bench:
    """Who runs the models."""

    def __init__(self, packages: Mapping[str, Package], refused: Mapping[str, str]) -> None:
        """``packages``: by model; ``refused``: models that are out, and why."""
        self.packages = packages
        self.refused = refused
        self._inference: Inference | None = None
        self.unasked: Counter[str] = Counter()
        """How often each cloud would have been asked."""

    def run_by(self, inference: Inference) -> None:
        """It has the models loaded."""
        self._inference = inference

    async def judge(self, questions: Sequence[Question], deadline_s: float) -> list[float | str]:
        """One score per question, or why there is none.

        Raises:
            WorkerError: the worker died or hung.
        """
        del deadline_s
        assert self._inference is not None  # noqa: S101  # without models nothing is asked
        answers = await self._inference.judge(questions, PATIENCE_S)
        if self._inference.state != "running":
            raise WorkerError("died", str(answers[0]))
        return answers

    def admit(self, asked: Remote) -> str:
        """No cloud is asked: what it would have said then, nobody can know now."""
        self.unasked[asked.rung.cloud] += 1
        return "not asked in a replay"

    def ask(self, going: Going, asked: Remote) -> None:
        """It never comes to this."""

    def note(self, turn: Turn, model: str, score: float | str) -> None:
        """No candidate is judged beside: name it as the model instead."""


class _Ear:
    """What the inference says of versions; nobody's version changes here."""

    def __init__(self) -> None:
        self.refusals: dict[str, str] = {}
        self.deaths: list[str] = []

    def loaded(self, name: str) -> None:
        """As it should."""

    def refused(self, name: str, why: str) -> None:
        """Its package is refused."""
        self.refusals[name] = why

    def killed(self, names: Iterable[str], why: str) -> None:
        """The worker died."""
        self.deaths.append(f"{', '.join(names)}: {why}")


@asynccontextmanager
async def bench(settings: Settings, kept: Mapping[str, str]) -> AsyncIterator[Bench]:
    """Load the models that a configuration has judging.

    Args:
        settings: the file.
        kept: what a store keeps of versions, by model: a promoted one judges instead of the file's.

    Raises:
        WorkerError: it did not come up, or a package killed it.
    """
    known = {model: Lineage.from_json(text, model) for model, text in kept.items()}
    fleet = await asyncio.to_thread(open_fleet, settings, known, shelf_of(settings), 0)
    active = dict(fleet.active)
    if not active:
        yield Bench({}, fleet.refused)
        return
    ear = _Ear()
    inference = Inference(Foreman(worker_settings(settings)), ear)
    names = _names(fleet)
    inference.want({name: fleet.packages[name] for name in names.values()}, names, fleet.refused)
    task = asyncio.create_task(inference.run())
    try:
        await inference.first.wait()
        if inference.state != "running":
            raise WorkerError("died", "; ".join(ear.deaths) or "it did not start")
        refused = inference.refused
        made = Bench({m: one for m, one in active.items() if m not in refused}, refused)
        made.run_by(inference)
        yield made
    finally:
        await inference.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def _names(fleet: Fleet) -> dict[str, str]:
    found = {m: one.active for m, one in fleet.lineages.items() if one.active}
    names = {model: loaded_name(model, version.hash) for model, version in found.items()}
    return {model: name for model, name in names.items() if name in fleet.packages}


def with_package(settings: Settings, model: str, path: Path) -> Settings:
    """The same file with another package under a model's name, and no candidate beside it."""
    changed = replace(settings.models[model], package=path, candidate=None)
    return replace(settings, models={**settings.models, model: changed})
