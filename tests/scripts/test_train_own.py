"""From one's own history to a package that the gateway loads, of every kind."""

import sys
import time
from pathlib import Path

import numpy as np
import pytest

from gateway.core.messages import Reason
from gateway.errors import StoreError
from gateway.models import signature
from gateway.models.package import unpack, verify
from gateway.models.session import open_session
from gateway.models.watchdog import Watchdog
from gateway.store.batch import Batch, StoredReport
from scripts.train import history, own
from scripts.train.costs import Costs
from scripts.train.history import History
from scripts.train.kinds import Plan
from tests.store.samples import metric, open_store, report, settings

NEEDS = {
    "distance": "onnx",
    "autoencoder": "sklearn",
    "forest": "sklearn",
    "classifier": "lightgbm",
    "rul": "lightgbm",
}


def machines(count=6, rows=400, *, wears=True):
    """Machines whose flow falls in their last quarter."""
    random = np.random.default_rng(8)
    for one in range(count):
        wear = np.clip(np.linspace(-3, 1, rows), 0, None) if wears else np.zeros(rows)
        load = np.repeat(random.normal(0, 1, rows // 20), 20)
        flow = 30 + load - 12 * wear + random.normal(0, 0.3, rows)
        power = 500 + 40 * load + random.normal(0, 8, rows)
        yield History(f"pump-{one}", np.column_stack([flow, power]), wear > 0.3)


def plan(kind: str) -> Plan:
    return Plan(kind, "mine", {"flow": "l/min", "power": "W"}, 1.0, 20, Costs(10, 1), horizon_s=60)


@pytest.mark.parametrize("kind", NEEDS)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_every_kind_makes_a_package_that_finds_the_fault(tmp_path: Path, kind) -> None:
    pytest.importorskip(NEEDS[kind])
    labelled = kind in {"classifier", "rul"}
    known = list(machines()) if labelled else list(machines(wears=False))
    found = own.make(known, plan(kind), tmp_path / "mine", "made up")
    loaded = open_session(*unpack(tmp_path / "mine"), Watchdog(), 10.0)
    decision = loaded.package.manifest.decision
    worn = next(machines(1)).values
    windows = np.stack([worn[180:200], worn[380:400]])
    well, ill = loaded.judge(windows, time.monotonic() + 10).scores.tolist()
    assert decision.decide(well)[0] == "normal", (well, found)
    assert decision.decide(ill)[0] == "alarm", (ill, found)
    trust = loaded.package.manifest.trust
    assert (trust.ood is not None, trust.conformal is not None) == (labelled, kind == "rul")
    assert not trust.conformal or not trust.conformal.crosses(ill, "normal", decision.decide)
    assert not trust.ood or trust.ood.outside([1_000.0] * 40).startswith("range flow")
    assert all(one.flatline_ms for one in loaded.package.shape.channels)
    card = (tmp_path / "mine/MODEL_CARD.md").read_text()
    assert found in card
    assert "by machine: 3 to train on, 1 to choose the level, 2 to judge" in card


def test_one_command_ends_with_a_signed_package(tmp_path: Path, monkeypatch, capsys) -> None:
    rows = next(machines(1, wears=False)).values
    lines = ["at,flow,power", *(f"{at},{flow},{power}" for at, (flow, power) in enumerate(rows))]
    (tmp_path / "day.csv").write_text("\n".join(lines))
    out, key = tmp_path / "mine", tmp_path / "plant"
    words = ["--kind", "distance", "--csv", tmp_path / "day.csv", "--channels", "flow:l/min",
             "power:W", "--out", out]  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["own", *map(str, words), "--new-key", str(key)])
    own.main()
    card = next(tmp_path.rglob("MODEL_CARD.md")).read_text("utf-8")
    assert "| noise of 0.1 sd on every channel |" in card
    pem = signature.public_key(tmp_path / "plant.pub")
    verify(out, pem)
    assert "plant.pub" in capsys.readouterr().out
    (out / "manifest.sig").unlink()
    monkeypatch.setattr(sys, "argv", ["own", *map(str, words), "--sign", f"{key}.key"])
    own.main()
    verify(out, pem)


def test_fewer_than_three_machines_are_split_by_time() -> None:
    parts = own.parts(list(machines(2)), 20)
    assert "by time" in parts.how
    for one in range(2):
        assert len(parts.train[one].values) == 240
        rest = len(parts.choose[one].values) + len(parts.judge[one].values)
        assert rest == 400 - 240 - 2 * 19


def test_no_machine_is_on_two_sides() -> None:
    parts = own.parts(list(machines()), 20)
    sides = [{one.unit for one in side} for side in (parts.train, parts.choose, parts.judge)]
    assert len(sides[0] | sides[1] | sides[2]) == sum(map(len, sides)) == 6


def test_a_classifier_without_labels_says_what_it_needs(tmp_path: Path) -> None:
    pytest.importorskip("lightgbm")
    with pytest.raises(ValueError, match="--label"):
        own.make(list(machines(wears=False)), plan("classifier"), tmp_path / "x", "made up")


CSV = """at,unit,flow,power,bad
2026-11-21T10:00:00Z,a,1,10,0
2026-11-21T10:00:01Z,a,2,,0
2026-11-21T10:00:02Z,a,3,30,1
2026-11-21T10:01:00Z,a,4,40,0
2026-11-21T10:00:00Z,b,5,50,0
"""


def test_a_csv_is_cut_at_its_gaps_and_holds_what_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(CSV)
    first, later, other = history.from_csv(file, ("flow", "power"), 1.0, "bad")
    assert first.values[:3].tolist() == [[1, 10], [2, 10], [3, 30]]
    assert first.faulty[:3].tolist() == [False, False, True]
    assert (later.unit, later.values.tolist()) == ("a", [[4, 40]])
    assert (other.unit, other.values.tolist()) == ("b", [[5, 50]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("at,flow\n1,2\n", "no column power"),
        ("at,flow,power\n1,2,x\n", "line 2"),
        ("", "no column"),
    ],
)
def test_a_csv_that_is_wrong_is_refused_with_its_place(tmp_path: Path, text, said) -> None:
    file = tmp_path / "mine.csv"
    file.write_text(text)
    with pytest.raises(ValueError, match=said):
        history.from_csv(file, ("flow", "power"), 1.0)


WATTS = {"power": "W", "flow": "W"}


def test_the_gateways_own_database_gives_its_good_readings_on_the_grid(tmp_path: Path) -> None:
    store = open_store(settings(tmp_path))
    names = (metric("flow"), metric("power"))
    good, bad = [Reason.OK, Reason.OK], [Reason.OK, Reason.RANGE]
    for n, reasons in ((0, good), (1_000, bad), (2_000, good)):
        made = report(n, [float(n), float(-n)], metrics=names, reasons=reasons)
        store.commit(Batch(reports=[StoredReport(made)]))
    store.close()
    (one,) = history.from_store(tmp_path / "gateway.db", ["pump-7"], WATTS, 1.0)
    assert (one.unit, one.faulty.any()) == ("pump-7", False)
    assert one.values.tolist() == [[0, 0], [0, 1000], [-2000, 2000]]
    with pytest.raises(ValueError, match="stored in W, not in l/min"):
        history.from_store(tmp_path / "gateway.db", ["pump-7"], {"flow": "l/min"}, 1.0)


def test_an_asset_that_the_database_does_not_know_is_said_so(tmp_path: Path) -> None:
    open_store(settings(tmp_path)).close()
    with pytest.raises(StoreError, match="pump-9"):
        history.from_store(tmp_path / "gateway.db", ["pump-9"], WATTS, 1.0)
