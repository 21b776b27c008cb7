"""What a manifest may say of signals, and what it may not."""

import json
from pathlib import Path
from typing import Any

import pytest

from gateway.errors import PackageError
from gateway.models.manifest import parse

SHIPPED = Path(__file__).parents[2] / "gateway/demo/packages/bearing-vibration/manifest.json"


def manifest(**changes: Any) -> dict[str, Any]:
    tree = json.loads(SHIPPED.read_text())
    wanted = tree["input"]
    for name, value in changes.items():
        match name:
            case "rate" | "speed":
                wanted["channels"][name == "speed"]["signal"] = {"rate_hz": value}
            case "role":
                wanted["channels"][0]["role"] = value
            case _:
                tree[name] = value
    return tree


def shape(**changes: Any) -> Any:
    return parse(json.dumps(manifest(**changes)).encode()).shape


def test_a_signal_is_held_as_long_as_its_metric_says_and_a_speed_as_the_package_does() -> None:
    acceleration, speed = shape().channels
    assert (acceleration.rate_hz, acceleration.hold_ms) == (12_000, 0)
    assert (speed.rate_hz, speed.hold_ms) == (None, 60_000)
    assert shape().of_signals


def test_with_the_preset_vibration_every_channel_but_the_speed_is_a_signal_anyway() -> None:
    tree = manifest()
    del tree["input"]["channels"][0]["signal"]
    channels = parse(json.dumps(tree).encode()).shape.channels
    assert [channel.rate_hz for channel in channels] == [12_000, None]


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"rate": 6000}, "the rate of input.vibration, 12000 Hz, for each signal, found 6000 Hz"),
        ({"rate": 0}, "signal.rate_hz"),
        ({"speed": 12_000}, "input.vibration.speed: expected a channel of scalars"),
        ({"role": "optional"}, "expected a required signal"),
        ({"calibration": {"per_asset": "mean_sd", "rows": 9}}, "calibration.per_asset: expected"),
        ({"state": {"carried": [{"input": "h", "output": "g", "size": 2}]}}, "state: expected"),
        ({"explain": {"baseline": {"acceleration": 1.0}}}, "name a feature of input"),
        ({"explain": {"usual": {"acceleration.order_9": [1, 2]}}}, "name a feature of input"),
        ({"explain": {"method": "residuals"}}, "occlusion with vibration"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_with_its_place(
    changes: dict[str, Any], why: str
) -> None:
    with pytest.raises(PackageError, match=r"manifest\.json") as refused:
        shape(**changes)
    assert why in str(refused.value)
