"""What a manifest may ask of explanations and of a learnt level."""

import pytest

from gateway.errors import PackageError
from gateway.models.manifest import load_manifest
from tests.models import make


def asked(tmp_path, **changes):
    make.write(tmp_path, make.linear(), **changes)
    return load_manifest(tmp_path)


def test_what_is_asked_for_is_read(tmp_path):
    explain = {"method": "occlusion", "baseline": {"c0": 3}, "usual": {"c1": [1, 2]}, "top": 2}
    level = {"quantile": 0.99, "factor": 1.5}
    manifest = asked(
        tmp_path,
        explain=explain,
        calibration={"per_asset": "mean_sd", "rows": 50, "level": level},
    )
    wanted = manifest.explain
    assert (wanted.method, wanted.baseline, wanted.usual, wanted.top) == (
        "occlusion", {"c0": 3.0}, {"c1": (1.0, 2.0)}, 2,
    )  # fmt: skip
    learnt = manifest.calibration.level
    assert (learnt.quantile, learnt.factor, learnt.rows, learnt.on) == (0.99, 1.5, 50, 0.8)


LEARNT = {"per_asset": "mean_sd", "rows": 50, "level": {"quantile": 0.99}}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"explain": {"method": "residuals"}}, "explain.method"),
        ({"explain": {"method": "guess"}}, "explain.method"),
        ({"explain": {"baseline": {"nobody": 1}}}, "explain.baseline"),
        ({"explain": {"usual": {"c0": [2, 1]}}}, "explain.usual.c0"),
        ({"explain": {"top": 0}}, "explain.top"),
        ({"calibration": LEARNT | {"per_asset": "none"}}, "calibration.level"),
        ({"calibration": LEARNT | {"level": {"quantile": 2}}}, "calibration.level.quantile"),
        (
            {
                "calibration": LEARNT,
                "decision": {"levels": [{"label": "alarm", "on": 0.0, "off": 0.0}]},
            },
            "decision.levels",
        ),
        (
            {
                "calibration": LEARNT,
                "decision": {
                    "raises": "below",
                    "levels": [{"label": "alarm", "on": 0.5, "off": 0.6}],
                },
            },
            "calibration.level",
        ),
    ],
)
def test_what_cannot_be_carried_out_is_refused_by_its_field(tmp_path, changes, field):
    with pytest.raises(PackageError) as caught:
        asked(tmp_path, **changes)
    assert field in str(caught.value)
