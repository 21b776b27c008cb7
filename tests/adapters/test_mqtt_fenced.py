"""A fenced connection: whoever takes its name over has ended it, and it never comes back."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.errors import NotConnectedError
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.mqtt_peer import Gateway, Peer
from tests.fakes.waiting import let_pass, wait_until

NAME = {"client_id": "plant-commander-a", "fenced": True, "keepalive_s": 60}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_the_older_one_is_ended_and_does_not_come_back(broker: Mosquitto, protocol: str) -> None:
    with (
        Peer(broker.port, "out/#") as peer,
        Gateway(broker.port, "in/#", protocol=protocol, **NAME) as older,
    ):
        older.ready()
        with Gateway(broker.port, "in/#", protocol=protocol, **NAME) as newer:
            newer.ready()
            wait_until(lambda: not older.client.alive(), "the older one has ended")
            assert older.client.failure is None
            with pytest.raises(NotConnectedError):
                older.publishes("out/x", b"stale")
            assert newer.publishes("out/x", b"fresh").ok
            let_pass(0.5)
            assert newer.client.state.connected
        wait_until(lambda: peer.heard, "what the newer one said")
        assert [payload for _, payload, _ in peer.heard] == [b"fresh"]


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_nothing_of_it_outlives_the_connection(broker: Mosquitto, protocol: str) -> None:
    with Gateway(broker.port, "in/#", protocol=protocol, **NAME) as first:
        first.ready()
    with Peer(broker.port) as peer:
        peer.publish("in/x", b"while nobody was there")
    with Gateway(broker.port, "in/#", protocol=protocol, **NAME) as second:
        second.ready()
        assert not second.client.state.session_present
        let_pass(0.2)
        assert second.client.take() == []


SLEEPER = """
import sys, time
sys.path.insert(0, ROOT)
from gateway.core.ports import Outgoing
from gateway.errors import NotConnectedError
from tests.fakes.mqtt_peer import Gateway
with Gateway(PORT, client_id="plant-commander-a", fenced=True, keepalive_s=60) as one:
    one.ready()
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(50):
        try:
            one.client.publish(Outgoing("out/x", b"stale"), ticket=1)
        except NotConnectedError:
            pass
        time.sleep(0.002)
    print("said", flush=True)
    sys.stdin.readline()
"""


def test_what_a_sleeper_says_after_it_woke_never_arrives(broker: Mosquitto) -> None:
    """It was stopped, another one took over, and it publishes before it has looked at anything."""
    text = SLEEPER.replace("ROOT", repr(str(Path(__file__).parents[2])))
    program = [sys.executable, "-c", text.replace("PORT", str(broker.port))]
    with (
        Peer(broker.port, "out/#") as peer,
        subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as sleeper,
    ):
        assert sleeper.stdin is not None
        assert sleeper.stdout is not None
        assert sleeper.stdout.readline() == b"ready\n"
        sleeper.send_signal(signal.SIGSTOP)
        sleeper.stdin.write(b"\n")  # the first thing it finds when it wakes
        sleeper.stdin.flush()
        with Gateway(broker.port, **NAME) as newer:
            newer.ready()
            assert newer.publishes("out/x", b"fresh").ok
            sleeper.send_signal(signal.SIGCONT)
            assert sleeper.stdout.readline() == b"said\n"
            let_pass(0.3)
        assert [payload for _, payload, _ in peer.heard] == [b"fresh"]
        sleeper.kill()
