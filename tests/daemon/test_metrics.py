"""Metrics of a running gateway: true, and never in its way."""

import http.client
import os
import re
import signal
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.ports import free_port
from tests.fakes.promtool import KNOWN, promtool
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

pytestmark = pytest.mark.broker
SAMPLE = re.compile(r"^(\w+(?:\{[^}]*\})?) (\S+)$", re.MULTILINE)


def told(port: int, at: int) -> str:
    return pump(port, ("assets:", f'metrics: {{listen: "127.0.0.1:{at}"}}\nassets:'))


def scraped(at: int) -> str:
    """What is answered; empty while nobody does."""
    asked = http.client.HTTPConnection("127.0.0.1", at, timeout=10)
    try:
        asked.request("GET", "/metrics")
        answer = asked.getresponse()
        text = answer.read().decode()
    except OSError:
        return ""
    finally:
        asked.close()
    return text if answer.status == 200 else ""


def figures(at: int) -> dict[str, float]:
    return {name: float(value) for name, value in SAMPLE.findall(scraped(at))}


def child(daemon: Daemon) -> int:
    """The process that answers."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
        except (OSError, IndexError):
            continue
        if b"gateway.web.scrape" in words and parent == daemon.process.pid:
            return int(folder.name)
    return 0


def test_what_happened_is_told(tmp_path: Path, zigbee: Zigbee) -> None:
    at = free_port()
    with Daemon(tmp_path, told(zigbee.port, at)) as daemon:
        zigbee.online()
        for degrees in (60, 70, 95):
            zigbee.tell("probe", temperature=degrees)
        zigbee.peer.publish("zigbee2mqtt/probe", "{nonsense")
        wait_until(lambda: zigbee.orders, "the pump is stopped")
        zigbee.obey()
        wait_until(lambda: daemon.states() == ["confirmed"], "its proof")
        confirmed = 'edge_gateway_commands_total{state="confirmed"}'
        wait_until(lambda: figures(at).get(confirmed) == 1, "it is told", 30)
        found = figures(at)
        assert found['edge_gateway_source_readings_total{source="zigbee"}'] >= 3
        assert found['edge_gateway_source_rejects_total{source="zigbee"}'] == 1
        assert found['edge_gateway_decisions_total{event="raised"}'] == 1
        assert found['edge_gateway_verdicts_total{rung="rule:1",label="alarm"}'] >= 1
        assert found['edge_gateway_asset_alert{asset="pump"}'] == 1
        assert found['edge_gateway_broker_connected{broker="local"}'] == 1
        assert found["edge_gateway_commits_total"] >= 1
        assert found['edge_gateway_resident_memory_bytes{process="daemon"}'] > 10e6
        assert found["edge_gateway_loop_late_seconds"] < 5
        assert found["edge_gateway_series_dropped"] == 0
        assert {name.partition("{")[0] for name in found} <= KNOWN
        assert promtool("check", "metrics", said=scraped(at)) == ""


def test_a_process_that_dies_or_hangs_is_no_matter_and_comes_back(
    tmp_path: Path, zigbee: Zigbee
) -> None:
    at = free_port()
    with Daemon(tmp_path, told(zigbee.port, at)) as daemon:
        zigbee.online()
        wait_until(lambda: scraped(at), "figures", 30)
        os.kill(child(daemon), signal.SIGKILL)
        wait_until(lambda: daemon.logged("metrics_process_died"), "it was noticed")
        wait_until(lambda: scraped(at), "it is back", 30)
        os.kill(child(daemon), signal.SIGSTOP)
        for degrees in range(60, 80):
            zigbee.tell("probe", temperature=degrees)
        wait_until(lambda: len(daemon.values("temperature")) == 20, "nothing waits for it")
        assert daemon.stop() == 0
        assert child_is_gone(at)


def child_is_gone(at: int) -> bool:
    return scraped(at) == ""


def test_a_reload_brings_it_and_takes_it_away(tmp_path: Path, zigbee: Zigbee) -> None:
    at = free_port()
    with Daemon(tmp_path, pump(zigbee.port)) as daemon:
        assert child(daemon) == 0
        daemon.file.write_text(told(zigbee.port, at))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: scraped(at), "figures", 30)
        daemon.file.write_text(pump(zigbee.port))
        daemon.signal(signal.SIGHUP)
        wait_until(lambda: child(daemon) == 0, "it is gone")
