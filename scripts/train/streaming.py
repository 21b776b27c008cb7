"""Makes the shipped package ``streaming-anomaly``: one slow sensor of any kind, state carried.

Nothing in the graph is learnt here: the detector learns on the spot. What is chosen is its level,
on every second file of the benchmark (``training_part``), as the one with the best score among
those with few false alarms; the other files are left to judge it. Deterministic: no seed, no clock.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from scripts.streams import detector
from scripts.streams.detector import Floats
from scripts.streams.graph import build
from scripts.streams.nab import Flags, Stream, score, streams
from scripts.streams.score import DATA, MOST_FALSE, PACKAGE, beside, standardised
from scripts.train.emit import shortened, write
from scripts.train.sign import add_options, keys

VERSION, CREATED = "1.0.0", "2026-11-21"
ROWS = 160
"""The calibration: no longer than the probation of the benchmark's shortest file."""
WARMUP = 100
OFF = 0.5
BRIDGE = 12
PERIOD_S = 300.0
CANDIDATES = 60
GOLDEN = (0.0, 1.0, -2.5, 60.0)


def training_part(every: Sequence[Stream]) -> list[Stream]:
    """Every second file, by name."""
    return list(every)[::2]


def raw(every: Sequence[Stream]) -> list[Floats]:
    """Scores in standard deviations, never hushed: the level is chosen on these."""
    values = [standardised(one, ROWS) for one in every]
    far = 1e6  # a level that nothing reaches
    table = far * np.array(list(detector.scores(beside(values), far)))
    return [table[: len(one), column] for column, one in enumerate(values)]


def alarms(scores: Floats, level: float) -> Flags:
    """Where the package would raise its label, were its level this one."""
    given = np.zeros(len(scores) + ROWS, dtype=np.bool_)
    silent, held = 0.0, False
    for count, value in enumerate((scores / level).tolist(), 1):
        shown = value if count > silent else min(value, detector.HUSHED)
        if shown >= 1:
            share = detector.REFRACTORY * count
            silent = count + min(max(share, 1.0), detector.MOST_SILENCE)
        if count > WARMUP:
            raised = shown >= (OFF if held else 1)
            given[ROWS + count - 1] = raised and not held
            held = raised
    return given


def choose(every: Sequence[Stream], scores: Sequence[Floats]) -> float:
    """The level with the best score among those with at most ``MOST_FALSE`` alarms a day."""
    whole = np.concatenate(scores)
    shares = 1 - np.geomspace(1e-4, 5e-2, CANDIDATES)
    levels = np.unique(np.quantile(whole, shares).round(2)).tolist()
    marks = [(score(every, [alarms(one, level) for one in scores]), level) for level in levels]
    return float(max((m.nab, level) for m, level in marks if m.false_per_day <= MOST_FALSE)[1])


def manifest(
    level: float, chosen_on: Sequence[str], found: str, period_s: float
) -> dict[str, object]:
    """All but ``files`` and ``golden``."""
    value = {"name": "value", "unit": "", "max_age_s": BRIDGE * period_s}
    return {
        "id": "streaming-anomaly",
        "version": VERSION,
        "task": "anomaly",
        "created": CREATED,
        "input": {
            "tensor": "value",
            "layout": "n,t,c",
            "channels": [value],
            "period_s": period_s,
            "window": 1,
            "min_coverage": 0.0,
        },
        "outputs": [{"tensor": "score", "meaning": "score"}],
        "decision": {"levels": [{"label": "alarm", "on": 1.0, "off": OFF}]},
        "state": {
            "carried": [{"input": "state", "output": "next", "size": detector.SIZE}],
            "warmup": WARMUP,
            "bridge": BRIDGE,
        },
        "calibration": {"per_asset": "mean_sd", "rows": ROWS},
        "explain": {"method": "none"},
        "licence": "Apache-2.0",
        "provenance": {
            "data": "Numenta Anomaly Benchmark v1.1 (MIT): the level only",
            "script": "scripts/train_streaming",
            "level": level,
            "level_chosen_on": list(chosen_on),
            "judged": found,
        },
    }


def package(data: Path, out: Path, period_s: float) -> str:
    """Choose the level, judge the other files, write; what was found on the way."""
    every = list(streams(data))
    scores = dict(zip((one.name for one in every), raw(every), strict=True))
    train = training_part(every)
    rest = [one for one in every if one not in train]
    level = choose(train, [scores[one.name] for one in train])
    marks = [score(part, [alarms(scores[o.name], level) for o in part]) for part in (train, rest)]
    other = choose(rest, [scores[one.name] for one in rest])
    back = score(train, [alarms(scores[one.name], other) for one in train])
    found = (
        f"NAB score, windows found, false alarms a day: {len(rest)} files that chose nothing "
        f"{marks[1]}; the {len(train)} that chose the level {marks[0]}; the other way round, those "
        f"{len(train)} at the level {other:g} that the {len(rest)} would choose: {back}"
    ).replace(" | ", ", ")
    windows = shortened(np.array(GOLDEN)[:, np.newaxis, np.newaxis])
    said, following = detector.step(
        windows[:, 0, 0], np.zeros((len(windows), detector.SIZE)), level
    )
    card = Path(__file__).with_name("streaming_card.md").read_text("utf-8")
    write(
        out,
        build(level),
        manifest(level, [one.name for one in train], found, period_s),
        card.format(found=found, level=level),
        windows,
        {"score": said[:, np.newaxis], "next": following},
    )
    return f"{out}: level {level:g}\n{found}"


def main() -> None:
    """Write the package."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the benchmark, for the level")
    parser.add_argument("--out", type=Path, default=PACKAGE)
    parser.add_argument("--period", type=float, default=PERIOD_S, help="seconds between two rows")
    add_options(parser)
    options = parser.parse_args()
    signer = keys(options)
    print(package(options.data, options.out, options.period))
    signer.sign(options.out)


if __name__ == "__main__":
    main()
