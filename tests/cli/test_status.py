"""``edge-gateway status``: what the screen shows of the documents."""

from pathlib import Path
from typing import Any

from gateway.cli.status import ASSETS, lines
from gateway.cli.sync_view import View

FILE = Path("gateway.yaml")


def state(label: str, rung: str = "rule:1", **more: Any) -> dict[str, Any]:
    return {"label": label, "score": None, "rung": rung} | more


def shown(assets: dict[str, dict[str, Any]]) -> list[str]:
    view = View({"state": "running", "ts": "now"}, assets=assets)
    return [line for line in lines(view, FILE) if line.startswith("asset")]


def test_assets_are_shown_the_worst_first() -> None:
    assert shown(
        {
            "fan": state("normal", hold={"author": "ann"}),
            "well": state("unknown", "none"),
            "pump": state("alarm", "model:heat", score=0.9312, alert=True),
            "mill": state("alarm", alert=True, acknowledged="ann"),
            "belt": state("wear"),
        }
    ) == [
        "asset     pump: alarm 0.931 by model:heat, raised",
        "asset     mill: alarm by rule:1, raised and acknowledged",
        "asset     belt: wear by rule:1",
        "asset     well: unknown",
        "asset     fan: normal by rule:1, hold",
    ]


def test_one_screen_is_not_overrun() -> None:
    many = {f"pump-{n:03}": state("normal") for n in range(ASSETS + 3)}
    told = shown(many | {"zz": state("alarm", alert=True)})
    assert len(told) == ASSETS + 1
    assert told[0].startswith("asset     zz: alarm")
    assert told[-1] == "asset     and 4 more, no worse"
