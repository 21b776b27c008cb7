"""Explanations: what each channel adds to a score, by the model's own residuals or by occlusion.

Occlusion (Zeiler & Fergus 2014, for channels instead of patches): each channel in turn is replaced
by its baseline over the whole window, and what the score loses by that is the channel's weight. The
window and its occluded copies are one batch, so an explanation is one run of the model. It asks
nothing of the model but its score, so it holds for every kind of model; of channels that say the
same thing each gets little, since the other still says it.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np

from gateway.models import golden
from gateway.models.features.compute import compute
from gateway.models.package import Package
from gateway.models.session import Floats, RunError, Session

OCCLUSION: Final = "occlusion"
RESIDUALS: Final = "residuals"
"""The meaning of an output, and the method that reads it."""


class Explained(NamedTuple):
    """One explanation."""

    method: str
    weights: Floats
    """Per channel; above 0 what pushes the score towards an alarm."""
    baseline: Floats
    """Per channel, in the units of the window."""
    values: Floats
    """What the window holds where the baseline was put: the newest row, or the features."""


def golden_mean(package: Package, contents: Mapping[str, bytes]) -> Floats:
    """What is usual over the golden windows: the baseline where nothing else is known.

    Per channel the mean; of signals, per feature the median.
    """
    vectors = golden.parse(contents[package.manifest.golden.file], package.manifest)
    wanted, columns = package.manifest.input, len(package.shape.channels)
    cells = np.frombuffer(vectors.windows)
    if wanted.vibration is not None:
        blocks = cells.reshape(vectors.count, -1, columns)
        found = compute(wanted.features, blocks, wanted.channels, wanted.vibration)
        usual: Floats = np.median(found, axis=0)
        return usual
    mean: Floats = cells.reshape(-1, columns).mean(axis=0)
    return mean


def explain(
    session: Session, window: Floats, baseline: Floats, method: str, deadline: float
) -> Explained:
    """Explain the score of one window.

    Args:
        session: the model.
        window: 1 x rows x channels, as it was judged.
        baseline: per channel, finite.
        method: ``occlusion``, ``residuals`` or ``auto``.
        deadline: ``time.monotonic`` at which the run is ended.

    Raises:
        RunError: the window is of another shape, or the model has no answer to it, or to an
            occluded copy of it.
    """
    shape = session.package.shape
    if session.package.manifest.input.vibration is not None:
        return by_features(session, window, baseline, deadline)
    if (
        window.shape[1:] != (shape.length, len(shape.channels))
        or baseline.shape != window.shape[2:]
    ):
        raise RunError(f"a window of {window.shape[1:]}, a baseline of {baseline.shape}")
    meanings = [output.meaning for output in session.package.manifest.outputs]
    own = RESIDUALS in meanings and method in {"auto", RESIDUALS}
    if method == RESIDUALS and not own:
        raise RunError("the model has no residuals")
    judged = session.judge(window if own else occluded(window, baseline), deadline)
    for why in judged.refused.values():
        raise RunError(why)
    if own:
        weights = judged.outputs[meanings.index(RESIDUALS)][0]
        return Explained(RESIDUALS, weights, baseline, window[0, -1])
    lost = judged.scores[0] - judged.scores[1:]
    raises = session.package.manifest.decision.raises
    return Explained(OCCLUSION, lost if raises == "above" else -lost, baseline, window[0, -1])


def by_features(session: Session, window: Floats, baseline: Floats, deadline: float) -> Explained:
    """Explain the score of a block by its features, from both ends.

    A feature's weight is the mean of what the score loses when the feature alone stands at its
    baseline, and of what it gains when the feature alone leaves it. Of features that say the same
    thing, the first end sees none and the second sees each (the first and the last term of a
    Shapley value).

    Raises:
        RunError: the baseline is of another length, or the model has no answer.
    """
    found = session.features(window)
    n = found.shape[1]
    if baseline.shape != (n,):
        raise RunError(f"a baseline of {baseline.shape} for {n} features")
    whole = np.repeat(found, n + 1, axis=0)
    bare = np.repeat(baseline[np.newaxis].astype(found.dtype), n + 1, axis=0)
    for i in range(n):
        whole[i + 1, i], bare[i + 1, i] = baseline[i], found[0, i]
    judged = session.judge_features(np.concatenate([whole, bare]), deadline)
    for why in judged.refused.values():
        raise RunError(why)
    full, empty = judged.scores[: n + 1], judged.scores[n + 1 :]
    push = (full[0] - full[1:] + empty[1:] - empty[0]) / 2
    raises = session.package.manifest.decision.raises
    values = found[0].astype(np.float64)
    return Explained(OCCLUSION, push if raises == "above" else -push, baseline, values)


def occluded(window: Floats, baseline: Floats) -> Floats:
    """The window, then a copy per channel with that channel at its baseline."""
    batch = np.repeat(window, len(baseline) + 1, axis=0)
    for channel, value in enumerate(baseline):
        batch[channel + 1, :, channel] = value
    return batch


def completed(given: Sequence[float | None], mean: Floats) -> Floats:
    """A baseline as it was asked for, with the golden mean where it says nothing.

    Raises:
        RunError: it is of another length, or not finite.
    """
    if len(given) != len(mean):
        raise RunError(f"a baseline of {len(given)} for {len(mean)} channels")
    both = zip(given, mean.tolist(), strict=True)
    whole = np.array([mean_ if one is None else one for one, mean_ in both], dtype=np.float64)
    if not np.isfinite(whole).all():
        raise RunError("a baseline that is not finite")
    return whole
