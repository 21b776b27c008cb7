"""The client when the broker, the line or we ourselves fail."""

import threading
from collections.abc import Callable

import pytest
from paho.mqtt.client import Client as Paho
from paho.mqtt.enums import CallbackAPIVersion

from gateway.adapters import mqtt_fast, mqtt_paho
from gateway.core.ports import Outgoing
from gateway.errors import NotConnectedError, SessionTakenError
from tests.fakes import scripted_broker
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.ports import free_port
from tests.fakes.proxy import Proxy
from tests.fakes.scripted_broker import ScriptedBroker
from tests.fakes.waiting import let_pass, wait_until

MakeBroker = Callable[..., Mosquitto]


def test_a_broker_that_comes_late_is_found(make_broker: MakeBroker) -> None:
    broker = make_broker()
    with Gateway(broker.port, "late/x") as gateway:
        wait_until(lambda: gateway.client.state.last_error, "the failure is told")
        assert "refused" in gateway.client.state.last_error.lower()
        assert gateway.client.alive()
        broker.start()
        gateway.ready()
        assert gateway.client.state.last_error == ""


@pytest.mark.parametrize("host", ["no such host.invalid", "x" * 70 + ".invalid"])
def test_a_host_that_cannot_be_is_an_error_not_a_crash(host: str) -> None:
    gateway = Gateway(1883, host=host)
    with gateway:
        wait_until(lambda: gateway.client.state.last_error, "an error")
        assert gateway.client.alive()


def test_a_broker_killed_and_started_again_loses_no_subscription(make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    with Gateway(broker.port, "killed/x") as gateway:
        gateway.ready()
        broker.kill()
        gateway.away()
        with pytest.raises(NotConnectedError):
            gateway.client.publish(Outgoing("x", b"x"), ticket=1)
        broker.start()
        gateway.ready()
        assert not gateway.client.state.session_present
        with Peer(broker.port) as peer:
            peer.publish("killed/x", "back")
            assert gateway.hears(1) == ["back"]


def test_a_broker_that_saves_keeps_what_we_did_not_acknowledge(make_broker: MakeBroker) -> None:
    broker = make_broker("persistence true", "persistence_location {folder}/").start()
    with Gateway(broker.port, "saved", client_id="saved") as gateway:
        gateway.ready()
        with Peer(broker.port) as peer:
            peer.flood("saved", 50)
        gateway.takes(50)
        gateway.client.acknowledge([message.receipt for message in gateway.messages[:20]])
        with Peer(broker.port) as peer:  # a round trip later the acknowledgements are there
            peer.publish("saved", "50")
        gateway.takes(51)
        broker.stop()
        gateway.away()
        gateway.messages.clear()
        broker.start()
        payloads = gateway.hears(31)
        assert gateway.ready().client.state.session_present
        assert payloads == [str(i) for i in range(20, 51)]


def test_every_unanswered_publish_is_lost_and_none_is_sent_again(make_broker: MakeBroker) -> None:
    """A command must not be carried out because a line came back."""
    broker = make_broker().start()
    with Proxy(broker.port) as proxy, Gateway(proxy.port, keepalive_s=1) as gateway:
        gateway.ready()
        proxy.freeze()
        for ticket in range(50):
            gateway.client.publish(Outgoing("actuator", b"stop"), ticket=ticket)
        assert {gateway.outcome(ticket).reason for ticket in range(50)} == {"lost"}
        with Peer(broker.port, "actuator") as peer:
            gateway.ready()
            gateway.publishes("actuator", b"new", ticket=99)
            wait_until(lambda: peer.heard, "the new one")
            assert [payload for _, payload, _ in peer.heard] == [b"new"]


def test_a_half_open_line_is_noticed_and_what_was_not_acknowledged_comes_again(
    broker: Mosquitto,
) -> None:
    settings = {"keepalive_s": 1, "client_id": "half-open"}
    with Proxy(broker.port) as proxy, Gateway(proxy.port, "half/open", **settings) as gateway:
        gateway.ready()
        with Peer(broker.port) as peer:
            peer.publish("half/open", "before")
            gateway.takes(1)
            proxy.freeze()
            peer.publish("half/open", "meanwhile")
            gateway.away()
            assert gateway.client.state.last_error == "connection lost: keep_alive_timeout"
            gateway.messages.clear()
            assert gateway.hears(2) == ["before", "meanwhile"]


def test_another_client_with_our_name_ends_us_where_the_broker_says_so() -> None:
    taken = scripted_broker.CONNACK_5 + scripted_broker.TAKEN_OVER
    with ScriptedBroker(taken) as broker, Gateway(broker.port) as gateway:
        wait_until(lambda: not gateway.client.alive(), "it gives up")
        assert gateway.client.state.taken
        assert isinstance(gateway.client.failure, SessionTakenError)
        assert len(broker.connects) == 1


def test_two_clients_with_one_name_on_mosquitto_do_not_crash(broker: Mosquitto) -> None:
    """Version 2.0 closes the older one without a word, or with 0x8E: both ends are reported."""
    with Gateway(broker.port, client_id="twin") as first:
        first.ready()
        with Gateway(broker.port, client_id="twin", jitter=0.9) as second:
            wait_until(lambda: second.client.state.since_mono_ms and second.wakes, "the second")
            wait_until(lambda: first.client.state.last_error, "the first is thrown out")
            assert first.client.alive() or first.client.state.taken


@pytest.mark.parametrize("refusal", [scripted_broker.REFUSED_3, scripted_broker.REFUSED_5])
def test_a_broker_that_refuses_version_5_gets_3_1_1_from_then_on(refusal: bytes) -> None:
    with (
        ScriptedBroker(refusal, scripted_broker.CONNACK_3) as broker,
        Gateway(broker.port) as gateway,
    ):
        gateway.ready()
        assert gateway.client.state.protocol == "3.1.1"
        assert broker.versions == [5, 4]


def test_a_broker_that_refuses_the_chosen_version_is_not_asked_for_another() -> None:
    with (
        ScriptedBroker(scripted_broker.REFUSED_5) as broker,
        Gateway(broker.port, protocol="5") as gateway,
    ):
        wait_until(lambda: len(broker.connects) >= 3, "three attempts")
        assert set(broker.versions) == {5}
        assert gateway.client.state.last_error == "refused: unsupported_protocol_version"


def test_a_mute_broker_is_asked_once_for_3_1_1() -> None:
    with (
        ScriptedBroker(None, scripted_broker.CONNACK_3) as broker,
        Gateway(broker.port, connect_timeout_s=0.2) as gateway,
    ):
        gateway.ready()
        assert broker.versions == [5, 4]


def test_a_broker_that_hangs_up_is_asked_for_3_1_1_every_third_time() -> None:
    with ScriptedBroker(b"", hang_up=True) as broker, Gateway(broker.port):
        wait_until(lambda: len(broker.connects) >= 6, "six attempts")
        assert broker.versions[:6] == [5, 5, 4, 5, 5, 4]


@pytest.mark.parametrize(
    "garbage",
    [
        b"HTTP/1.1 400 Bad Request\r\n",
        b"\x30\xff\xff\xff\xff\xff",
        b"\x30\x02\x00\x09",
        b"\x20\x00",
    ],
)
def test_a_peer_that_does_not_speak_mqtt_is_dropped_and_tried_again(garbage: bytes) -> None:
    with ScriptedBroker(garbage) as broker, Gateway(broker.port, connect_timeout_s=0.3) as gateway:
        wait_until(lambda: len(broker.connects) >= 2, "it tries again")
        assert gateway.client.alive()
        assert gateway.client.state.last_error


def test_poison_topics_are_dropped_counted_and_acknowledged_in_order() -> None:
    good = bytes.fromhex("32 08 00 01 61 00 01 00 68 69")
    poison = bytes.fromhex("32 07 00 02 ff fe 00 02 00")
    alias = bytes.fromhex("32 05 00 00 00 03 00")
    with (
        ScriptedBroker(scripted_broker.CONNACK_5 + good + poison + alias) as broker,
        Gateway(broker.port) as gateway,
    ):
        gateway.takes(1)
        assert gateway.client.counters["topic"] == 2
        assert b"\x40" not in b"".join(broker.said)
        gateway.client.acknowledge([gateway.messages[0].receipt])
        acks = bytes.fromhex("40 02 00 01 40 02 00 02 40 02 00 03")
        wait_until(lambda: acks in b"".join(broker.said), "all three are acknowledged")


def test_qos_2_left_in_our_session_by_another_program_does_not_loop() -> None:
    publish = bytes.fromhex("34 06 00 01 61 00 07 00")
    release = bytes.fromhex("62 02 00 07")
    with (
        ScriptedBroker(scripted_broker.CONNACK_5 + publish + release) as broker,
        Gateway(broker.port) as gateway,
    ):
        gateway.takes(1)
        assert (gateway.messages[0].qos, gateway.messages[0].receipt) == (2, 0)
        complete = bytes.fromhex("50 02 00 07 70 02 00 07")
        wait_until(lambda: complete in b"".join(broker.said), "PUBREC and PUBCOMP")


def test_the_server_s_limits_are_kept() -> None:
    """Receive maximum 1, maximum QoS 0, maximum packet size 64."""
    connack = bytes.fromhex("20 0d 00 00 0a 21 00 01 24 00 27 00 00 00 40")
    with ScriptedBroker(connack) as broker, Gateway(broker.port) as gateway:
        gateway.ready()
        assert gateway.publishes("a", b"x" * 64)[1:] == (False, "too_large")
        assert gateway.publishes("a", b"x", ticket=2).ok
        wait_until(lambda: b"\x30\x05\x00\x01a\x00x" in b"".join(broker.said), "sent at QoS 0")


def test_an_exception_in_the_network_thread_is_kept_and_told(
    broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    uncaught: list[BaseException | None] = []
    monkeypatch.setattr(threading, "excepthook", lambda told: uncaught.append(told.exc_value))
    gateway = Gateway(broker.port, "planted")
    planted = LookupError("planted")

    def fail_on_messages() -> None:
        if gateway.client.counters.get("received") and not gateway.client.failure:
            raise planted

    gateway.client._desk.on_wake = fail_on_messages
    with gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("planted")
        wait_until(lambda: not gateway.client.alive(), "the thread ends")
        wait_until(lambda: uncaught, "nobody hides it")
        assert gateway.client.failure is planted
        assert uncaught == [planted]
        assert not gateway.client.state.connected
        with pytest.raises(NotConnectedError):
            gateway.client.publish(Outgoing("x", b"x"), ticket=1)


def test_retries_are_spread_over_the_whole_range() -> None:
    waited: list[float] = []
    port = free_port()

    def jitter() -> float:
        waited.append(0.0)
        return 0.0

    gateway = Gateway(port)
    gateway.client._jitter = jitter
    with gateway:
        wait_until(lambda: len(waited) >= 20, "twenty retries without a wait")
        assert gateway.client.alive()


def test_a_long_rest_ends_at_once_when_we_stop() -> None:
    gateway = Gateway(free_port(), jitter=0.999, reconnect_min_s=30)
    with gateway:
        wait_until(lambda: gateway.client.state.last_error, "it rests")
        gateway.client.stop(timeout_s=2)
        assert not gateway.client._thread.is_alive()


def test_this_paho_has_the_private_names_that_the_fast_path_needs() -> None:
    assert mqtt_fast.missing() == []
    assert mqtt_fast.connection_type() is mqtt_fast.FastConnection
    assert set(mqtt_fast.PRIVATE) <= set(dir(Paho(CallbackAPIVersion.VERSION2)))


def test_stock_callbacks_do_the_same_work(broker: Mosquitto) -> None:
    settings = {"client_id": "stock", "availability": "edge/stock"}
    gateway = Gateway(broker.port, "stock/#", max_payload=1_000, **settings)
    gateway.client._connection_type = mqtt_paho.StockConnection
    with gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("stock/large", b"x" * 2_000)
        peer.flood("stock/x", 500)
        peer.publish("stock/y", "zero", qos=0)
        payloads = gateway.hears(501)
        assert payloads[:500] == [str(i) for i in range(500)]
        assert gateway.client.counters["size"] == 1
    with Gateway(broker.port, "stock/#", client_id="stock") as again, Peer(broker.port) as peer:
        again.ready()
        peer.publish("stock/x", "new")
        assert again.hears(1) == ["new"]


def test_the_line_stays_up_when_nothing_happens(broker: Mosquitto) -> None:
    with Gateway(broker.port, keepalive_s=1) as gateway:
        gateway.ready()
        let_pass(2.6)
        assert gateway.client.state.connected
        assert gateway.client.counters["connected"] == 1
