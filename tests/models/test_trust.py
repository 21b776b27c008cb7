import json

import pytest

from gateway.errors import PackageError
from gateway.models.manifest import load_manifest
from tests.models import make

UNCERTAIN = {
    "method": "conformal",
    "residual_quantiles": {"0.8": 0.1, "0.9": 0.2, "0.95": 0.4},
    "calibrated_on": "20 engines",
}


def manifest(tmp_path, **parts):
    folder = tmp_path / "package"
    folder.mkdir()
    make.write(folder, make.linear())
    file = folder / "manifest.json"
    tree = json.loads(file.read_text())
    file.write_text(json.dumps(tree | parts))
    return load_manifest(folder), tree["input"]["channels"]


def test_the_usual_coverage_is_taken_unless_another_is_named(tmp_path):
    (found, _) = manifest(tmp_path, uncertainty=UNCERTAIN)
    assert (found.trust.conformal.q, found.trust.conformal.coverage) == (0.2, 0.9)


def test_a_named_coverage_is_taken(tmp_path):
    (found, _) = manifest(tmp_path, uncertainty=UNCERTAIN | {"coverage": 0.95})
    assert found.trust.conformal.q == 0.4


def test_a_coverage_that_was_not_measured_is_refused(tmp_path):
    with pytest.raises(PackageError, match=r"uncertainty\.coverage: expected a known quantile"):
        manifest(tmp_path, uncertainty=UNCERTAIN | {"coverage": 0.99})


@pytest.mark.parametrize(
    ("limits", "why"),
    [({"nobody": [0, 1]}, "ood.limits.nobody: expected one of"), ({}, "lower bound first")],
)
def test_limits_that_cannot_be_meant_are_refused(tmp_path, limits, why):
    first = make.document(make.linear())["input"]["channels"][0]["name"]
    with pytest.raises(PackageError, match=why):
        manifest(tmp_path, ood={"method": "range", "limits": limits or {first: [2, 1]}})


def test_limits_stand_in_the_order_of_the_channels(tmp_path):
    second = make.document(make.linear())["input"]["channels"][1]["name"]
    (found, _) = manifest(tmp_path, ood={"method": "range", "limits": {second: [0, 1]}})
    assert found.trust.ood.limits[:2] == (None, (0.0, 1.0))
    assert found.trust.ood.max_share == 0.0


def test_low_scores_may_have_a_narrower_interval(tmp_path):
    bands = [
        {"below": below, "residual_quantiles": {"0.9": q}} for below, q in ((0.1, 0.01), (0.5, 0.1))
    ]
    (found, _) = manifest(tmp_path, uncertainty=UNCERTAIN | {"bands": bands})
    conformal = found.trust.conformal
    assert [conformal.half(score) for score in (0.05, 0.1, 0.4, 0.5)] == [0.01, 0.1, 0.1, 0.2]


@pytest.mark.parametrize(
    ("bands", "why"),
    [
        ([(0.5, "0.9"), (0.1, "0.9")], r"uncertainty\.bands: expected rising ends"),
        ([(0.5, "0.8")], r"uncertainty\.coverage: expected a known quantile"),
    ],
)
def test_bands_that_cannot_be_meant_are_refused(tmp_path, bands, why):
    told = [{"below": below, "residual_quantiles": {key: 0.1}} for below, key in bands]
    with pytest.raises(PackageError, match=why):
        manifest(tmp_path, uncertainty=UNCERTAIN | {"bands": told})
