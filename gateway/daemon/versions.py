"""Versions: which version of each model judges, kept in the store, changed by rule or by command.

A change is one step of the table in ``core.versions``: the new lineage, a line of its history and
the event that tells of it are in one batch, so a gateway that is killed goes on with the state
before or with the state after, and has said which.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Final

import structlog

from gateway.config.settings import Settings
from gateway.core import lineages, topic_tree
from gateway.core.requests import RequestError
from gateway.core.trials import Rules, Tally
from gateway.core.versions import Change, Lineage, State, Step, Version, changes
from gateway.daemon.announce import Announce
from gateway.daemon.clock import Clock
from gateway.daemon.dressing import Dressing
from gateway.daemon.fleet import Fleet, kept, loaded_name, open_fleet, shelf_of
from gateway.daemon.inference import Inference
from gateway.daemon.journal import Journal
from gateway.daemon.site import Site
from gateway.models.contract import Manifest
from gateway.models.shelf import Shelf

HISTORY: Final = 256
"""Changes that are remembered."""
EVERY: Final = 10
"""Counts are stored every so many windows."""

log = structlog.get_logger()


class Versions:
    """The versions of all models."""

    def __init__(
        self, kept: Mapping[str, str], history: Iterable[str], dressing: Dressing, clock: Clock
    ) -> None:
        """``kept`` and ``history``: what the store holds of them."""
        self.lineages = {model: Lineage.from_json(text, model) for model, text in kept.items()}
        self._history = sorted(history)
        self._clock = clock
        self._fleet = Fleet({}, {}, {})
        self._shelf: Shelf | None = None
        self._dressing = dressing
        self.called_back: set[str] = set()
        """Names of retired versions that are loaded for a rollback."""

    def attach(self, inference: Inference, journal: Journal, announce: Announce) -> None:
        """Who is told of changes."""
        self._inference = inference
        self._journal = journal
        self._announce = announce

    # -- the file -------------------------------------------------------------------------------

    def open(self, settings: Settings) -> Fleet:
        """Verify the packages of a file; nothing is changed by it. Blocks."""
        self._shelf = self._shelf or shelf_of(settings)
        fleet = open_fleet(settings, dict(self.lineages), self._shelf, self._clock.now_ms())
        return kept(fleet, self._shelf)

    def adopt(self, fleet: Fleet, site: Site) -> None:
        """Go on with what a file declares, on the site that was built of it."""
        self._fleet, self._site = fleet, site
        names = {
            model: loaded_name(model, lineage.active.hash)
            for model, lineage in fleet.lineages.items()
            if lineage.active
        }
        self._dressing.adopt(site, names, fleet.packages)
        for model in self.lineages.keys() - fleet.lineages.keys():
            self._journal.batch.kept["versions", model] = None
            del self.lineages[model]
        for lineage in fleet.lineages.values():
            self.become(lineage)
        self._apply()
        if self._shelf is not None:
            self._shelf.tidy(
                loaded_name(model, one.hash)
                for model, lineage in self.lineages.items()
                for one in lineage.versions
            )

    # -- what is seen of versions ---------------------------------------------------------------

    def rules(self, model: str) -> Rules:
        """What a version of this model must show."""
        settings = self._site.settings.models.get(model)
        return settings.rules if settings else Rules()

    def counted(self, model: str, hash_: str, count: Callable[[Tally], Tally]) -> None:
        """A window more was seen of a version."""
        lineage = self.lineages[model]
        one = lineage.find(hash_)
        if one is None:
            return
        told = lineage.put(replace(one, tally=count(one.tally)))
        self.become(lineages.judged(told, self.rules(model), self._clock.now_ms()))

    def loaded(self, name: str) -> None:
        """A version reproduced its golden vectors: a candidate may begin."""
        model, hash_ = self._find(name)
        one = self.lineages[model].find(hash_) if model else None
        if one is not None and one.state is State.LOADING:
            self.become(self.lineages[model].step(hash_, Step.LOAD, self._clock.now_ms()))

    def refused(self, name: str, why: str) -> None:
        """The worker refused a package: a candidate is out, an active one gives way."""
        model, hash_ = self._find(name)
        if model:
            now_ms = self._clock.now_ms()
            self.become(lineages.lost(self.lineages[model], hash_, now_ms, why))

    def killed(self, names: Iterable[str], why: str) -> None:
        """The worker died with one of them: those on trial take the blame."""
        for name in names:
            model, hash_ = self._find(name)
            if model:
                now_ms = self._clock.now_ms()
                self.become(lineages.struck(self.lineages[model], hash_, now_ms, why))

    def manifest(self, model: str) -> Manifest | None:
        """The contract of the version that judges; None when none does."""
        active = self.lineages[model].active if model in self.lineages else None
        package = self._fleet.packages.get(loaded_name(model, active.hash)) if active else None
        return package.manifest if package else None

    def _find(self, name: str) -> tuple[str, str]:
        for model, lineage in self.lineages.items():
            for version in lineage.versions:
                if loaded_name(model, version.hash) == name:
                    return model, version.hash
        return "", ""

    def call_back(self, model: str, version: Version) -> str:
        """Load a retired version for a rollback; the name it is loaded under.

        Raises:
            RequestError: its package is no longer what it was.
        """
        name = loaded_name(model, version.hash)
        if name not in self._fleet.packages:
            raise RequestError(f"version {version.version}: its package is gone")
        self.called_back.add(name)
        self._apply()
        return name

    # -- changes --------------------------------------------------------------------------------

    def become(self, lineage: Lineage) -> None:
        """Record what is new, and let it hold."""
        before = self.lineages.get(lineage.model, Lineage(lineage.model))
        if lineage == before:
            return
        self.lineages[lineage.model] = lineage
        made = changes(before, lineage)
        for number, change in enumerate(made):
            self._record(change, number)
        counts = [one.tally.windows for one in lineage.versions if one.tally.windows]
        if made or lineage.declared != before.declared or any(not n % EVERY for n in counts):
            self._journal.batch.kept["versions", lineage.model] = lineage.to_json()
            self._journal.changed()
        if made:
            self._apply()

    def _record(self, change: Change, number: int) -> None:
        one = change.version
        told = {
            "model": change.model,
            "version": one.version,
            "hash": one.hash,
            "before": change.before,
            "state": one.state.value,
            "why": one.why,
            "strikes": one.strikes,
            "active": change.active,
        }
        say = log.warning if one.why else log.info
        say("model_version_changed", **told, **figures(one.tally))
        self._announce.event("model_version_changed", **told, **figures(one.tally))
        key = f"{self._clock.now_ms():015d}-{number}"
        stamp = topic_tree.head(self._clock.now_ms())
        self._journal.batch.kept["version_history", key] = json.dumps(
            stamp | told | figures(one.tally)
        )
        self._history.append(key)
        while len(self._history) > HISTORY:
            self._journal.batch.kept["version_history", self._history.pop(0)] = None

    def _apply(self) -> None:
        """Let the worker load what is wanted, and every watch ask the version that judges."""
        names: dict[str, str] = {}
        beside: dict[str, str] = {}
        for model, lineage in self.lineages.items():
            active, other = lineage.active, lineage.candidate
            if active:
                names[model] = loaded_name(model, active.hash)
                other = lineage.previous if active.state is State.PROBATION else other
            if other:
                beside[model] = loaded_name(model, other.hash)
        wanted = [*names.values(), *beside.values(), *self.called_back]
        packages = self._fleet.packages
        known = {name: packages[name] for name in wanted if name in packages}
        self._inference.want(known, names, self._fleet.refused)
        self._dressing.dress(self._site, names, beside)


def figures(tally: Tally) -> dict[str, object]:
    """What was counted of a version, for people."""
    return {
        "windows": tally.windows,
        "disagreement": round(tally.disagreement, 4),
        "alarm_rate": round(tally.alarm_rate, 4),
        "abstained": tally.abstained,
        "mean_ms": round(tally.mean_ms, 3),
        "worst_ms": tally.worst_ms,
    }
