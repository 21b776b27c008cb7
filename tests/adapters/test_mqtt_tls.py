"""TLS between the client and a real mosquitto, with certificates made here."""

from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.adapters.mqtt import Tls
from tests.fakes.authority import Authority
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway
from tests.fakes.waiting import wait_until


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours", "our authority")


@pytest.fixture
def secure(make_broker: Callable[..., Mosquitto], ours: Authority) -> Mosquitto:
    """A broker that shows a certificate for 127.0.0.1 and wants one from each client."""
    certificate, key = ours.issue("broker", "IP:127.0.0.1")
    return make_broker(
        f"cafile {ours.certificate}",
        f"certfile {certificate}",
        f"keyfile {key}",
        "require_certificate true",
        "use_identity_as_username true",
    ).start()


def test_a_client_with_a_certificate_is_let_in_and_heard(
    secure: Mosquitto, ours: Authority
) -> None:
    certificate, key = ours.issue("gateway")
    tls = Tls(str(ours.certificate), str(certificate), str(key))
    with Gateway(secure.port, "tls/#", tls=tls) as gateway:
        gateway.ready()
        gateway.client.publish(_large("tls/large"), ticket=1)
        gateway.client.publish(_large("tls/again"), ticket=2)
        assert gateway.outcome(2).ok
        gateway.takes(2)
        assert [len(message.payload) for message in gateway.messages] == [300_000, 300_000]


def test_a_client_without_a_certificate_is_not_let_in(secure: Mosquitto, ours: Authority) -> None:
    with Gateway(secure.port, tls=Tls(str(ours.certificate))) as gateway:
        wait_until(lambda: gateway.client.state.last_error, "an error")
        assert not gateway.client.counters.get("connected")
        assert gateway.client.alive()


def test_a_broker_of_another_authority_is_not_trusted(
    secure: Mosquitto, ours: Authority, tmp_path: Path
) -> None:
    other = Authority(tmp_path / "other", "somebody else")
    certificate, key = ours.issue("gateway")
    tls = Tls(str(other.certificate), str(certificate), str(key))
    with Gateway(secure.port, tls=tls) as gateway:
        wait_until(lambda: gateway.client.state.last_error, "an error")
        assert "certificate verify failed" in gateway.client.state.last_error


def test_a_broker_under_another_name_is_not_trusted(secure: Mosquitto, ours: Authority) -> None:
    certificate, key = ours.issue("gateway")
    tls = Tls(str(ours.certificate), str(certificate), str(key))
    with Gateway(secure.port, host="localhost", tls=tls) as gateway:
        wait_until(lambda: gateway.client.state.last_error, "an error")
        assert "certificate verify failed" in gateway.client.state.last_error


def test_a_certificate_that_comes_later_needs_no_restart(
    secure: Mosquitto, ours: Authority, tmp_path: Path
) -> None:
    certificate, key = ours.issue("gateway")
    later = tmp_path / "later.pem"
    with Gateway(secure.port, tls=Tls(str(ours.certificate), str(later), str(key))) as gateway:
        wait_until(lambda: gateway.client.state.last_error, "an error")
        assert "No such file" in gateway.client.state.last_error
        later.write_bytes(certificate.read_bytes())
        gateway.ready()


def _large(topic: str):
    from gateway.core.ports import Outgoing

    return Outgoing(topic, b"x" * 300_000)
