"""Splits by machine and by time, never by window: windows that overlap are the same window."""

from collections.abc import Sequence

import numpy as np


def folds(units: Sequence[str], count: int, seed: int) -> list[list[str]]:
    """Machines in ``count`` disjoint groups, shuffled.

    Raises:
        ValueError: there are fewer machines than groups.
    """
    names = sorted(set(units))
    if len(names) < count:
        raise ValueError(f"{len(names)} machines cannot be split into {count} groups")
    order = np.random.default_rng(seed).permutation(len(names))
    return [[names[i] for i in part] for part in np.array_split(order, count)]


def by_time(rows: int, share: float, window: int) -> tuple[slice, slice]:
    """The first ``share`` of a history, and the rest without the rows a window would share.

    Raises:
        ValueError: one side would hold no window.
    """
    cut = int(rows * share)
    if cut < window or rows - cut - (window - 1) < window:
        raise ValueError(f"{rows} rows are too few to split for windows of {window}")
    return slice(0, cut), slice(cut + window - 1, rows)
