"""The shipped configuration of mosquitto: who may do what, by password and by certificate."""

import json
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.fakes.daemon import Daemon, pump
from tests.fakes.mosquitto import PROGRAM
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.shipped import Shipped
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG, PROBE

SETS = [f"asset/pump/{name}/set" for name in ("override", "mode", "acknowledge", "maintenance")]
SETS += ["stop/set", "mode/set"]
OWN = ("availability", "health", "event", "pulse/local", "response/override", "asset/pump/state")
REGISTRY = {
    "bridge/state": {"state": "online"},
    "bridge/info": {"version": "2.1.0", "config": {"advanced": {"cache_state": False}}},
    "bridge/devices": [PLUG, PROBE],
}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shipped]:
    if PROGRAM is None or shutil.which("mosquitto_passwd") is None:
        pytest.skip("needs mosquitto and mosquitto_passwd")
    broker = Shipped(tmp_path_factory.mktemp("shipped"))
    broker.start()
    yield broker
    broker.kill()


def may(client: Gateway, topic: str, ticket: int) -> bool:
    """Whether the broker takes a publish."""
    outcome = client.publishes(topic, b"{}", ticket)
    return outcome.reason != "not_authorized"


def allowed(shipped: Shipped, user: str, *topics: str, tls: bool = False) -> list[str]:
    """Those of the topics that a user may publish on."""
    with shipped.client(user, tls=tls) as client:
        client.ready()
        return [topic for at, topic in enumerate(topics, 1) if may(client, topic, at)]


# -- who may write -------------------------------------------------------------------------------


@pytest.mark.parametrize("user", ["zigbee2mqtt", "chirpstack", "viewer", "plug-3"])
@pytest.mark.parametrize("tls", [False, True])
def test_a_bridge_a_device_or_a_viewer_decides_nothing(
    shipped: Shipped, user: str, *, tls: bool
) -> None:
    topics = [f"edge/here/{name}" for name in (*SETS, *OWN, "request/model")]
    assert allowed(shipped, user, *topics, tls=tls) == []


@pytest.mark.parametrize("user", ["anna", "homeassistant"])
@pytest.mark.parametrize("tls", [False, True])
def test_people_may_decide_what_the_gateway_lets_them_and_speak_for_nobody(
    shipped: Shipped, user: str, *, tls: bool
) -> None:
    sets = [f"edge/here/{name}" for name in SETS]
    others = [f"edge/here/{name}" for name in OWN]
    others += [
        "edge/other/stop/set",
        "zigbee2mqtt/plug/set",
        "zigbee2mqtt/plug",
        "cmnd/plug-3/POWER",
    ]
    assert allowed(shipped, user, *sets, *others, tls=tls) == sets


def test_a_bridge_has_its_own_topics_and_nobody_elses(shipped: Shipped) -> None:
    mine = ["zigbee2mqtt/plug", "zigbee2mqtt/bridge/state"]
    uplink = "application/a/device/0101010101010101/event/up"
    others = [uplink, "tele/plug-3/SENSOR", "homeassistant/device/x/config"]
    assert allowed(shipped, "zigbee2mqtt", *mine, *others) == mine
    assert allowed(shipped, "chirpstack", uplink, *mine) == [uplink]
    device = ["tele/plug-3/SENSOR", "tele/plug-4/SENSOR", "cmnd/plug-4/POWER", "cmnd/plug-3/POWER"]
    assert allowed(shipped, "plug-3", *device) == device[:1]


def test_the_gateway_may_say_what_it_says_and_order_what_it_orders(shipped: Shipped) -> None:
    own = [f"edge/here/{name}" for name in (*OWN, *SETS, "request/model")]
    orders = [
        "zigbee2mqtt/plug/set",
        "zigbee2mqtt/plant/line 3/pump plug/set",
        "zigbee2mqtt/plug/get",
    ]
    orders += ["application/a/device/0101010101010101/command/down", "cmnd/plug-3/POWER"]
    orders += ["homeassistant/device/edge_here/config"]
    never = ["zigbee2mqtt/bridge/request/device/remove", "zigbee2mqtt/plug", "edge/other/stop/set"]
    never += ["tele/plug-3/SENSOR", "homeassistant/status"]
    assert allowed(shipped, "gateway", *own, *orders, *never) == own + orders


def test_nobody_comes_in_without_a_name_or_with_a_wrong_word(shipped: Shipped) -> None:
    for settings in (
        {},
        {"username": "gateway", "password_file": str(shipped.password_file("anna"))},
    ):
        with Gateway(shipped.port, **settings) as client:
            wait_until(lambda c=client: c.client.state.last_error, "a refusal")
            assert "uthor" in client.client.state.last_error
            assert not client.client.counters.get("connected")


def test_a_bridge_hears_nothing_of_the_gateway_and_a_viewer_nothing_of_the_devices(
    shipped: Shipped,
) -> None:
    with (
        shipped.client("zigbee2mqtt", "#") as bridge,
        shipped.client("viewer", "#") as viewer,
        shipped.client("gateway") as gateway,
    ):
        for client in (bridge, viewer, gateway):
            client.ready()
        gateway.publishes("edge/here/health", b"for viewers", 1)
        gateway.publishes("zigbee2mqtt/plug/set", b"for the bridge", 2)
        wait_until(lambda: "for viewers" in viewer.hears(1), "what is for viewers")
        assert all(message.topic.startswith("edge/") for message in viewer.messages)
        assert bridge.hears(1) == ["for the bridge"]


# -- TLS -----------------------------------------------------------------------------------------


def test_over_tls_nobody_comes_in_without_a_certificate_of_the_authority(shipped: Shipped) -> None:
    from gateway.adapters.mqtt import Tls

    with Gateway(shipped.tls_port, tls=Tls(str(shipped.authority.certificate))) as client:
        wait_until(lambda: client.client.state.last_error, "a refusal")
        assert not client.client.counters.get("connected")


def test_a_certificate_does_not_let_anybody_take_the_gateways_session(shipped: Shipped) -> None:
    with shipped.client("gateway", "edge/here/stop/set", client_id="edge-here-local") as gateway:
        gateway.ready()
        with shipped.client("viewer", tls=True, client_id="edge-here-local") as thief:
            thief.ready()
            with shipped.client("anna") as anna:
                anna.ready()
                anna.publishes("edge/here/stop/set", b"still here", 1)
            wait_until(lambda: "still here" in gateway.hears(1), "what it subscribed to")
            assert gateway.client.counters["connected"] == 1


# -- the whole thing -----------------------------------------------------------------------------


@contextmanager
def registry(bridge: Gateway) -> Iterator[None]:
    """The devices, retained; taken back at the end, for others listen to the same broker."""
    for at, (topic, document) in enumerate(REGISTRY.items(), 1):
        whole = json.dumps(document).encode()
        assert bridge.publishes(f"zigbee2mqtt/{topic}", whole, at, retain=True)
    yield
    for at, topic in enumerate(REGISTRY, 21):
        assert bridge.publishes(f"zigbee2mqtt/{topic}", b"", at, retain=True)


def run(shipped: Shipped, folder: Path, broker: str, *, tls: bool) -> None:
    """A hot pump is stopped and proved; a person holds it; a viewer does nothing."""
    text = pump(shipped.port, (f"{{host: 127.0.0.1, port: {shipped.port}}}", broker))
    with (
        shipped.client("zigbee2mqtt", "zigbee2mqtt/plug/set", tls=tls) as bridge,
        ExitStack() as stack,
        shipped.client("anna", "edge/here/#", tls=tls) as anna,
        shipped.client("viewer", tls=tls) as viewer,
        shipped.client("homeassistant", "homeassistant/#", tls=tls) as home,
        Daemon(folder, text + "homeassistant: {}\n") as daemon,
    ):
        for client in (bridge, anna, viewer, home):
            client.ready()
        home.publishes("homeassistant/status", b"online", 1)
        stack.enter_context(registry(bridge))
        wait_until(lambda: daemon.logged("bridge_changed"), "the bridge is known")
        wait_until(lambda: _fresh(daemon), "what comes now is fresh")
        bridge.publishes("zigbee2mqtt/probe", b'{"temperature": 95}', 11)
        assert json.loads(bridge.hears(1)[0]) == {"state": "OFF"}
        bridge.publishes("zigbee2mqtt/plug", b'{"state": "OFF", "power": 0.2}', 12)
        wait_until(lambda: daemon.states() == ["confirmed"], "proof")
        hold = b'{"hold": true, "author": "anna", "transaction": 1}'
        assert not viewer.publishes("edge/here/asset/pump/override/set", hold, 1).ok
        assert daemon.logged("intervention_changed") == []
        assert anna.publishes("edge/here/asset/pump/override/set", hold, 1).ok
        wait_until(lambda: daemon.logged("intervention_changed"), "the hold")
        wait_until(lambda: not daemon.rows("SELECT 1 FROM outbox"), "everything is out")
        wait_until(lambda: b'"status":"ok"' in _heard(anna), "the answer")
        wait_until(lambda: b'"command_topic"' in _heard(home), "the devices of Home Assistant")
        assert daemon.logged("announcement_refused") == []
        assert not any("refused" in line for line in daemon.text.splitlines() if "problems" in line)
        assert daemon.stop() == 0


def _fresh(daemon: Daemon) -> bool:
    """Nothing was kept for it, or all of that is in."""
    connected = daemon.logged("broker_connected")
    if not connected:
        return False
    return not connected[0]["session_present"] or bool(daemon.logged("backlog_taken"))


def _heard(client: Gateway) -> bytes:
    client.messages += client.client.take()
    return b"".join(message.payload for message in client.messages)


def test_the_gateway_does_all_its_work_as_its_user(shipped: Shipped, tmp_path: Path) -> None:
    secret = shipped.password_file("gateway")
    broker = (
        f"{{host: 127.0.0.1, port: {shipped.port}, username: gateway, password_file: {secret}}}"
    )
    run(shipped, tmp_path, broker, tls=False)


def test_the_gateway_does_all_its_work_over_tls_by_certificates(
    shipped: Shipped, tmp_path: Path
) -> None:
    mine = shipped.certificate("gateway")
    files = f"ca_file: {mine.ca_file}, cert_file: {mine.cert_file}, key_file: {mine.key_file}"
    broker = f"{{host: 127.0.0.1, port: {shipped.tls_port}, tls: {{{files}}}}}"
    run(shipped, tmp_path, broker, tls=True)


def test_what_comes_while_the_gateway_is_away_survives_a_restart_of_the_broker(
    tmp_path: Path, shipped: Shipped
) -> None:
    del shipped  # says that mosquitto is there
    (tmp_path / "broker").mkdir()
    broker = Shipped(tmp_path / "broker")
    broker.start()
    try:
        with broker.client("gateway", "zigbee2mqtt/#", client_id="edge-here-local") as gateway:
            gateway.ready()
        secret = broker.password_file("zigbee2mqtt").read_text().strip()
        with Peer(broker.port, username="zigbee2mqtt", password=secret) as bridge:
            bridge.flood("zigbee2mqtt/plug", 1_500, qos=1)
            bridge.publish("zigbee2mqtt/plug", b"last")
        broker.stop()
        broker.start()
        with broker.client("gateway", "zigbee2mqtt/#", client_id="edge-here-local") as gateway:
            assert gateway.hears(1_501)[-1] == "last"
        with Peer(broker.port, username="zigbee2mqtt", password=secret) as bridge:
            bridge.flood("zigbee2mqtt/plug", 20, qos=0)
            bridge.publish("zigbee2mqtt/plug", b"last")
        with (
            broker.client("gateway", "zigbee2mqtt/#", client_id="edge-here-local") as gateway,
            Peer(broker.port, username="zigbee2mqtt", password=secret) as bridge,
        ):
            # mosquitto 2.0.11 keeps a message of QoS 1 behind the others until the next one comes.
            bridge.publish("zigbee2mqtt/plug", b"live")
            wait_until(lambda: "last" in gateway.hears(1), "the last one")
    finally:
        broker.kill()
