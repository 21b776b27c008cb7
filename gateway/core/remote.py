"""Remote: what a cloud's model is asked about an asset, and the verdict that its answer makes.

A window that a local model would not be shown (a gap, a bad channel, a machine that stands still)
is shown to no cloud either. What is unlike a package's training data is: that is what a larger
model is for. A guard rule that fires is a verdict at once; nobody needs to be asked then.
"""

from collections.abc import Sequence
from dataclasses import replace

from gateway.core.assets import CloudRung, pacer
from gateway.core.ensembles import Bound
from gateway.core.ladder import UNKNOWN, Turn
from gateway.core.oip import Said
from gateway.core.questions import ModelState, Remote
from gateway.core.verdicts import NORMAL, Verdict


def remote(turn: Turn, rung: CloudRung) -> Remote | Verdict | str:
    """What to ask a cloud in this turn; or a guard's verdict; or why it cannot be asked."""
    state = turn.models.get(rung.key) or turn.spare.get(rung.key)
    if state is None:
        return f"model:{rung.like} cannot be read, so it has no windows"
    guarded = turn.guarded(turn.verdict(rung.name, UNKNOWN))
    if guarded.label != UNKNOWN:
        return guarded
    due = turn.window if rung.key == pacer(turn.asset.ladder) else None
    window = due or state.windows.latest()
    rests = turn.running.why_not(window.end_ms - state.windows.span_ms)
    if rests or window.abstained:
        return rests or window.abstained
    return Remote(rung, turn.asset.id, window, state)


def told(turn: Turn, asked: Remote, said: Said, age_ms: int) -> Verdict:
    """A cloud's answer as a verdict; a guard rule wins over its ``normal``, too."""
    rung = asked.rung
    label, level = _decided(rung, asked.state, said.score, turn.held.get(rung.name, NORMAL))
    turn.held[rung.name] = label
    verdict = replace(
        turn.verdict(rung.name, label),
        score=said.score,
        level=level,
        model_version=said.version,
        coverage=asked.window.coverage,
        remote={"model": said.model, "request": said.request, "age_ms": age_ms},
    )
    return turn.guarded(verdict)


def _decided(rung: CloudRung, state: ModelState, score: float, held: str) -> tuple[str, float]:
    return decided(rung.levels, score, held) if rung.levels else state.decide(score, held)


def decided(levels: Sequence[Bound], score: float, held: str) -> tuple[str, float]:
    """The label of a score by declared levels, mildest first, and the level that it met."""
    labels = [one.label for one in levels]
    rank = labels.index(held) if held in labels else -1
    for at, one in reversed(list(enumerate(levels))):
        bound = one.off if at <= rank else one.on
        if score >= bound:
            return one.label, bound
    return NORMAL, levels[0].off if rank >= 0 else levels[0].on
