"""Shadow: a candidate judges what the active version judged. Its word moves nothing but figures.

What keeps the active version from answering (gaps, its training range, its interval) is asked of
the candidate too, and counted as no answer: else one that would mostly abstain looked as good.

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
    question: Question | None
    """None: by its own package's rules it does not answer to this window."""
    other: str
    """What the active version said."""

    def says(self, score: float | str) -> tuple[bool, str | None]:
        """(whether that counts, its label or None): it doubts its own score as it would judging.

        While it warms up, or learns its level, it is not ready, and nothing is compared.
        """
        state, carried = self.state, self.state.carried
        if isinstance(score, str):
            return not (carried and score == carried.warming), None
        own = state.calibration.scaled(score) if state.calibration else score
        if own is None or state.doubt(own):
            return own is not None, None
        state.held = state.decide(own, state.held)[0]
        return True, state.held


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
        active = turn.models.get(model)
        if failed and active and active.carried and score == active.carried.warming:
            return  # after a gap: that is no fault of its own either
        label = None if failed or active is None else active.held
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
        if state is not None and _ready(turn, model, state):
            question = _question(turn, model, state)
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
        questions = [one.question for one in asked if one.question]
        scores = await self._inference.judge(questions, deadline_s) if questions else []
        took_ms = self._inference.took_ms if questions else 0.0
        if self._inference.state != "running":
            return  # it is struck for that
        heard = iter(scores)
        for one in asked:
            counts, label = one.says(next(heard)) if one.question else (True, None)

            def more(tally: Tally, said: str | None = label, other: str = one.other) -> Tally:
                return tally.plus(said, other, took_ms, rules)

            if counts:
                self._versions.counted(model, hash_, more)


def _window(turn: Turn, model: str, state: ModelState) -> Window:
    """The same window where both cut it alike, else its own newest."""
    window: Window | None = turn.windows.get(model)
    return window if window and state.like(turn.models[model]) else state.windows.latest()


def _ready(turn: Turn, model: str, state: ModelState) -> bool:
    """It has rows enough, and is calibrated: what it does counts."""
    calibrated = state.calibration is None or state.calibration.ready
    return calibrated and _window(turn, model, state).abstained != "filling"


def _question(turn: Turn, model: str, state: ModelState) -> Question | None:
    """What to ask it; None when, judging, it would abstain without being asked."""
    window = _window(turn, model, state)
    if window.abstained or state.windows.bad:
        return None
    values, shape = window.values, state.windows.shape
    if state.calibration is not None:
        values = state.calibration.apply(values, len(state.columns))
    if state.trust.ood is not None and state.trust.ood.outside(values):
        return None
    if state.carried is not None:
        state.carried.meet(window.end_ms)
    dims = shape.length, len(shape.channels)
    return Question(state.loaded, turn.asset.id, values, *dims, state.carried)
