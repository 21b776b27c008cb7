"""kill -9 of the daemon: no acknowledged message is lost, no command is sent twice or forgotten."""

import json
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.proxy import Proxy
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import Zigbee

MakeBroker = Callable[..., Mosquitto]
ROOT = Path(__file__).parents[2]
PROVE = (sys.executable, "scripts/prove_kill")


def prove(*arguments: str) -> tuple[int, dict[str, object]]:
    done = subprocess.run(
        [*PROVE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {"error": done.stderr}


@pytest.mark.usefixtures("make_broker")
def test_killed_again_and_again_it_loses_nothing_and_stores_nothing_twice() -> None:
    code, result = prove("--kills", "4", "--messages", "2000")
    assert (code, result.get("lost"), result.get("twice")) == (0, 0, 0), result


@pytest.mark.usefixtures("make_broker")
def test_the_same_rig_sees_a_daemon_that_acknowledges_too_early_lose() -> None:
    code, result = prove("--kills", "3", "--messages", "1500", "--control")
    assert code == 0, result
    assert int(str(result["lost"])) > 0


def test_killed_after_the_order_was_sent_it_is_not_sent_again_but_proved(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    with Daemon(tmp_path, pump(broker.port)) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        daemon.kill()
        assert daemon.states() == ["sent"]
        daemon.start()
        wait_until(lambda: zigbee.heard("zigbee2mqtt/plug/get"), "the plug is asked")
        zigbee.tell("plug", state="OFF", power=0.2)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        zigbee.tell("probe", temperature=97)
        wait_until(lambda: 97 in daemon.values("temperature"), "life goes on")
        assert daemon.stop() == 0
        assert len(zigbee.orders) == 1


def test_killed_after_the_echo_it_waits_for_the_proof_and_then_says_timeout(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    text = pump(broker.port, ("within: 20s", "within: 4s"))
    with Daemon(tmp_path, text) as daemon:
        zigbee.online()
        zigbee.tell("probe", temperature=95)
        wait_until(lambda: zigbee.orders, "an order")
        zigbee.tell("plug", state="OFF", power=900)
        wait_until(lambda: daemon.states() == ["accepted"], "an echo")
        daemon.kill()
        daemon.start()
        wait_until(lambda: daemon.commands() == [("timeout", "no proof")], "the end of it")
        assert daemon.stop() == 0
        assert len(zigbee.orders) == 1


def test_killed_before_it_could_be_sent_it_is_sent_once_when_the_broker_is_back(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    plant, tools = make_broker().start(), make_broker().start()
    text = two_brokers(plant, tools).replace("set: {state", "expires: 60s\n        set: {state")
    with Zigbee(plant.port) as hot, Daemon(tmp_path, text) as daemon:
        wait_until(lambda: hot.availability == "online", "online")
        learnt_and_gone(tools, daemon)
        hot.tell("probe", temperature=95)
        wait_until(lambda: daemon.states() == ["stored"], "it waits for its broker")
        daemon.kill()
        assert daemon.states() == ["stored"]
        daemon.start()
        tools.start()
        with Zigbee(tools.port) as zigbee:
            wait_until(lambda: len(zigbee.orders) == 1, "the order")
            zigbee.tell("plug", state="OFF", power=0.1)
            wait_until(lambda: daemon.states() == ["confirmed"], "proof")
            daemon.kill()
            daemon.start()
            wait_until(lambda: daemon.logged("broker_connected")[-1], "connected")
            zigbee.tell("plug", state="OFF", power=0.2)
            wait_until(lambda: 0.2 in daemon.values("power"), "life goes on")
            assert len(zigbee.orders) == 1
            assert daemon.states() == ["confirmed"]


def test_an_order_that_waits_too_long_for_its_broker_expires_even_over_a_kill(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    plant, tools = make_broker().start(), make_broker().start()
    text = two_brokers(plant, tools).replace("set: {state", "expires: 2s\n        set: {state")
    with Zigbee(plant.port) as hot, Daemon(tmp_path, text) as daemon:
        hot.online()
        learnt_and_gone(tools, daemon)
        hot.tell("probe", temperature=95)
        wait_until(lambda: daemon.states() == ["stored"], "it waits for its broker")
        daemon.kill()
        daemon.start()
        wait_until(lambda: daemon.commands() == [("expired", "not sent in time")], "its end")
        tools.start()
        with Zigbee(tools.port) as zigbee:
            zigbee.peer.publish("zigbee2mqtt/plug", json.dumps({"power": 700}), retain=True)
            wait_until(lambda: 700 in daemon.values("power"), "the broker is back")
            assert daemon.stop() == 0
            assert zigbee.orders == []


SOURCES = """sources:
  zigbee: {bridge: zigbee2mqtt, broker: tools}
  probes: {bridge: zigbee2mqtt, broker: local}"""


def learnt_and_gone(tools: Mosquitto, daemon: Daemon) -> None:
    """The plug's bridge tells its registry, without which nothing is ordered; its broker goes."""
    registry = "SELECT 1 FROM kept WHERE room = 'roster' AND key LIKE 'zigbee%devices'"
    with Zigbee(tools.port):
        wait_until(lambda: daemon.rows(registry), "the registry is known")
        tools.stop()
    wait_until(lambda: daemon.logged("broker_lost"), "the broker is gone")


def two_brokers(plant: Mosquitto, tools: Mosquitto) -> str:
    """The probe is heard on one broker, the plug is switched on the other."""
    return pump(
        plant.port,
        ("brokers: {local:", f"brokers: {{tools: {{host: 127.0.0.1, port: {tools.port}}}, local:"),
        ("{id: here}", "{id: here, broker: local}"),
        (
            "sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}",
            SOURCES,
        ),
        ("from: zigbee/probe", "from: probes/probe"),
    )


def test_an_order_on_its_way_when_the_line_falls_silent_is_not_repeated(
    tmp_path: Path, broker: Mosquitto, zigbee: Zigbee
) -> None:
    """The PUBACK never comes: it may have been obeyed, so it is asked about."""
    with Proxy(broker.port) as proxy:
        text = pump(proxy.port, ("127.0.0.1, port", "127.0.0.1, keepalive: 1s, port"))
        with Daemon(tmp_path, text) as daemon:
            zigbee.online()
            zigbee.tell("plug", state="ON", power=1000)
            wait_until(lambda: daemon.values("power"), "it hears")
            zigbee.tell("probe", temperature=95)
            wait_until(lambda: zigbee.orders, "an order")
            proxy.freeze()
            wait_until(lambda: daemon.logged("broker_lost"), "it notices")
            zigbee.tell("plug", state="OFF", power=0.4)
            wait_until(lambda: daemon.states() == ["confirmed"], "proof, once it is back")
            assert daemon.stop() == 0
            assert len(zigbee.orders) == 1


REDUCED = """gateway: {{id: here, broker: local}}
brokers:
  tools: {{host: 127.0.0.1, port: {tools}}}
  local: {{host: 127.0.0.1, port: {plant}}}
sources:
  probes: {{bridge: zigbee2mqtt, broker: local}}
assets:
  pump:
    metrics: {{temperature: {{from: probes/probe, unit: degC}}}}
    verdicts: [{{rule: "temperature > 90", label: alarm}}]
store: {{path: gateway.db, min_free_bytes: 1MiB}}
log: {{level: debug, format: json}}
"""


def test_an_order_whose_action_a_reload_took_away_is_refused_and_never_sent(
    tmp_path: Path, make_broker: MakeBroker
) -> None:
    plant, tools = make_broker().start(), make_broker().start()
    text = two_brokers(plant, tools).replace("set: {state", "expires: 60s\n        set: {state")
    with Zigbee(plant.port) as hot, Daemon(tmp_path, text) as daemon:
        wait_until(lambda: hot.availability == "online", "online")
        learnt_and_gone(tools, daemon)
        hot.tell("probe", temperature=95)
        wait_until(lambda: daemon.states() == ["stored"], "it waits for its broker")
        daemon.file.write_text(REDUCED.format(plant=plant.port, tools=tools.port))
        daemon.signal(signal.SIGHUP)
        gone = [("refused", "no longer in the configuration")]
        wait_until(lambda: daemon.commands() == gone, "its end")
        known = len(daemon.logged("broker_connected"))
        tools.start()
        with Zigbee(tools.port) as zigbee:
            wait_until(lambda: len(daemon.logged("broker_connected")) > known, "it is back")
            assert daemon.stop() == 0
            assert zigbee.orders == []
