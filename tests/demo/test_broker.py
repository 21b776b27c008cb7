"""The demo's broker, both kinds, as the gateway's client sees it."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.demo.broker import DemoBroker, mosquitto
from tests.fakes.mqtt_peer import Gateway
from tests.fakes.waiting import wait_until

KINDS = ["mosquitto", "amqtt"]


@pytest.fixture(params=KINDS)
def demo(request: pytest.FixtureRequest):
    if request.param == "mosquitto" and mosquitto() is None:
        pytest.skip("needs mosquitto")
    with DemoBroker(request.param) as broker:
        yield broker


def test_it_carries_qos_1_retained_and_birth(demo: DemoBroker) -> None:
    version = "3.1.1" if demo.kind == "amqtt" else "auto"
    topic = "edge/demo/availability"
    with Gateway(demo.port, "a/#", protocol=version, availability=topic) as gateway:
        gateway.ready()
        assert gateway.publishes("a/1", b"one", retain=True).ok
        assert gateway.hears(1) == ["one"]
        with Gateway(demo.port, "a/1", "edge/#", protocol=version) as late:
            wanted = {("a/1", b"one", True), (topic, b"online", True)}

            def complete() -> bool:
                taken = late.client.take()
                late.client.acknowledge([message.receipt for message in taken])
                late.messages += taken
                return wanted <= {(m.topic, m.payload, m.retain) for m in late.messages}

            wait_until(complete, "both retained messages")


def test_it_speaks_the_will_of_a_killed_client(demo: DemoBroker) -> None:
    topic = "edge/killed/availability"
    script = (
        "import time\n"
        "from gateway.adapters.mqtt import Broker, Client\n"
        f"broker = Broker('b', '127.0.0.1', {demo.port}, '3.1.1', client_id='killed')\n"
        f"settings = dict(wall_ms=lambda: 0, availability='{topic}')\n"
        "client = Client(broker, on_wake=lambda: None, **settings)\n"
        "client.start()\n"
        "time.sleep(60)\n"
    )
    with Gateway(demo.port, topic, protocol="3.1.1") as watcher:
        watcher.ready()
        child = subprocess.Popen([sys.executable, "-c", script])
        watcher.hears(1)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        assert watcher.hears(2) == ["online", "offline"]


def test_it_listens_on_loopback_only(demo: DemoBroker) -> None:
    assert demo.host == "127.0.0.1"
    tables = [Path("/proc/net/tcp"), Path("/proc/net/tcp6")]
    rows = [line.split()[1:4] for table in tables for line in table.read_text().splitlines()[1:]]
    listening = [local for local, _, state in rows if state == "0A"]
    port = f"{demo.port:04X}"
    assert [local for local in listening if local.endswith(f":{port}")] == [f"0100007F:{port}"]


def test_it_is_gone_afterwards() -> None:
    with DemoBroker("amqtt") as broker:
        port = broker.port
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_the_amqtt_child_does_not_outlive_its_parent() -> None:
    script = (
        "import time\n"
        "from gateway.demo.broker import DemoBroker\n"
        "with DemoBroker('amqtt') as broker:\n"
        "    print(broker.port, flush=True)\n"
        "    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        port = int(parent.stdout.readline())
        parent.kill()

    def gone() -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) != 0

    wait_until(gone, "the child has ended")


def test_a_gateway_finds_the_old_version_by_itself() -> None:
    """amqtt does not answer version 5 at all."""
    with DemoBroker("amqtt") as demo, Gateway(demo.port, connect_timeout_s=0.5) as gateway:
        assert gateway.ready().client.state.protocol == "3.1.1"
