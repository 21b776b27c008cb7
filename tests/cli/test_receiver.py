"""``edge-gateway receiver`` and its ``status``, as a user types them."""

import json
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from gateway.cli import receiver as cli
from gateway.cli.main import cli as edge_gateway
from gateway.core.batches import Stream, pack
from gateway.errors import ConfigError
from gateway.receiver.parcel import open_parcel
from gateway.receiver.serve import serve
from gateway.receiver.settings import Http, Settings
from gateway.receiver.sqlite import Store
from tests.sinks.contract import reading

NOW_MS = 1_766_000_000_000


def run(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(edge_gateway, ["receiver", *words])
    return done.exit_code, done.output


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with a gateway that sent two readings and one bad row."""
    path = tmp_path / "receiver.db"
    made = Store.open(path)
    rows = [reading(1), reading(2), {**reading(3), "value": []}]
    made.take(open_parcel(pack(Stream("north", "e1", "live"), 0, rows, "report:3").payload), NOW_MS)
    made.close()
    return path


def test_status_shows_every_stream(store: Path) -> None:
    code, told = run("status", "--store", str(store))
    assert code == 0
    head, _, row = told.splitlines()
    assert head.split()[:5] == ["gateway", "lane", "seq", "rows", "refused"]
    assert row.split()[:5] == ["north", "live", "3", "2", "1"]


def test_status_for_programs(store: Path) -> None:
    code, told = run("status", "--store", str(store), "--json")
    assert code == 0
    tree = json.loads(told)
    assert tree["alarms"] == []
    assert {"gateway": "north", "epoch": "e1", "seq": 3, "position": "report:3"}.items() <= tree[
        "streams"
    ][0].items()


def test_status_of_an_empty_store(tmp_path: Path) -> None:
    Store.open(tmp_path / "r.db").close()
    assert run("status", "--store", str(tmp_path / "r.db"))[0] == 0


def test_an_alarm_is_shown_and_is_the_exit_code(tmp_path: Path) -> None:
    made = Store.open(tmp_path / "r.db")
    row = {"kind": "checkpoint", "at_ms": 1, "body": {"seq": 9, "hash": "ab"}}
    made.take(open_parcel(pack(Stream("north", "e1", "events"), 0, [row], "a:1").payload), NOW_MS)
    made.close()
    code, told = run("status", "--store", str(tmp_path / "r.db"))
    assert code == 1
    assert "ALARM: audit of north: its signature does not hold" in told


def test_a_broker_is_written_as_an_address_or_a_url() -> None:
    plain = cli._broker("10.0.0.7", "id")
    assert (plain.host, plain.port, plain.tls, plain.client_id) == ("10.0.0.7", 1883, None, "id")
    words = "mqtts://north%20star@[::1]:8884?password_file=/p&ca_file=/ca&client_id=me"
    url = cli._broker(words, "id")
    assert (url.host, url.port, url.username) == ("::1", 8884, "north star")
    assert (url.password_file, url.client_id) == ("/p", "me")
    assert url.tls is not None
    assert url.tls.ca_file == "/ca"
    assert cli._broker("mqtts://x", "id").port == 8883


@pytest.mark.parametrize("words", ["ftp://x", "mqtt://x?sesame=1", "mqtt://a:b@x", "x:port", ""])
def test_what_is_no_broker_is_said(words: str) -> None:
    with pytest.raises(click.UsageError):
        cli._broker(words, "id")


def test_the_client_id_is_the_same_after_a_restart_and_nobody_elses() -> None:
    assert cli._name("a.db", "t") == cli._name("a.db", "t") != cli._name("b.db", "t")


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)  # as where it is not installed
    settings = Settings(str(tmp_path / "r.db"), Http("127.0.0.1", 0))
    with pytest.raises(ConfigError, match=r"edge-gateway\[receiver\]"):
        serve(settings, lambda: NOW_MS, lambda: 0)
