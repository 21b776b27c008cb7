"""Dressing: every watch asks the version that judges, and feeds the one beside it."""

from collections.abc import Mapping

from gateway.core.assets import Asset, ModelRung, model_rungs
from gateway.core.calibration import Calibration
from gateway.core.ladder import ModelState
from gateway.core.watch import Watch
from gateway.daemon.restore import calibration_key
from gateway.daemon.site import Site
from gateway.daemon.states import model_state
from gateway.models.package import Package


class Dressing:
    """What the assets of a site remember of each version, by the name it is loaded under."""

    def __init__(self, calibrations: Mapping[str, str]) -> None:
        """``calibrations``: what the store keeps of them."""
        self._kept = calibrations
        self._states: dict[tuple[str, str], ModelState] = {}
        self._packages: Mapping[str, Package] = {}

    def adopt(self, site: Site, names: Mapping[str, str], packages: Mapping[str, Package]) -> None:
        """A new site was built with the versions of ``names`` (model -> name) judging."""
        self._packages = packages
        self._states.clear()
        for watch in site.watches.values():
            for model, state in watch.models.items():
                state.loaded = names[model]
                self._states[watch.asset.id, state.loaded] = state

    def dress(self, site: Site, names: Mapping[str, str], beside: Mapping[str, str]) -> None:
        """Let ``names`` judge and feed ``beside``, both by model."""
        for watch in site.watches.values():
            for rung in model_rungs(watch.asset.ladder):
                judging = self._state(watch.asset, rung, names.get(rung.model, ""))
                other = self._state(watch.asset, rung, beside.get(rung.model, ""))
                _dress(watch, rung.model, judging, other)

    def _state(self, asset: Asset, rung: ModelRung, name: str) -> ModelState | None:
        package = self._packages.get(name)
        if package is None:
            return None
        key = (asset.id, name)
        if key not in self._states:
            state = self._states[key] = model_state(rung, package, asset)
            state.loaded = name
            learnt = state.calibration
            text = self._kept.get(calibration_key(asset.id, rung.model, state.hash)[1])
            if learnt is not None and text is not None:
                state.calibration = Calibration.from_json(
                    text, learnt.rows, learnt.columns, learnt.level
                )
        return self._states[key]


def _dress(watch: Watch, model: str, judging: ModelState | None, other: ModelState | None) -> None:
    """One that was not fed until now takes over what the other has seen."""
    before = watch.models.get(model)
    fed = [one for name, one in watch.states() if name == model]
    for state in (judging, other):
        if state and before and all(state is not one for one in fed):
            state.see(before)
    if judging and before and judging is not before:
        judging.held = before.held
    watch.dress(model, judging, other)
