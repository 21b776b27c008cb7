"""A model that goes bad after its promotion: rolled back by itself, in the running daemon."""

from pathlib import Path

import numpy as np
import pytest

from tests.fakes.updating import by_hand, reach, running, states, told
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee
from tests.models import heat, make
from tests.updates.plant import Plant


def nan_above(plant: Plant, degrees: float) -> Path:
    """Right up to a temperature; above it, NaN."""
    nodes = [
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Sub", "most flat", "left"),
        make.node("Log", "left", "log"),
        make.node("Mul", "log zero", "nothing"),
        make.node("Add", "flat nothing", "score"),
    ]
    constants = [make.tensor("most", [[degrees]]), make.tensor("zero", [[0.0]])]
    model = make.model(nodes, constants, window=("n", 1, 1))
    return heat.write(plant.folder / "nan", "1.1.0", model)


def hanging(plant: Plant) -> Path:
    """Multiplies square matrices: of side 1 at 20 degC, of side 6,000 at 80."""
    nodes = [
        make.node("ReduceMax", "window", "most", keepdims=0),
        make.node("Mul", "most by", "share"),
        make.node("Pow", "share power", "wide"),
        make.node("Cast", "wide", "side", to=make.INT64),
        make.node("Reshape", "side one", "line"),
        make.node("Concat", "line line", "shape", axis=0),
        make.node("ConstantOfShape", "shape", "m", value=make.tensor("v", [0.0])),
        make.node("MatMul", "m m", "mm"),
        make.node("ReduceSum", "mm", "sum", keepdims=0),
        make.node("Flatten", "window", "flat", axis=1),
        make.node("Add", "flat sum", "score"),
    ]
    constants = [
        *(make.tensor("by", 0.05), make.tensor("power", 6.27)),
        make.tensor("one", [1], np.int64),
    ]
    return heat.write(
        plant.folder / "hanging", "1.1.0", make.model(nodes, constants, window=("n", 1, 1))
    )


@pytest.mark.parametrize("kind", ["alarms", "nan", "hang"])
def test_a_model_that_goes_bad_on_probation_is_rolled_back_by_itself(
    plant: Plant, zigbee: Zigbee, kind: str
) -> None:
    model = "{shadow: 20 windows, probation: 100000, max_latency: 5s, alarm_rate: [0, 0.0001]}"
    with running(plant, zigbee, model=model) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active"})
        if kind == "nan":
            plant.offer_package(nan_above(plant, 30.0))
        elif kind == "hang":
            plant.offer_package(hanging(plant))
        else:
            plant.offer("1.1.0", 30.0)
        by_hand(plant)
        reach(daemon, {"1.0.0": "retired", "1.1.0": "probation"})
        degrees = 80.0 if kind == "hang" else 40.0
        zigbee.tell("probe", temperature=degrees)
        wait_until(lambda: told(daemon)[-1:] == ["rolled_back"], "it is rolled back")
        assert states(daemon)["1.0.0"] == "active"
        judged = lambda: zigbee.newest("asset/pump/state").get("score") == degrees
        wait_until(judged, "the old one judges")
        by_hand(plant)
        assert plant.delivered() == ""
