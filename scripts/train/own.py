"""Makes a model package from one's own history: the gateway's database, or a CSV.

Kinds without labels, which learn what is normal: ``distance`` (smoothed Mahalanobis),
``autoencoder``, ``forest`` (isolation forest on ``stats``). Kinds with labels: ``classifier`` (rows
marked faulty), ``rul`` (each machine of the CSV was run until it failed).

What is kept aside to choose the level and to judge is other machines where there are at least
three, else later time, without the rows that a window would share; never other windows.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gateway.errors import GatewayError
from scripts.train import history, kinds, limits, split
from scripts.train.costs import Costs, Trace, choose, count
from scripts.train.datasets import Floats
from scripts.train.emit import shortened, write
from scripts.train.history import History
from scripts.train.kinds import KINDS, Model, Plan
from scripts.train.sign import add_options, keys
from scripts.train.trust import with_stress

GOLDEN = 4
TRAIN_SHARE = 0.6
STRESSED = 100
"""Windows whose disturbance the card tells of."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Histories to train on, to choose the level on, and to judge."""

    train: list[History]
    choose: list[History]
    judge: list[History]
    how: str


def parts(known: Sequence[History], window: int) -> Parts:
    """Split by machine, or by time where there are fewer than three.

    Raises:
        ValueError: there is too little.
    """
    names = [one.unit for one in known]
    if len(set(names)) >= 3:
        groups = split.folds(names, min(5, len(set(names))), seed=0)
        judge, level = set(groups[0]), set(groups[1])
        return Parts(
            [one for one in known if one.unit not in judge | level],
            [one for one in known if one.unit in level],
            [one for one in known if one.unit in judge],
            f"by machine: {len(set(names) - judge - level)} to train on, {len(level)} to choose "
            f"the level, {len(judge)} to judge",
        )
    sides: tuple[list[History], ...] = ([], [], [])
    for one in known:
        first, rest = split.by_time(len(one.values), TRAIN_SHARE, window)
        later = History(one.unit, one.values[rest], one.faulty[rest])
        middle, last = split.by_time(len(later.values), 0.5, window)
        for side, source, rows in zip(
            sides, (one, later, later), (first, middle, last), strict=True
        ):
            side.append(History(one.unit, source.values[rows], source.faulty[rows]))
    return Parts(*sides, "by time: the first 60 % to train on, then the level, then to judge")


def traces(model: Model, plan: Plan, known: Sequence[History]) -> list[Trace]:
    """What a model says of histories, as the costs want it."""
    found = []
    for one in known:
        if len(one.values) >= plan.window:
            said = model.scores(kinds.windows(one.values, plan.window))
            truth = kinds.truth(one, plan)
            found.append(Trace(-said if plan.below else said, truth))
    return found


def figures(known: list[Trace], level: float, hours: float) -> str:
    """One line for the card."""
    misses, false = count(known, level)
    events = sum(bool(one.faulty.any()) for one in known)
    every = np.concatenate([one.scores for one in known])
    per_unit = [float(np.mean(one.scores[~one.faulty] >= level)) for one in known
                if not one.faulty.all()]  # fmt: skip
    share = f"{100 * np.mean(per_unit):.2f} ± {100 * np.std(per_unit):.2f} %" if per_unit else "-"
    return (
        f"{misses} of {events} events missed, {false} false alarms in {hours:.1f} h; healthy "
        f"windows called faulty: {share} (mean and sd over histories); {len(every)} windows"
    )


def make(known: Sequence[History], plan: Plan, out: Path, provenance: str) -> str:
    """Split, train, choose the level, judge, write.

    Raises:
        ValueError: there is too little history, or no label where one is needed.
        PackageError: the gateway would refuse the package.
    """
    sides = parts(known, plan.window)
    model = KINDS[plan.kind](sides.train, plan)
    tuned = traces(model, plan, sides.choose)
    level = choose(tuned, plan.costs)
    if not any(one.faulty.any() for one in tuned):  # nothing to miss: stay clear of what is normal
        level = max(level, kinds.margin(plan.kind, np.concatenate([one.scores for one in tuned])))
    judged = traces(model, plan, sides.judge)
    hours = sum(len(one.scores) for one in judged) * plan.period_s / 3600
    found = figures(judged, level, hours)
    trust: dict[str, object] = {}
    if plan.kind in {"classifier", "rul"}:
        trust["ood"] = limits.ood(plan, sides.train, sides.choose)
    if plan.below:  # the alarm is given once the whole interval is below: so the level is higher
        trust["uncertainty"] = limits.uncertainty(model, plan, sides.choose)
        level -= limits.half(trust["uncertainty"], -level)  # type: ignore[arg-type]
    model = model.at(-level if plan.below else level)
    source = np.concatenate([kinds.windows(o.values, plan.window) for o in sides.train])
    golden = shortened(source[np.linspace(0, len(source) - 1, GOLDEN).astype(int)])
    card = _card(plan, sides, found, provenance)
    origin = {"data": provenance, "script": "scripts/train_own"}
    manifest = {
        **kinds.manifest(plan, model, sides.train),
        **trust,
        "provenance": {**origin, "judged": found, "split": sides.how},
    }
    write(out, model.graph(), manifest, card, golden, model.outputs(golden))
    return found


def _card(plan: Plan, sides: Parts, found: str, provenance: str) -> str:
    channels = ", ".join(f"`{name}` [{unit or '1'}]" for name, unit in plan.channels.items())
    return (
        f"# {plan.name}\n\n"
        f"- **Kind**: {plan.kind}, on {plan.window} rows, {plan.period_s:g} s apart.\n"
        f"- **Input**: {channels}.\n"
        f"- **Data**: {provenance}; split {sides.how}.\n"
        f"- **Level**: the cheapest when a miss costs {plan.costs.miss:g} and a false alarm "
        f"{plan.costs.false_alarm:g}.\n"
        f"- **Figures** on the part kept aside: {found}.\n"
        f"- **Known to fail**: on what the history does not hold; nothing here was judged on "
        f"another plant.\n- **Made by**: `scripts/train_own`.\n"
    )


def stressed(judge: Sequence[History], plan: Plan) -> tuple[Floats, list[str]]:
    """Windows of the part kept aside, evenly over it, and their true labels: for the card."""
    long = [one for one in judge if len(one.values) >= plan.window]
    windows = np.concatenate([kinds.windows(one.values, plan.window) for one in long])
    truth = np.concatenate([kinds.truth(one, plan) for one in long])
    places = np.unique(np.linspace(0, len(windows) - 1, STRESSED).astype(int))
    return windows[places], ["alarm" if truth[at] else "normal" for at in places]


def plan_of(options: argparse.Namespace) -> Plan:
    """The command line as a plan."""
    pairs = (text.partition(":") for text in options.channels)
    return Plan(
        kind=options.kind,
        name=options.name or options.out.name,
        channels={name: unit for name, _, unit in pairs},
        period_s=options.period,
        window=options.window,
        costs=Costs(options.cost_miss, options.cost_false),
        horizon_s=options.horizon,
        licence=options.licence,
        created=options.created,
    )


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=sorted(KINDS), required=True)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--csv", type=Path, help="columns: at, the channels; unit, label")
    source.add_argument("--store", type=Path, help="the gateway's database")
    parser.add_argument("--assets", nargs="+", default=[], help="of the database")
    parser.add_argument("--channels", nargs="+", required=True, metavar="NAME:UNIT")
    parser.add_argument("--label", default="", help="the CSV's column that marks faulty rows: 0/1")
    parser.add_argument("--labels", type=Path, help="of the database's assets: what "
                        "'edge-gateway feedback --export' wrote")  # fmt: skip
    parser.add_argument("--period", type=float, default=1.0, help="seconds between two rows")
    parser.add_argument("--window", type=int, default=30, help="rows")
    parser.add_argument("--cost-miss", type=float, default=10.0)
    parser.add_argument("--cost-false", type=float, default=1.0)
    parser.add_argument("--horizon", type=float, default=0.0, help="rul: seconds before the end")
    parser.add_argument("--name", default="", help="of the model; default: the directory's")
    parser.add_argument("--licence", default="LicenseRef-proprietary")
    parser.add_argument("--created", default=time.strftime("%Y-%m-%d", time.gmtime()),
                        help="ISO date, for the manifest; default: today")  # fmt: skip
    parser.add_argument("--out", type=Path, required=True)
    add_options(parser)
    options = parser.parse_args()
    plan = plan_of(options)
    names = tuple(plan.channels)
    try:
        signer = keys(options)
        if options.csv:
            known = history.from_csv(options.csv, names, plan.period_s, options.label)
        else:
            labels = history.read_labels(options.labels) if options.labels else None
            where = (options.store, options.assets, plan.channels, plan.period_s)
            known = history.from_store(*where, labels)
        origin = str((options.csv or options.store).name)
        print(f"{options.out}: {make(known, plan, options.out, origin)}")
        with_stress(options.out, *stressed(parts(known, plan.window).judge, plan))
        signer.sign(options.out)
    except (ValueError, OSError, GatewayError) as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
