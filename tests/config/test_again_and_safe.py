"""What ``retry`` and ``fail_safe`` may say."""

from pathlib import Path

import pytest

from gateway import config
from gateway.core.assets import FailSafe, Retry
from gateway.errors import ConfigError
from tests.fakes.daemon import pump

SAFE = "    verdicts:\n"


def written(folder: Path, *changes: tuple[str, str]) -> Path:
    file = folder / "gateway.yaml"
    file.write_text(pump(1883, *changes))
    return file


def safe(text: str) -> tuple[str, str]:
    return SAFE, f"    fail_safe: {{{text}}}\n{SAFE}"


def test_all_that_can_be_said_is_read(tmp_path: Path) -> None:
    keys = safe("after: 1h, worker: 5m, do: stop, on_stop: true, on_death: 1m")
    retry = ("mode: act", "mode: act, retry: {times: 2, after: 5s, on: failed}")
    asset = config.load(written(tmp_path, keys, retry)).assets["pump"]
    expected = FailSafe(3_600_000, "stop", worker_ms=300_000, on_stop=True, death_ms=60_000)
    assert asset.fail_safe == expected
    assert asset.policy[0].retry == Retry(2, 5_000, frozenset({"failed"}))


def test_nothing_is_given_again_and_nothing_done_at_a_stop_unless_it_is_said(
    tmp_path: Path,
) -> None:
    asset = config.load(written(tmp_path, safe("after: 1h, do: stop"))).assets["pump"]
    assert asset.policy[0].retry is None
    assert asset.fail_safe == FailSafe(3_600_000, "stop")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (safe("after: 1h, mode: advise, on_stop: true"), "'on_stop' sends a command"),
        (safe("after: 1h, do: stop, mode: advise, on_death: 1m"), "'on_death' sends a command"),
        (safe("after: 1h, do: stop, on_death: 2h"), "at most 30m"),
        (("do: stop, mode: act", "retry: {times: 1}"), "no command to give again"),
        (("mode: act", "mode: act, retry: {times: 9}"), "5"),
        (("mode: act", "mode: act, retry: {times: 1, on: [confirmed]}"), "timeout"),
    ],
)
def test_what_cannot_be_meant_is_refused(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        config.load(written(tmp_path, change))
