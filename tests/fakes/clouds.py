"""Each kind of cloud as it is in bad weather: its engine, which can be killed, and a bad line.

``settings`` are those of the sink; ``values`` is what the engine holds of the readings, stream by
stream, in its own order. Where an engine cannot be had, ``missing`` says which.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from gateway.core.batches import Stream, unpack
from tests.fakes import mosquitto, nats, postgres
from tests.fakes.hostile_http import HostileHttp
from tests.fakes.kafka import Kafka as Broker
from tests.fakes.mosquitto import Mosquitto
from tests.fakes.nats import Nats as Server
from tests.fakes.receiver import Receiver
from tests.fakes.relay import Relay

TIMEOUT_S = 1.5
LIVES_S = (0.8, 4.0)


class Cloud(Protocol):
    """One of them."""

    kind: str
    settings: dict[str, Any]
    lives_s: tuple[float, float]
    """How long a sender may live."""

    def kill(self) -> None:
        """End the engine at once, and start it again."""
        ...

    def calm(self) -> None:
        """No more faults."""
        ...

    def values(self) -> dict[str, list[float]]:
        """Of the readings it holds, by stream."""
        ...

    def faults(self) -> Counter[str]:
        """What was done to the line."""
        ...

    def close(self) -> None: ...


class Spoiler(Protocol):
    """What stands between a gateway and an engine."""

    odds: float
    done: Counter[str]

    def close(self) -> None: ...


class Spoilt:
    """A cloud whose engine can die, behind a line that is spoilt."""

    lives_s = LIVES_S
    engine: Any
    spoilers: tuple[Spoiler, ...]

    def kill(self) -> None:
        self.engine.kill()
        self.engine.start()

    def calm(self) -> None:
        for one in self.spoilers:
            one.odds = 0.0

    def faults(self) -> Counter[str]:
        return sum((one.done for one in self.spoilers), Counter[str]())

    def close(self) -> None:
        for one in self.spoilers:
            one.close()
        self.engine.kill()


class Postgres(Spoilt):
    kind = "postgres"

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self.engine = postgres.Postgres().start().make_database()
        relay = Relay(self.engine.port, odds, seed)
        self.spoilers = (relay,)
        self.settings = {
            "host": "127.0.0.1",
            "port": relay.port,
            "password_file": str(self.engine.password_file),
            "tls": False,
            "connect_timeout_s": 2.0,
            "timeout_s": TIMEOUT_S,
        }

    def values(self) -> dict[str, list[float]]:
        # In the order of the transactions that wrote them; where a row is says nothing.
        query = (
            "SELECT s.lane || s.epoch, r.value FROM edge.reading r JOIN edge.stream s"
            " ON s.id = r.stream ORDER BY r.xmin::text::bigint, r.seq"
        )
        held: dict[str, list[float]] = {}
        for stream, value in self.engine.ask(query):
            held.setdefault(stream, []).append(value)
        return held

    def close(self) -> None:
        super().close()
        self.engine.remove()


class Nats(Spoilt):
    kind = "nats"

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self.engine = Server(folder / "nats").start()
        relay = Relay(self.engine.port, odds, seed)
        self.spoilers = (relay,)
        self.settings = {
            "url": [f"nats://127.0.0.1:{relay.port}"],
            "connect_timeout_s": 2.0,
            "timeout_s": TIMEOUT_S,
        }

    def values(self) -> dict[str, list[float]]:
        return by_stream(nats.every_message(self.engine.port, "EDGE"))


class Kafka(Spoilt):
    """The mock broker forgets everything when it ends, so it is only cut off."""

    kind = "kafka"

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self.engine = Broker()
        self.relay = self.engine.relay(odds, seed)
        self.spoilers = (self.relay,)
        self.settings = {
            "brokers": [f"127.0.0.1:{self.relay.port}"],
            "tls": False,
            "connect_timeout_s": 2.0,
            "timeout_s": TIMEOUT_S,
        }

    def kill(self) -> None:
        self.relay.away(on=True)
        time.sleep(0.2)
        self.relay.away(on=False)

    def values(self) -> dict[str, list[float]]:
        return by_stream([message.value() for message in self.engine.messages("edge")])

    def close(self) -> None:
        self.relay.close()


class Http(Spoilt):
    kind = "http"

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self.engine = Receiver(folder).start()
        front = HostileHttp(self.engine.port, 10 * odds, seed)
        relay = Relay(front.port, odds, seed)
        self.spoilers = (relay, front)
        self.settings = {
            "url": f"http://127.0.0.1:{relay.port}",
            "connect_timeout_s": 2.0,
            "timeout_s": TIMEOUT_S,
        }

    def values(self) -> dict[str, list[float]]:
        return of_receiver(self.engine)


class Mqtt(Spoilt):
    """Broker and receiver die in turns; somebody repeats old cursors, too."""

    kind = "mqtt"

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self.broker = Mosquitto(folder).start()
        place = f"127.0.0.1:{self.broker.port}"
        self.engine = Receiver(folder, "--mqtt", place, http=False).start()
        relay = Relay(self.broker.port, odds, seed)
        self.spoilers = (Parrot(self.broker.port, 10 * odds, seed), relay)
        self.settings = {
            "host": "127.0.0.1",
            "port": relay.port,
            "tls": False,
            "timeout_s": TIMEOUT_S,
        }
        self._turn = 0

    def kill(self) -> None:
        self._turn += 1
        if self._turn % 2:
            self.engine.kill()
            self.engine.start()
        else:
            self.broker.kill()
            self.broker.start()

    def values(self) -> dict[str, list[float]]:
        return of_receiver(self.engine)

    def close(self) -> None:
        super().close()
        self.broker.kill()


class File:
    """A folder: only the gateway can die."""

    kind = "file"
    lives_s = (0.5, 2.0)

    def __init__(self, folder: Path, odds: float, seed: int) -> None:
        self._folder = folder / "out"
        self._folder.mkdir()
        self.settings = {"to_folder": str(self._folder), "min_free_bytes": 0}
        self.settings |= {"segment_bytes": 2_000_000}

    def kill(self) -> None:
        pass

    def calm(self) -> None:
        pass

    def values(self) -> dict[str, list[float]]:
        from tests.fakes.file_sender import rows_of

        held = {}
        for folder in self._folder.glob("*/*/*"):
            stream = Stream(*folder.parts[-3:])
            rows = rows_of(self._folder, stream)
            held[str(stream)] = [row["value"] for row in rows if row["kind"] == "reading"]
        return held

    def faults(self) -> Counter[str]:
        return Counter()

    def close(self) -> None:
        pass


class Parrot:
    """Somebody on the broker who says again what receivers said, late and out of order."""

    def __init__(self, port: int, odds: float, seed: int) -> None:
        import paho.mqtt.client as paho
        from paho.mqtt.enums import CallbackAPIVersion

        self.odds = odds
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._said: set[bytes] = set()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, client_id="parrot")
        self._client.on_connect = lambda client, *_: client.subscribe("edge-sync/+/cursor/+", 1)
        self._client.on_message = self._heard
        self._client.reconnect_delay_set(0.05, 0.2)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def _heard(self, client: Any, _userdata: Any, message: Any) -> None:
        if message.payload in self._said or self._random.random() >= self.odds:
            return
        self._said.add(message.payload)
        self.done["repeated"] += 1
        again = (message.topic, message.payload, 1, message.retain)
        later = threading.Timer(self._random.uniform(0.05, 0.8), client.publish, again)
        later.daemon = True
        later.start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()


def by_stream(payloads: list[bytes]) -> dict[str, list[float]]:
    held: dict[str, list[float]] = {}
    for payload in payloads:
        header, rows = unpack(payload)
        readings = [row["value"] for row in rows if row["kind"] == "reading"]
        held.setdefault(str(header.stream), []).extend(readings)
    return held


def of_receiver(receiver: Receiver) -> dict[str, list[float]]:
    """Its key is (stream, seq), so its own order is that of the numbers."""
    held: dict[str, list[float]] = {}
    query = "SELECT stream, value FROM row WHERE kind = 'reading' ORDER BY stream, seq"
    for stream, value in receiver.query(query):
        held.setdefault(str(stream), []).append(value)
    return held


CLOUDS: dict[str, Callable[[Path, float, int], Cloud]] = {
    made.kind: made for made in (Http, Postgres, Mqtt, Nats, Kafka, File)
}


def missing(kind: str) -> str:
    """What is not on this machine, or nothing."""
    from importlib.util import find_spec

    programs = {
        "postgres": postgres.PROGRAMS,
        "nats": nats.PROGRAM,
        "mqtt": mosquitto.PROGRAM,
    }
    modules = {
        "postgres": "psycopg",
        "nats": "nats",
        "kafka": "confluent_kafka",
        "http": "uvicorn",
        "file": "pyarrow",
        "mqtt": "uvicorn",
    }
    if kind in programs and programs[kind] is None:
        return kind
    if kind in modules and find_spec(modules[kind]) is None:
        return modules[kind]
    return ""
