"""The kinds of model that ``scripts/train_own`` makes, each behind the same four questions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol, Self

import numpy as np

from gateway.models.features.compute import compute
from scripts.train import nets, trees
from scripts.train.costs import Costs, Flags
from scripts.train.datasets import Floats
from scripts.train.distance import Distance, Smoothing, precision
from scripts.train.graph import build
from scripts.train.history import History
from scripts.train.package import contributions
from scripts.train.trust import flatlines

SEED: Final = 0
MARGIN: Final = 1.2
"""Without a fault to learn from, the level lies so much above the largest healthy score."""
FOREST_MARGIN: Final = 1.02
"""The same for a forest, whose score ends at 1 and is 0.5 for the most usual row."""
BOOSTING: Final[Mapping[str, Any]] = {
    "num_leaves": 8,
    "learning_rate": 0.05,
    "n_estimators": 150,
    "colsample_bytree": 0.5,
    "deterministic": True,
    "force_row_wise": True,
    "n_jobs": 1,
    "verbose": -1,
    "random_state": SEED,
}


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made."""

    kind: str
    name: str
    channels: Mapping[str, str]
    """Name -> unit."""
    period_s: float
    window: int
    costs: Costs
    horizon_s: float = 0.0
    """Of ``rul``: an alarm is right from so long before the end; 0: a tenth of the longest life."""
    licence: str = "LicenseRef-proprietary"
    created: str = "2026-11-21"

    @property
    def below(self) -> bool:
        """A low score is bad."""
        return self.kind == "rul"


class Model(Protocol):
    """A trained model."""

    def scores(self, windows: Floats) -> Floats:
        """N x rows x channels -> n."""
        ...

    def at(self, level: float) -> Self:
        """The same with its alarm at a level; where it can, scaled so that the level is 1."""
        ...

    def graph(self) -> bytes:
        """As ONNX."""
        ...

    def outputs(self, windows: Floats) -> Mapping[str, Floats]:
        """Of golden windows, by the library that trained it."""
        ...

    def manifest(self) -> Mapping[str, object]:
        """Task, input, outputs and decision."""
        ...


def windows(rows: Floats, length: int) -> Floats:
    """Every window of a history; none of one that is too short."""
    if len(rows) < length:
        return np.empty((0, length, rows.shape[1]))
    cut = np.lib.stride_tricks.sliding_window_view(rows, length, axis=0).swapaxes(1, 2)
    return np.ascontiguousarray(cut)


def truth(one: History, plan: Plan) -> Flags:
    """Of every window, whether an alarm at its end would be right."""
    if not plan.below:
        return one.faulty[plan.window - 1 :]
    left = np.arange(len(one.values) - plan.window, -1, -1) * plan.period_s
    return left <= (plan.horizon_s or 0.1 * len(one.values) * plan.period_s)


def margin(kind: str, healthy: Floats) -> float:
    """A level for a model that has never seen a fault."""
    return (FOREST_MARGIN if kind == "forest" else MARGIN) * float(healthy.max())


def manifest(plan: Plan, model: Model, known: Sequence[History]) -> dict[str, object]:
    """The manifest without files, golden vectors and provenance."""
    values = np.concatenate([one.values for one in known])
    low, high = values.min(axis=0), values.max(axis=0)
    span = np.maximum(high - low, 1e-3 * np.abs(high) + 1e-6)
    flats = flatlines([one.values for one in known], plan.period_s)
    said = dict(model.manifest())
    return {
        "id": plan.name,
        "version": "1.0.0",
        "created": plan.created,
        **said,
        "input": {
            "channels": [
                {"name": name, "unit": unit, "flatline_s": flat, "range": [float(a), float(b)]}
                for (name, unit), flat, a, b in zip(
                    plan.channels.items(), flats, low - 2 * span, high + 2 * span, strict=True
                )
            ],
            "period_s": plan.period_s,
            "window": plan.window,
            **dict(said["input"]),  # type: ignore[call-overload]
        },
        "licence": plan.licence,
    }


def _raw(tensor: str, residuals: str) -> dict[str, object]:
    return {
        "task": "anomaly",
        "input": {"tensor": tensor, "layout": "n,t,c", "features": "raw"},
        "outputs": [
            {"tensor": "score", "meaning": "score"},
            {"tensor": residuals, "meaning": "residuals"},
        ],
        "decision": {"levels": [{"label": "alarm", "on": 1.0, "off": 0.8}]},
    }


@dataclass(frozen=True, slots=True)
class _Distance:
    model: Distance

    def scores(self, windows: Floats) -> Floats:
        smooth = np.stack([self._smooth(window) for window in windows])
        square = np.sum(smooth * (smooth @ self.model.precision), axis=1)
        return np.sqrt(np.maximum(square, 0))

    def _smooth(self, window: Floats) -> Floats:
        return self.model.smoothing.apply((window - self.model.mean) / self.model.sd)[0]

    def at(self, level: float) -> "_Distance":
        return _Distance(self.model.scaled(level))

    def graph(self) -> bytes:
        return build(self.model)

    def outputs(self, windows: Floats) -> Mapping[str, Floats]:
        parts = np.stack([contributions(self.model, window) for window in windows])
        return {"score": self.scores(windows)[:, np.newaxis], "contributions": parts}

    def manifest(self) -> Mapping[str, object]:
        return _raw("window", "contributions")


@dataclass(frozen=True, slots=True)
class _Autoencoder:
    net: nets.Net

    def scores(self, windows: Floats) -> Floats:
        return self.net.scores(windows)

    def at(self, level: float) -> "_Autoencoder":
        return _Autoencoder(replace(self.net, level=level))

    def graph(self) -> bytes:
        return nets.build(self.net)

    def outputs(self, windows: Floats) -> Mapping[str, Floats]:
        return {
            "score": self.net.scores(windows)[:, np.newaxis],
            "residuals": self.net.residuals(windows),
        }

    def manifest(self) -> Mapping[str, object]:
        return _raw("window", "residuals")


@dataclass(frozen=True, slots=True)
class _Trees:
    """Any of the three tree models, on ``stats``."""

    kind: str
    fitted: Any
    level: float = 1.0

    def scores(self, windows: Floats) -> Floats:
        features = compute("stats", windows).astype(np.float32)
        if self.kind == "forest":
            return np.asarray(-self.fitted.score_samples(features))
        said: Floats = self.fitted.booster_.predict(features)
        return np.maximum(said, 0) if self.kind == "rul" else said

    def at(self, level: float) -> "_Trees":
        return replace(self, level=level)

    def graph(self) -> bytes:
        width = int(self.fitted.n_features_in_)
        if self.kind == "forest":
            made, usual = trees.isolating(self.fitted)
            return trees.isolation(made, usual, width, self.level)
        made = list(trees.boosted(self.fitted.booster_))
        return trees.life(made, width) if self.kind == "rul" else trees.classes(made, width)

    def outputs(self, windows: Floats) -> Mapping[str, Floats]:
        said = self.scores(windows)
        if self.kind == "forest":
            return {"score": said[:, np.newaxis] / self.level}
        if self.kind == "rul":
            return {"rul": said[:, np.newaxis]}
        return {"probabilities": np.column_stack([1 - said, said])}

    def manifest(self) -> Mapping[str, object]:
        score: dict[str, object] = {"tensor": "score", "meaning": "score"}
        task, raises, on, off = "anomaly", "above", 1.0, 0.98
        if self.kind == "rul":
            score = {"tensor": "rul", "meaning": "rul", "unit": "s"}
            task, raises, on, off = "rul", "below", self.level, 1.2 * self.level
        if self.kind == "classifier":
            names = {"labels": ["healthy", "faulty"], "score_of": "faulty"}
            score = {"tensor": "probabilities", "meaning": "probabilities", **names}
            task, on, off = "class", self.level, 0.8 * self.level
        return {
            "task": task,
            "input": {"tensor": "features", "layout": "n,f", "features": "stats"},
            "outputs": [score],
            "decision": {"raises": raises, "levels": [{"label": "alarm", "on": on, "off": off}]},
        }


def _healthy(known: Sequence[History], plan: Plan) -> Floats:
    pieces = [windows(one.values, plan.window)[~truth(one, plan)] for one in known
              if len(one.values) >= plan.window]  # fmt: skip
    if not pieces or not sum(map(len, pieces)):
        raise ValueError(f"no history is {plan.window} healthy rows long")
    return np.concatenate(pieces)


def _distance(known: Sequence[History], plan: Plan) -> Model:
    healthy = _healthy(known, plan)
    flat = healthy.reshape(-1, healthy.shape[2])
    mean = flat.mean(axis=0)
    sd = np.maximum(flat.std(axis=0), 1e-3 * np.abs(mean) + 1e-9)
    smoothing = Smoothing(decay=min(1.0, 3 / plan.window), length=plan.window, clip=20.0)
    smooth = np.stack([smoothing.apply((one - mean) / sd)[0] for one in healthy])
    return _Distance(Distance(smoothing, mean, sd, precision(smooth, 0.1)))


def _autoencoder(known: Sequence[History], plan: Plan) -> Model:
    return _Autoencoder(nets.train(_healthy(known, plan), SEED))


def _forest(known: Sequence[History], plan: Plan) -> Model:
    from sklearn.ensemble import IsolationForest

    features = compute("stats", _healthy(known, plan)).astype(np.float32)
    return _Trees("forest", IsolationForest(n_estimators=100, random_state=SEED).fit(features))


def _boosted(known: Sequence[History], plan: Plan) -> Model:
    import lightgbm

    whole = [one for one in known if len(one.values) >= plan.window]
    if not whole:
        raise ValueError(f"no history is {plan.window} rows long")
    cells = np.concatenate([windows(one.values, plan.window) for one in whole])
    features = compute("stats", cells).astype(np.float32)
    if plan.kind == "rul":
        left = [np.arange(len(one.values) - plan.window, -1, -1.0) for one in whole]
        target = np.concatenate(left) * plan.period_s
        return _Trees("rul", lightgbm.LGBMRegressor(**BOOSTING).fit(features, target))
    marked = np.concatenate([truth(one, plan) for one in whole])
    if not marked.any() or marked.all():
        raise ValueError("the classifier needs healthy and faulty rows to train on: give --label")
    return _Trees("classifier", lightgbm.LGBMClassifier(**BOOSTING).fit(features, marked))


KINDS: Final[Mapping[str, Callable[[Sequence[History], Plan], Model]]] = {
    "distance": _distance,
    "autoencoder": _autoencoder,
    "forest": _forest,
    "classifier": _boosted,
    "rul": _boosted,
}
