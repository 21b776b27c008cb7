"""Shadow: a candidate judges what the active version judged. Its word moves nothing but figures.

It is asked after the decisions of a batch have been carried out, in a call of its own: when it
fails, hangs or dies, no verdict is lost with it, and it is known who did it.
"""

from typing import Final, NamedTuple

from gateway.core.ladder import ModelState, Question, Turn
from gateway.core.trials import Tally
from gateway.core.versions import State
from gateway.core.windows import Window
from gateway.daemon.inference import Inference
from gateway.daemon.site import Site
from gateway.daemon.versions import Versions

DEADLINE_S: Final = 1.0
"""Judging waits for a candidate that hangs no longer than this, and for the worker's restart."""
COMPARED: Final = frozenset({State.SHADOW, State.READY})


class _Beside(NamedTuple):
    model: str
    hash: str
    state: ModelState
    question: Question
    other: str
    """What the active version said."""


class Shadow:
    """The judging that nobody acts on."""

    def __init__(self, site: Site, inference: Inference, versions: Versions) -> None:
        """Nothing was judged yet."""
        self.site = site
        self._inference = inference
        self._versions = versions
        self._beside: list[_Beside] = []

    def note(self, turn: Turn, model: str, score: float | str) -> None:
        """The active version of a model answered (or failed, which is a text)."""
        lineage = self._versions.lineages.get(model)
        if lineage is None or lineage.active is None:
            return
        failed = isinstance(score, str)
        if not failed and f"model:{model}" in turn.abstained:
            return  # it had its reasons: nothing to compare with, and no fault of its own
        label = None if failed else turn.models[model].held
        if lineage.active.state is State.PROBATION:
            if not failed or self._inference.state == "running":
                rules, took_ms = self._versions.rules(model), self._inference.took_ms
                hash_ = lineage.active.hash
                self._versions.counted(
                    model, hash_, lambda tally: tally.plus(label, None, took_ms, rules)
                )
            return
        candidate = lineage.candidate
        if candidate is None or candidate.state not in COMPARED or label is None:
            return
        state = self.site.watches[turn.asset.id].shadows.get(model)
        question = state and _question(turn, model, state)
        if state is not None and question:
            self._beside.append(_Beside(model, candidate.hash, state, question, label))

    async def judge(self) -> None:
        """Ask the candidates, each model's in one question to the worker."""
        noted, self._beside = self._beside, []
        for model in dict.fromkeys(one.model for one in noted):
            await self._judge([one for one in noted if one.model == model])

    async def _judge(self, asked: list[_Beside]) -> None:
        if self._inference.state != "running":
            return
        model, hash_, state = asked[0][:3]
        if not self._inference.loaded(state.loaded):
            return
        rules = self._versions.rules(model)
        deadline_s = min(DEADLINE_S, state.rung.deadline_ms / 1000)
        scores = await self._inference.judge([one.question for one in asked], deadline_s)
        took_ms = self._inference.took_ms
        if self._inference.state != "running":
            return  # it is struck for that
        for one, score in zip(asked, scores, strict=True):
            label = None
            learnt = one.state.calibration
            own = learnt.scaled(score) if learnt and isinstance(score, float) else score
            if isinstance(own, float) and not one.state.doubt(own):
                label = one.state.held = one.state.decide(own, one.state.held)[0]
            said, other = label, one.other

            def more(tally: Tally, said: str | None = said, other: str = other) -> Tally:
                return tally.plus(said, other, took_ms, rules)

            self._versions.counted(model, hash_, more)


def _question(turn: Turn, model: str, state: ModelState) -> Question | None:
    """The same window where both cut it alike, else its own newest; None when it cannot judge."""
    window: Window | None = turn.windows.get(model)
    if window is None or not state.like(turn.models[model]):
        window = state.windows.latest()
    if window.abstained or state.windows.bad:
        return None
    values, shape = window.values, state.windows.shape
    if state.calibration is not None:
        if not state.calibration.ready:
            return None
        values = state.calibration.apply(values, len(state.columns))
    if state.carried is not None:
        state.carried.meet(window.end_ms)
    dims = shape.length, len(shape.channels)
    return Question(state.loaded, turn.asset.id, values, *dims, state.carried)
