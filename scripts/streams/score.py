"""Scores the streaming detector on the files of the benchmark; one threshold for all of them."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scripts.streams.detector import alarms, scores
from scripts.streams.nab import Score, Stream, score, streams

DATA = Path(__file__).parents[2] / "../shared/data/nab"
MOST_FALSE = 0.2
"""False alarms a day that an operator will bear."""
THRESHOLD = 0.1113
"""What ``choose`` finds on the shared files, rounded: for files that chose nothing."""

Floats = npt.NDArray[np.float64]


def judged(every: Sequence[Stream]) -> list[Floats]:
    """The detector's score of every value of every file."""
    return [
        np.array(list(scores(one.values.tolist(), one.probation)), dtype=np.float64)
        for one in every
    ]


def choose(every: Sequence[Stream], found: Sequence[Floats]) -> float:
    """The threshold with the best score among those with few false alarms."""
    whole = np.concatenate(found)
    levels = np.unique(np.quantile(whole, 1 - np.geomspace(1e-4, 5e-2, 60)))
    marks = [(at(every, found, float(level)), float(level)) for level in levels]
    return max((mark.nab, level) for mark, level in marks if mark.false_per_day <= MOST_FALSE)[1]


def at(every: Sequence[Stream], found: Sequence[Floats], threshold: float) -> Score:
    """Score at a threshold."""
    return score(every, [alarms(one, threshold) for one in found])


def report(data: Path, *, fixed: bool) -> str:
    """Markdown."""
    every = list(streams(data))
    found = judged(every)
    threshold = THRESHOLD if fixed else choose(every, found)
    lines = [
        f"threshold {threshold:.4f}, {'fixed' if fixed else 'chosen on these files'}\n",
        "| files | NAB score | windows found | false alarms a day |",
        "|---|---|---|---|",
    ]
    for group in dict.fromkeys(["", *(one.name.split("/")[0] for one in every)]):
        members = [i for i, one in enumerate(every) if one.name.startswith(group)]
        if sum(len(every[i].windows) for i in members):
            mark = at([every[i] for i in members], [found[i] for i in members], threshold)
            lines.append(f"| {group or 'all'}, {len(members)} | {mark} |")
    return "\n".join(lines)


def main() -> None:
    """Print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--fixed", action="store_true", help="judge with the threshold kept here")
    options = parser.parse_args()
    print(report(options.data, fixed=options.fixed))


if __name__ == "__main__":
    main()
