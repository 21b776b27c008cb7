"""Maintenance: what a person should look at: channels and scores that drifted. Never an actuation.

The detectors' memory is kept in the store (room ``drift``), by asset, model and the model's hash:
another model learns anew.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Final

import structlog

from gateway.core.abstentions import Abstentions, outcomes
from gateway.core.drift import Drifts
from gateway.core.ladder import Turn
from gateway.core.running import RESTS, STARTS
from gateway.core.topic_tree import Document
from gateway.core.watch import Watch
from gateway.daemon.announce import Announce
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site

KEEP_ROWS: Final = 300
"""The detectors' memory is stored every so many rows, and when something drifted."""
COUNT_LOOKS: Final = 5
"""The turns since the last look are counted in the store with the next commit; at every so many
looks they make one of their own. A commit for each turn was a fifth of what an idle gateway did."""

log = structlog.get_logger()


class Maintenance:
    """Watches the models themselves."""

    def __init__(self, site: Site, journal: Journal, announce: Announce) -> None:
        """Nothing was said yet."""
        self.site = site
        self._journal = journal
        self._announce = announce
        self._kept: dict[tuple[str, str], int] = {}
        self._turns: Counter[tuple[str, str]] = Counter()
        """Not in the store yet."""
        self._looks = 0
        self.abstentions = Abstentions()
        self.verdicts: Counter[tuple[str, str]] = Counter()
        """(rung, label), since the start; of persons without their names."""

    def note(self, watch: Watch, turn: Turn) -> None:
        """A turn is over: what each model did in it, and what it said."""
        watch.scores = dict(turn.scores)
        if watch.verdict is not None:
            self.verdicts[watch.verdict.rung.partition("person:")[1] or watch.verdict.rung,
                          watch.verdict.label] += 1  # fmt: skip
        for model, outcome in outcomes(turn.scores, turn.abstained):
            if outcome not in (RESTS, STARTS):
                self.abstentions.note(model, outcome)
            self._turns[f"model:{model}", outcome] += 1
        for model, score in turn.scores.items():
            state = watch.models.get(model)
            if state is not None and state.drift is not None:
                state.drift.score(score)

    def look(self, step: int = KEEP_ROWS) -> None:
        """Say what drifted since the last look, and keep what was learnt."""
        for watch in self.site.watches.values():
            changed = [self._keep(watch, model, step) for model in watch.models]
            if any(changed):
                self._say(watch)
        self._count_turns(now=step == 1)

    def _count_turns(self, *, now: bool) -> None:
        self._looks += 1
        self._journal.batch.counts.update(self._turns)
        if self._turns and (now or self._looks % COUNT_LOOKS == 0):
            self._journal.changed()
        self._turns.clear()

    def _keep(self, watch: Watch, model: str, step: int) -> bool:
        """Store the memory of one model's detectors when it is time; whether something drifted."""
        state = watch.models[model]
        if state.drift is None:
            return False
        changed, state.drift.changed = state.drift.changed, False
        key = drift_key(watch.asset.id, model, state.hash)
        if changed or state.drift.rows - self._kept.get(key, 0) >= step:
            self._kept[key] = state.drift.rows
            self._journal.batch.kept[key] = state.drift.to_json()
            self._journal.changed()
        return changed

    def _say(self, watch: Watch) -> None:
        causes = drifted(watch)
        log.warning("drift_changed", asset=watch.asset.id, causes=causes)
        self._announce.maintenance(watch.asset.id, causes)


def drifted(watch: Watch) -> list[Document]:
    """What of an asset is not any more where it was."""
    return [
        cause
        for model, state in watch.models.items()
        if state.drift is not None
        for cause in _causes(watch, model, state.columns, state.drift)
    ]


def drift_key(asset: str, model: str, model_hash: str) -> tuple[str, str]:
    """Where a model's detectors are kept: another model learns anew."""
    return "drift", f"{asset}\n{model}\n{model_hash}"


def restore_drift(site: Site, kept: Mapping[str, str]) -> None:
    """Go on with what the detectors had learnt."""
    for asset, watch in site.watches.items():
        for model, state in watch.models.items():
            text = kept.get(drift_key(asset, model, state.hash)[1])
            if text is not None and state.drift is not None:
                state.drift = Drifts.from_json(text, state.drift.names)


def _causes(watch: Watch, model: str, columns: tuple[str, ...], drifts: Drifts) -> list[Document]:
    """One document per channel, or score, that drifted."""
    metrics = dict(zip(drifts.names, columns, strict=False))
    found: list[Document] = []
    for name, one in drifts.drifted():
        metric = watch.asset.metrics.get(metrics.get(name, ""))
        unit = f" {metric.unit}" if metric is not None and metric.unit else ""
        words = f"{name} is about {one.level:.4g}{unit}, and was {one.mean:.4g}{unit}"
        found.append(
            {
                "model": model,
                "what": name,
                "usual": one.mean,
                "now": one.level,
                "shift_sd": round(one.shift, 2),
                "text": f"{words} ({one.shift:+.1f} sd): look at the sensor, or calibrate again",
            }
        )
    return found
