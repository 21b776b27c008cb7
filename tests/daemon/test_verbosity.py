"""``edge-gateway log-level``: heard at once, over by itself, on record."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner

from gateway.cli.main import cli
from tests.fakes.daemon import ROOT, Daemon, pump
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytestmark = pytest.mark.broker


def level(folder: Path, *words: str) -> Any:
    command = ["log-level", *words, "--json", "--config", str(folder / "gateway.yaml")]
    result = CliRunner().invoke(cli, command)
    return json.loads(result.output) if not result.exception else str(result.exception)


def test_it_holds_for_a_time_and_is_the_files_again(tmp_path: Path, zigbee: Zigbee) -> None:
    with Daemon(tmp_path, pump(zigbee.port, ("level: debug", "level: info"))) as daemon:
        assert level(tmp_path) == {"level": "info", "file": "info", "until": None}
        told = level(tmp_path, "error", "--for", "2s", "--author", "ann", "--reason", "noise")
        assert (told["level"], told["file"], bool(told["until"])) == ("error", "info", True)
        wait_until(lambda: len(daemon.logged("log_level_changed")) == 1, "it is over")
        (back,) = daemon.logged("log_level_changed")
        assert (back["by"], back["log_level"], back["before"]) == ("time", "info", "error")

        def events() -> list[dict[str, Any]]:
            heard = zigbee.heard("edge/here/event")
            return [one for one in heard if one["event"] == "log_level_changed"]

        wait_until(lambda: [one["by"] for one in events()] == ["ann", "time"], "both events")
        schema = json.loads((ROOT / "docs/topics/event.schema.json").read_text())
        for one in events():
            jsonschema.validate(one, schema)
        sql = "SELECT body FROM audit WHERE kind = 'gateway' AND subject IN ('info', 'error')"
        bodies = [json.loads(body) for (body,) in daemon.rows(f"{sql} ORDER BY seq")]
        assert [(one["by"], one["level"]) for one in bodies] == [("ann", "error"), ("time", "info")]


def test_file_takes_it_back_at_once_and_debug_is_written_meanwhile(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(zigbee.port, ("level: debug", "level: warning"))) as daemon:
        assert daemon.logged("gateway_started") == []
        level(tmp_path, "debug")
        assert level(tmp_path)["level"] == "debug"
        assert daemon.logged("request_answered")
        assert level(tmp_path, "file") == {"level": "warning", "file": "warning", "until": None}


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"level": "loud"}, "level should be one of debug"),
        ({"level": "info", "for": "10 minutes"}, "not a duration"),
        ({"level": "info", "for": "30d"}, "at most 1w"),
        ({"level": "info", "author": "a\nb"}, "author should be one line"),
        ({"lewel": "info"}, "unknown key"),
    ],
)
def test_nonsense_is_refused(
    tmp_path: Path, zigbee: Zigbee, fields: dict[str, object], why: str
) -> None:
    from gateway.cli.asking import RefusedError, ask

    with Daemon(tmp_path, pump(zigbee.port)), pytest.raises(RefusedError, match=why):
        ask(tmp_path / "gateway.yaml", "log-level", fields)
