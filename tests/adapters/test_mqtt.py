"""The client and a real mosquitto that behave."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.mqtt import Broker, Client
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import NotConnectedError
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.waiting import let_pass, wait_until

MakeBroker = Callable[..., Mosquitto]


def test_a_message_arrives_with_all_that_mqtt_says_of_it(broker: Mosquitto) -> None:
    with Gateway(broker.port, "one/#") as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("one/a b/ü", b"\x00\xff", qos=0)
        peer.publish("one/b", b"", qos=1)
        gateway.takes(2)
        first, second = gateway.messages
        assert (first.topic, first.payload, first.qos, first.receipt) == (
            "one/a b/ü",
            b"\x00\xff",
            0,
            0,
        )
        assert (second.topic, second.payload, second.qos, second.dup) == ("one/b", b"", 1, False)
        assert second.receipt > 0
        assert second.broker == "local"
        assert abs(second.received_mono_ms - first.received_mono_ms) < 5_000


def test_version_5_is_spoken_where_the_broker_knows_it(broker: Mosquitto) -> None:
    with Gateway(broker.port) as gateway:
        assert gateway.ready().client.state.protocol == "5"


def test_version_3_1_1_is_spoken_by_choice(broker: Mosquitto) -> None:
    settings = {"protocol": "3.1.1", "availability": "three/availability"}
    with Gateway(broker.port, "three/x", **settings) as gateway, Peer(broker.port) as peer:
        assert gateway.ready().client.state.protocol == "3.1.1"
        peer.publish("three/x", "hello")
        assert gateway.hears(1) == ["hello"]
        assert gateway.publishes("three/nobody").ok


def test_unacknowledged_messages_come_again_after_a_restart_in_order(broker: Mosquitto) -> None:
    settings = {"client_id": "restarting", "receive_maximum": 50, "availability": "edge/restarting"}
    with Gateway(broker.port, "again", **settings) as first, Peer(broker.port) as peer:
        first.ready()
        assert not first.client.state.session_present
        peer.flood("again", 10)
        first.hears(10, acknowledge=False)
        first.client.acknowledge([message.receipt for message in first.messages[:4]])
        first.client.stop()
        peer.publish("again", "while away")
        with Gateway(broker.port, "again", **settings) as second:
            payloads = second.hears(7)
            assert second.ready().client.state.session_present
    assert payloads == ["4", "5", "6", "7", "8", "9", "while away"]
    assert all(message.dup for message in second.messages[:6])


def test_what_was_acknowledged_never_comes_again(broker: Mosquitto) -> None:
    with (
        Gateway(broker.port, "once", client_id="once", availability="edge/once") as first,
        Peer(broker.port) as peer,
    ):
        first.ready()
        peer.flood("once", 500)
        first.hears(500)
        first.client.stop()
        with Gateway(broker.port, "once", client_id="once", availability="edge/once") as second:
            second.ready()
            peer.publish("once", "new")
            assert second.hears(1) == ["new"]


def test_acknowledgements_out_of_order_wait_for_the_oldest(broker: Mosquitto) -> None:
    with (
        Gateway(broker.port, "order", client_id="order", availability="edge/order") as first,
        Peer(broker.port) as peer,
    ):
        first.ready()
        peer.flood("order", 3)
        first.hears(3, acknowledge=False)
        first.client.acknowledge([first.messages[2].receipt, first.messages[1].receipt])
        first.client.stop()
        with Gateway(broker.port, "order", client_id="order", availability="edge/order") as second:
            assert second.hears(3) == ["0", "1", "2"]


def test_receipts_of_an_older_connection_mean_nothing(broker: Mosquitto) -> None:
    with Gateway(broker.port, "old", client_id="old") as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("old")
        gateway.hears(1, acknowledge=False)
        receipt = gateway.messages[0].receipt
        gateway.client.acknowledge([receipt - (1 << 16), receipt + (1 << 16)])
        assert gateway.client.counters["stale_receipt"] == 2
        gateway.client.acknowledge([receipt])
        assert gateway.client.counters["stale_receipt"] == 2


def test_a_publish_is_told_what_became_of_it(make_broker: MakeBroker) -> None:
    broker = make_broker("acl_file {folder}/acl")
    (broker.folder / "acl").write_text("topic read heard\ntopic readwrite heard\n")
    broker.start()
    with Gateway(broker.port) as gateway, Peer(broker.port, "heard"):
        gateway.ready()
        assert gateway.publishes("heard", ticket=1).ok
        assert gateway.publishes("forbidden", ticket=2)[1:] == (False, "not_authorized")
        assert gateway.publishes("heard", qos=0, ticket=3).ok


def test_nobody_listening_is_a_failure_with_a_name(broker: Mosquitto) -> None:
    with Gateway(broker.port) as gateway:
        gateway.ready()
        assert gateway.publishes("nobody/here")[1:] == (False, "no_matching_subscribers")


def test_more_publishes_than_the_window_all_get_their_outcome(broker: Mosquitto) -> None:
    with Gateway(broker.port, send_window=5) as gateway, Peer(broker.port, "window/#") as peer:
        gateway.ready()
        for ticket in range(300):
            outgoing = Outgoing(f"window/{ticket}", b"x")
            gateway.client.publish(outgoing, expires_s=60, ticket=ticket)
        assert all(gateway.outcome(ticket).ok for ticket in range(300))
        wait_until(lambda: len(peer.heard) == 300, "the peer hears all")
        assert [topic for topic, _, _ in peer.heard] == [f"window/{i}" for i in range(300)]


def test_a_publish_without_a_connection_is_refused_at_once(broker: Mosquitto) -> None:
    gateway = Gateway(broker.port)
    with pytest.raises(NotConnectedError):
        gateway.client.publish(Outgoing("x", b"x"), ticket=1)
    gateway.client.stop()


def test_a_publish_that_is_too_late_is_not_sent(broker: Mosquitto) -> None:
    with Gateway(broker.port) as gateway, Peer(broker.port, "late") as peer:
        gateway.ready()
        assert gateway.publishes("late", expires_s=0.0)[1:] == (False, "expired")
        assert gateway.publishes("late", b"second", ticket=2).ok
        wait_until(lambda: peer.heard, "the peer hears")
        assert [payload for _, payload, _ in peer.heard] == [b"second"]


def test_the_broker_drops_a_command_that_has_expired(broker: Mosquitto) -> None:
    """An actuator that comes back later must not get it."""
    sleeper = Gateway(broker.port, "expiring", client_id="sleeper")
    with sleeper:
        sleeper.ready()
    with Gateway(broker.port, client_id="commander") as gateway:
        gateway.ready()
        gateway.publishes("expiring", b"stop", expires_s=1)
        gateway.publishes("expiring", b"last", ticket=2)
        let_pass(2.1)
    with Gateway(broker.port, "expiring", client_id="sleeper") as sleeper:
        assert sleeper.hears(1) == ["last"]


def test_birth_comes_after_every_subscription_and_offline_before_a_clean_end(
    broker: Mosquitto,
) -> None:
    topic = "edge/clean/availability"
    with Peer(broker.port, topic) as peer:
        with Gateway(broker.port, *(f"many/{i}" for i in range(20)), availability=topic) as gateway:
            gateway.ready()
            wait_until(lambda: peer.heard, "birth")
        wait_until(lambda: len(peer.heard) == 2, "farewell")
        assert [payload for _, payload, _ in peer.heard] == [b"online", b"offline"]
    with Peer(broker.port, topic) as late:
        wait_until(lambda: late.heard, "retained")
        assert late.heard == [(topic, b"offline", True)]


def test_the_will_speaks_when_the_process_is_killed(broker: Mosquitto) -> None:
    topic = "edge/killed/availability"
    script = (
        "import time\n"
        "from gateway.adapters.mqtt import Broker, Client\n"
        f"broker = Broker('b', '127.0.0.1', {broker.port}, client_id='killed')\n"
        f"settings = dict(wall_ms=lambda: 0, availability='{topic}')\n"
        "client = Client(broker, on_wake=lambda: None, **settings)\n"
        "client.start()\n"
        "time.sleep(60)\n"
    )
    with Peer(broker.port, topic) as peer:
        child = subprocess.Popen([sys.executable, "-c", script])
        wait_until(lambda: peer.heard, "birth")
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        wait_until(lambda: len(peer.heard) == 2, "will")
        assert [payload for _, payload, _ in peer.heard] == [b"online", b"offline"]


def test_a_refused_subscription_is_reported_and_the_rest_works(make_broker: MakeBroker) -> None:
    """Access lists in files refuse no SUBSCRIBE in mosquitto 2.0; its plug-in does."""
    plugins = list(Path("/usr/lib").rglob("mosquitto_dynamic_security.so"))
    if not plugins:
        pytest.skip("needs mosquitto's dynamic security plug-in")
    broker = make_broker(
        f"plugin {plugins[0]}",
        "plugin_opt_config_file {folder}/roles",
        "per_listener_settings false",
    )
    may = {"publishClientSend": True, "publishClientReceive": True, "unsubscribe": True}
    allowed = {"acltype": "subscribeLiteral", "topic": "allowed", "priority": 0, "allow": True}
    roles = {
        "defaultACLAccess": may | {"subscribe": False},
        "roles": [{"rolename": "gateway", "acls": [allowed]}],
        "groups": [{"groupname": "everybody", "roles": [{"rolename": "gateway"}]}],
        "anonymousGroup": "everybody",
        "clients": [],
    }
    (broker.folder / "roles").write_text(json.dumps(roles))
    broker.start()
    many = [f"private/{i}" for i in range(10)]
    topic = "edge/part/availability"
    with Gateway(broker.port, *many, "allowed", availability=topic) as gateway:
        gateway.ready()
        assert gateway.client.state.refused == dict.fromkeys(many, "not_authorized")
        with Peer(broker.port) as peer:
            peer.publish("allowed", "works")
            assert gateway.hears(1) == ["works"]


def test_a_new_set_of_subscriptions_replaces_the_old_one(broker: Mosquitto) -> None:
    with Gateway(broker.port, "set/a", "set/b") as gateway, Peer(broker.port) as peer:
        gateway.ready()
        gateway.client.subscribe([Subscription("set/b"), Subscription("set/c")])

        def hears_c() -> bool:
            peer.publish("set/c", "c")
            gateway.messages += gateway.client.take()
            return any(message.topic == "set/c" for message in gateway.messages)

        wait_until(hears_c, "the new filter")
        gateway.messages.clear()
        peer.publish("set/a", "a")
        peer.publish("set/b", "b")
        gateway.takes(1)
        assert not any(message.topic == "set/a" for message in gateway.messages)


def test_a_large_payload_arrives_whole(broker: Mosquitto) -> None:
    payload = os.urandom(3_000_000)
    with Gateway(broker.port, "large") as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("large", payload)
        peer.publish("large", "after")
        gateway.takes(2)
        assert gateway.messages[0].payload == payload


def test_a_payload_above_the_limit_is_dropped_counted_and_never_loops(broker: Mosquitto) -> None:
    settings = {"client_id": "limited", "max_payload": 100_000, "availability": "edge/limited"}
    with Gateway(broker.port, "limited", **settings) as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("limited", b"x" * 100_000)
        peer.publish("limited", b"x" * 100_001)
        peer.publish("limited", b"x" * 2_000_000)
        peer.publish("limited", b"x" * 2_000_000, qos=0)
        peer.publish("limited", "after")
        gateway.hears(2)
        assert [len(message.payload) for message in gateway.messages] == [100_000, 5]
        assert gateway.client.counters["size"] == 3
    with Gateway(broker.port, "limited", **settings) as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.publish("limited", "only this")
        assert gateway.hears(1) == ["only this"]
        assert gateway.client.counters.get("size", 0) == 0


def test_a_flood_arrives_without_loss_in_order(broker: Mosquitto) -> None:
    with Gateway(broker.port, "flood") as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.flood("flood", 20_000)
        payloads = gateway.hears(20_000, deadline_s=120)
        assert payloads == [str(i) for i in range(20_000)]
        assert gateway.wakes < 20_000


def test_qos_0_that_nobody_takes_is_dropped_oldest_first_and_counted(broker: Mosquitto) -> None:
    with Gateway(broker.port, "heap", max_pending=100) as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.flood("heap", 1_000, qos=0)
        counters = gateway.client.counters
        wait_until(lambda: gateway.client.counters.get("received") == 1_000, f"all, {counters}")
        # Counted a moment later, under the same lock.
        wait_until(lambda: gateway.client.counters["overload"] == 900, f"the dropped, {counters}")
        assert gateway.hears(100) == [str(i) for i in range(900, 1_000)]


def test_qos_1_that_nobody_takes_stops_the_reading_and_keeps_the_line(broker: Mosquitto) -> None:
    settings = {"max_pending": 50, "keepalive_s": 1, "receive_maximum": 1_000}
    with Gateway(broker.port, "dam", **settings) as gateway, Peer(broker.port) as peer:
        gateway.ready()
        peer.flood("dam", 5_000)
        wait_until(lambda: gateway.client.counters.get("received", 0) >= 50, "full")
        since = gateway.client.state.since_mono_ms
        let_pass(3.5)
        assert gateway.client.state.since_mono_ms == since
        assert gateway.hears(5_000) == [str(i) for i in range(5_000)]
        assert gateway.client.counters["connected"] == 1


def test_the_username_and_the_password_file_let_us_in(make_broker: MakeBroker) -> None:
    broker = make_broker("password_file {folder}/passwords", "allow_anonymous false")
    passwords = broker.folder / "passwords"
    subprocess.run(
        ["mosquitto_passwd", "-b", "-c", str(passwords), "pumps", "s3cret"],
        check=True,
    )
    broker.start()
    secret = broker.folder / "secret"
    secret.write_text("wrong\n")
    settings = {"username": "pumps", "password_file": str(secret)}
    with Gateway(broker.port, **settings) as gateway:
        wait_until(lambda: gateway.client.state.last_error, "refused")
        assert gateway.client.state.last_error == "refused: not_authorized"
        secret.write_text("s3cret\n")
        gateway.ready()


def test_a_session_needs_a_name() -> None:
    with pytest.raises(ValueError, match="client id"):
        Client(Broker("b"), on_wake=lambda: None, wall_ms=lambda: 0)
