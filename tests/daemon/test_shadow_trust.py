"""A candidate in shadow is held to what would keep it from answering if it judged."""

from pathlib import Path

import pytest

from tests.daemon.test_versions import RULES, judging, reach, text
from tests.fakes.daemon import Daemon
from tests.fakes.zigbee import Zigbee
from tests.models import make
from tests.models.heat import package, write

TRUSTS: dict[str, dict[str, object]] = {
    "ood": {"method": "range", "limits": {"temperature": [-1.0, 10.0]}, "max_share": 0.0},
    "uncertainty": {
        "method": "conformal",
        "residual_quantiles": {"0.9": 500.0},
        "calibrated_on": "one probe",
    },
}


def doubtful(folder: Path, kind: str) -> None:
    """The temperature itself, as the active version says it, but it may not answer to 20 degC."""
    nodes = [make.node("Flatten", "window", "score", axis=1)]
    model = make.model(nodes, window=("n", 1, 1))
    write(folder, "1.1.0", model, **{kind: TRUSTS[kind]})


@pytest.mark.parametrize("kind", TRUSTS)
def test_windows_that_a_candidate_may_not_answer_to_are_no_agreement(
    tmp_path: Path, zigbee: Zigbee, kind: str
) -> None:
    package(tmp_path / "old", "1.0.0")
    doubtful(tmp_path / "new", kind)
    with Daemon(tmp_path, text(zigbee, RULES + ", promote: auto}")) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=20.0)
        reach(daemon, {"1.0.0": "active", "1.1.0": "refused"})
        told = daemon.logged("model_version_changed")[-1]
        assert "disagreed on 100.0%" in told["why"]
        assert told["abstained"] == told["windows"] == 20
        assert judging(zigbee) == "normal"
