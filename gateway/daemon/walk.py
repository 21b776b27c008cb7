"""Walk: many assets down their ladders together, so that each depth is one question to the worker.

The members of an ensemble are asked in the same one.
"""

from collections.abc import Sequence
from typing import Protocol

from gateway.core.ladder import Panel, Question, Turn
from gateway.core.verdicts import Verdict


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


async def walk(turns: Sequence[Turn], inference: Asked, shadow: Noted) -> list[Verdict]:
    """The verdict of each turn; what the models said of it is noted for their candidates."""
    verdicts: dict[int, Verdict] = {}
    asked: dict[int, tuple[Question, ...]] = {}
    for i, turn in enumerate(turns):
        _sort(i, turn.step(), asked, verdicts)
    while asked:
        indexes = [i for i, each in asked.items() for _ in each]
        questions = [question for each in asked.values() for question in each]
        deadline_ms = min(turns[i].deadline_ms(q) for i, q in zip(indexes, questions, strict=True))
        scores = await inference.judge(questions, deadline_ms / 1000)
        answers: dict[int, dict[str, float | str]] = {i: {} for i in asked}
        for i, question, score in zip(indexes, questions, scores, strict=True):
            answers[i][question.model] = score
        asked = {}
        for i, heard in answers.items():
            _sort(i, turns[i].heard(heard), asked, verdicts)
            for model, score in heard.items():
                shadow.note(turns[i], model, score)
    return [verdicts[i] for i in range(len(turns))]


def _sort(
    i: int,
    outcome: Question | Panel | Verdict,
    asked: dict[int, tuple[Question, ...]],
    verdicts: dict[int, Verdict],
) -> None:
    match outcome:
        case Verdict():
            verdicts[i] = outcome
        case Panel(questions):
            asked[i] = questions
        case Question():
            asked[i] = (outcome,)
