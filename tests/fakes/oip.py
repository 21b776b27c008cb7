"""Clouds to ask: the small server as a process, and somebody who answers over MQTT."""

import json
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from tests.fakes.oip_server import Model, spoilt
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until

ROOT = Path(__file__).parents[2]


def _folder(folder: Path, package: Path) -> Path:
    folder.mkdir()
    shutil.copy(package / "model.onnx", folder / "model.onnx")
    (folder / "mode").write_text("")
    (folder / "asked.jsonl").touch()
    return folder


class _Asked:
    folder: Path

    def mode(self, mode: str) -> None:
        """What it does from now on; empty: as it should."""
        fresh = self.folder / "mode.new"
        fresh.write_text(mode)
        fresh.rename(self.folder / "mode")

    @property
    def asked(self) -> list[Any]:
        """Every question that reached it."""
        lines = (self.folder / "asked.jsonl").read_bytes().split(b"\n")
        return [json.loads(line) for line in lines[:-1]]


class Server(_Asked):
    """The server; the model is the package's own."""

    def __init__(self, folder: Path, package: Path, name: str = "large", *tls: Path) -> None:
        """``tls``: its certificate and key."""
        self.folder = _folder(folder, package)
        self.name = name
        self.port = free_port()
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.port}"
        self._tls = [str(one) for one in tls]
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> Self:
        """Start it and wait until it listens."""
        program = [sys.executable, "-m", "tests.fakes.oip_server"]
        self._process = subprocess.Popen(
            [*program, str(self.folder), str(self.port), self.name, *self._tls], cwd=ROOT
        )
        wait_until(self._listens, "the server listens")
        return self

    def kill(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def freeze(self) -> None:
        """It stops in the middle of whatever it does; the kernel goes on taking connections."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """It goes on."""
        self._signal(signal.SIGCONT)

    def _signal(self, number: int) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


class Answerer(_Asked):
    """Answers questions on an MQTT topic; ``held`` keeps answers back until ``release``."""

    def __init__(self, folder: Path, package: Path, port: int, topic: str) -> None:
        self.folder = _folder(folder, package)
        self._model = Model(self.folder, "large")
        self._held: list[paho.MQTTMessage] = []
        self._subscribed = threading.Event()
        self._client = paho.Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = lambda _c, _u, message: self._heard(message)
        self._client.connect("127.0.0.1", port)
        self._client.subscribe(topic, 1)
        self._client.loop_start()
        assert self._subscribed.wait(60)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()
        self._client._reset_sockets()

    def _heard(self, message: paho.MQTTMessage) -> None:
        if (self.folder / "mode").read_text() == "held":
            with (self.folder / "asked.jsonl").open("ab") as file:
                file.write(message.payload + b"\n")
            self._held.append(message)
        else:
            self._answer(message)

    def release(self) -> int:
        """Answer what was held, however late it is; how many."""
        held, self._held = self._held, []
        for message in held:
            told = spoilt(self._model.judge(json.loads(message.payload)), "")
            self._reply(message, json.dumps(told).encode())
        return len(held)

    def _answer(self, message: paho.MQTTMessage) -> None:
        status, body = self._model.answer(message.payload)
        if status != 200:
            body = json.dumps({"error": "as told", "status": status}).encode()
        self._reply(message, body)

    def _reply(self, message: paho.MQTTMessage, body: bytes) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = message.properties.CorrelationData
        self._client.publish(message.properties.ResponseTopic, body, 1, properties=properties)
