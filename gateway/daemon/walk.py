"""Walk: many assets down their ladders together, so that each depth is one question to the worker.

The members of an ensemble are asked in the same one. Who comes to a cloud leaves the walk there:
nobody waits for a cloud, and the turn goes on when it has answered.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from gateway.core.assets import CloudRung
from gateway.core.ladder import Panel, Question, Step, Turn
from gateway.core.questions import Remote
from gateway.core.remote import remote
from gateway.core.verdicts import Verdict
from gateway.core.watch import Watch

End = Verdict | Remote | None
"""Where a turn ends, for now; None: a cloud is being asked about its asset already."""


class Asked(Protocol):
    """Who runs the models."""

    async def judge(self, questions: Sequence[Question], deadline_s: float) -> list[float | str]:
        """One score per question, or why there is none."""
        ...


class Noted(Protocol):
    """Who hears what each model said."""

    def note(self, turn: Turn, model: str, score: float | str) -> None:
        """A model answered (or failed, which is a text)."""
        ...


class Abroad(Protocol):
    """Who asks the clouds."""

    def admit(self, asked: Remote) -> str | None:
        """Why it cannot be asked now; empty: it will be; None: it is being asked, or just was."""
        ...


class Going(NamedTuple):
    """A turn on its way."""

    watch: Watch
    turn: Turn
    step: Step


async def walk(
    going: Sequence[Going], inference: Asked, shadow: Noted, abroad: Abroad
) -> list[End]:
    """The end of each turn, from the step it is at.

    What the models said of it is noted for their candidates.
    """
    ends: list[End] = [None] * len(going)
    asked: dict[int, tuple[Question, ...]] = {}
    for i, (_, turn, step) in enumerate(going):
        if isinstance(step, Verdict):  # the most usual: rules alone
            ends[i] = step
        else:
            _sort(i, _passed(turn, step, abroad), asked, ends)
    while asked:
        turns = {i: going[i].turn for i in asked}
        indexes = [i for i, each in asked.items() for _ in each]
        questions = [question for each in asked.values() for question in each]
        deadline_ms = min(turns[i].deadline_ms(q) for i, q in zip(indexes, questions, strict=True))
        scores = await inference.judge(questions, deadline_ms / 1000)
        answers: dict[int, dict[str, float | str]] = {i: {} for i in asked}
        for i, question, score in zip(indexes, questions, scores, strict=True):
            answers[i][question.model] = score
        asked = {}
        for i, heard in answers.items():
            _sort(i, _passed(turns[i], turns[i].heard(heard), abroad), asked, ends)
            for model, score in heard.items():
                shadow.note(turns[i], model, score)
    return ends


def _passed(turn: Turn, step: Step, abroad: Abroad) -> Question | Panel | End:
    """The step, past the clouds that cannot be asked."""
    while isinstance(step, CloudRung):
        found = remote(turn, step)
        if isinstance(found, Verdict):
            return found
        why = found if isinstance(found, str) else abroad.admit(found)
        if not why:
            return None if why is None or isinstance(found, str) else found
        step = turn.declined(step, why)
    return step


def _sort(
    i: int,
    outcome: Question | Panel | End,
    asked: dict[int, tuple[Question, ...]],
    ends: list[End],
) -> None:
    match outcome:
        case Panel(questions):
            asked[i] = questions
        case Question():
            asked[i] = (outcome,)
        case _:
            ends[i] = outcome
