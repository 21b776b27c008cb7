"""The process of the page without a daemon: the test stands at the other end of its wire."""

import json
import os
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from gateway.web import passwords
from gateway.web.spec import Spec
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until
from tests.fakes.wired import Wired

PASSWORD = "correct horse"
PUMP = {
    "name": "Pump",
    "metrics": {"temperature": "degC"},
    "actions": {"stop": {"value": None}},
    "policies": [{"name": "pump/policy/0", "when": "alarm", "do": "stop", "mode": "act"}],
}


def people(folder: Path) -> str:
    """A file of people: anna operates, vera views."""
    file = folder / "people"
    if not file.exists():
        roles = {"anna": "operator", "vera": "viewer"}
        file.write_text("".join(passwords.line(*one, PASSWORD) + "\n" for one in roles.items()))
    return str(file)


class Page(Wired):
    """One process; what it asks is answered by ``answer``."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        spec = Spec(
            gateway="here",
            name="Plant",
            host="127.0.0.1",
            port=free_port(),
            parent=0,
            database=str(folder / "gateway.db"),
            file=str(folder / "gateway.yaml"),
            assets={"pump": PUMP},
        )
        self.spec = replace(spec, **changes)
        self.told: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"data": {"recorded": True}}
        scheme = "https" if self.spec.cert_file else "http"
        self.url = f"{scheme}://127.0.0.1:{self.spec.port}"
        self.verify: ssl.SSLContext | bool = True

    def __enter__(self) -> Self:
        self.launch("gateway.web", replace(self.spec, parent=os.getpid()).line())
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()
        wait_until(
            lambda: any("listening" in one for one in self.told) or self.process.poll() is not None,
            "the page listens",
        )
        assert self.process.poll() is None, self.stderr.read().decode()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.hang_up()
        self._listener.join(10)
        said = self.complaints()
        if error is None:
            assert said == ""

    def tell(self, topic: str, document: object) -> None:
        """Send it a document."""
        self.write(f"{topic} {json.dumps(document)}\n".encode())

    def asks(self) -> list[dict[str, Any]]:
        """What it asked for."""
        return [one for one in self.told if "ask" in one]

    @contextmanager
    def client(self, name: str = "") -> Iterator[httpx.Client]:
        """A browser's manners; signed in when there is a name."""
        headers = {"origin": self.url}
        with httpx.Client(
            base_url=self.url, headers=headers, timeout=20, verify=self.verify
        ) as client:
            client.headers["x-csrf-token"] = client.get("/api/me").json()["csrf"]
            if name:
                told = {"name": name, "password": PASSWORD}
                assert client.post("/api/sign-in", json=told).status_code == 200
                client.headers["x-csrf-token"] = client.get("/api/me").json()["csrf"]
            yield client

    def _listen(self) -> None:
        for line in self.stdout:
            told = json.loads(line)
            self.told.append(told)
            if "ask" in told:
                self.tell(f"answer/{told['ask']}", self.answer)


def frames(client: httpx.Client, view: str, count: int) -> list[tuple[str, Any]]:
    """The first frames of a view: (event, documents)."""
    found: list[tuple[str, Any]] = []
    with client.stream("GET", "/api/events", params={"view": view}) as response:
        assert response.status_code == 200
        name = ""
        for line in response.iter_lines():
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                found.append((name, json.loads(line.removeprefix("data: "))))
                if len(found) == count:
                    return found
    return found
