"""The recommended broker configuration, tried on the broker it is for."""

from collections.abc import Callable
from pathlib import Path

from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer

RECOMMENDED = Path(__file__).parents[2] / "config" / "mosquitto.conf"


def _lines() -> list[str]:
    """All but what belongs to the machine: where it listens, where it writes."""
    lines = [line.split("#")[0].strip() for line in RECOMMENDED.read_text("utf-8").splitlines()]
    return [line for line in lines if line and not line.startswith(("listener", "persistence_loc"))]


def test_it_keeps_qos_1_while_we_are_away_and_through_a_restart(
    make_broker: Callable[..., Mosquitto],
) -> None:
    broker = make_broker(*_lines(), "persistence_location {folder}/").start()
    with Gateway(broker.port, "away", client_id="recommended") as gateway:
        gateway.ready()
    with Peer(broker.port) as peer:
        peer.flood("away", 3_000)
    broker.stop()
    broker.start()
    with Gateway(broker.port, "away", client_id="recommended") as gateway:
        assert gateway.hears(3_000) == [str(i) for i in range(3_000)]
        assert gateway.ready().client.state.session_present


def test_it_keeps_qos_0_while_we_are_away(make_broker: Callable[..., Mosquitto]) -> None:
    broker = make_broker(*_lines(), "persistence_location {folder}/").start()
    with Gateway(broker.port, "away/#", client_id="recommended") as gateway:
        gateway.ready()
    with Peer(broker.port) as peer:
        peer.flood("away", 10, qos=0)
        peer.publish("away", "last")
    with Gateway(broker.port, "away/#", client_id="recommended") as gateway:
        assert gateway.hears(11) == [*(str(i) for i in range(10)), "last"]
