"""What is urgent leaves on the caller's thread, in order, and never blocks it."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from gateway.adapters.mqtt import Broker, Client, monotonic_ms
from gateway.core.ports import Outgoing, Subscription
from gateway.errors import NotConnectedError
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.waiting import PATIENCE_S, wait_until

MakeBroker = Callable[..., Mosquitto]
TRIES = 50


@contextmanager
def connected(
    port: int, on_wake: Callable[[], None], mono_ms: Callable[[], int]
) -> Iterator[Client]:
    """A client that is subscribed to ``in``."""
    broker = Broker("local", "127.0.0.1", port, client_id="urgent")
    client = Client(
        broker, on_wake=on_wake, wall_ms=lambda: time.time_ns() // 1_000_000, mono_ms=mono_ms
    )
    client.subscribe([Subscription("in")])
    client.start()
    try:
        wait_until(lambda: client.state.subscribed, "subscribed")
        yield client
    finally:
        client.stop()


def test_what_is_urgent_is_sent_by_the_thread_that_has_it(broker: Mosquitto) -> None:
    asking: list[threading.Thread] = []

    def mono_ms() -> int:
        asking.append(threading.current_thread())
        return monotonic_ms()

    def by_us(client: Client, ticket: int) -> bool:
        """Its time is looked at when it is handed over, and again when it is sent."""
        asking.clear()
        client.publish(Outgoing("out", b"x"), expires_s=30, ticket=ticket, at_once=True)
        asked = asking.count(threading.current_thread())
        wait_until(lambda: [one.ticket for one in client.take_outcomes()] == [ticket], "outcome")
        return asked == 2

    with connected(broker.port, lambda: None, mono_ms) as client:
        assert any(by_us(client, ticket) for ticket in range(TRIES))


def test_while_the_network_thread_is_busy_the_caller_does_not_wait_for_it(
    broker: Mosquitto,
) -> None:
    busy, go_on, tested = threading.Event(), threading.Event(), threading.Event()

    def on_wake() -> None:
        if tested.is_set():
            busy.set()
            go_on.wait(PATIENCE_S)

    with connected(broker.port, on_wake, monotonic_ms) as client, Peer(broker.port, "out") as peer:
        tested.set()
        peer.publish("in")
        assert busy.wait(PATIENCE_S)
        client.publish(Outgoing("out", b"later"), ticket=1, at_once=True)
        assert not peer.heard
        go_on.set()
        wait_until(lambda: peer.heard, "it arrives")
        wait_until(lambda: [one.ok for one in client.take_outcomes()] == [True], "outcome")


def test_urgent_or_not_they_arrive_in_order(broker: Mosquitto) -> None:
    count = 600
    with Gateway(broker.port) as gateway, Peer(broker.port, "out") as peer:
        gateway.ready()
        for number in range(count):
            message = Outgoing("out", str(number).encode())
            gateway.client.publish(message, ticket=number, at_once=number % 3 == 0)
        wait_until(lambda: len(peer.heard) == count, "all of them")
        assert [int(payload) for _, payload, _ in peer.heard] == list(range(count))
        assert all(gateway.outcome(number).ok for number in range(count))


def test_what_is_urgent_is_lost_once_with_its_connection(make_broker: MakeBroker) -> None:
    broker = make_broker().start()
    with Gateway(broker.port) as gateway:
        gateway.ready()
        broker.kill()
        tickets = 0
        while True:
            try:
                gateway.client.publish(Outgoing("out", b"x"), ticket=tickets, at_once=True)
            except NotConnectedError:
                break
            tickets += 1
        assert all(not gateway.outcome(number).ok for number in range(tickets))
        assert gateway.client.alive()
        broker.start()
        gateway.ready()
        gateway.client.publish(Outgoing("out", b"x"), ticket=tickets, at_once=True)
        assert gateway.outcome(tickets).reason == "no_matching_subscribers"
