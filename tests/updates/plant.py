"""An author, a web server and a gateway's folder: all that a visit needs, on this machine."""

import hashlib
import json
import shutil
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from gateway.config import delivery
from gateway.core.updates import Terms
from gateway.updates import offers
from gateway.updates.__main__ import visited
from gateway.updates.author import Author
from gateway.updates.fetch import Pace
from gateway.updates.keyring import Keyring
from tests.fakes.https import StaticServer
from tests.models import heat

TERMS = Terms()
HURRIED = Pace(wait_s=2.0, slow_s=0.5, least=512)
FILE = """
gateway: {id: here}
brokers: {local: {host: 127.0.0.1, port: PORT}}
sources: {zigbee: {bridge: zigbee2mqtt, broker: local}}
store: {path: gateway.db, min_free_bytes: 1MiB}
log: {level: debug, format: json}
models: {heat: {package: old, updates: MODEL}}
updates: {url: "URL", root: root.json, ca_file: ca.pem, every: EVERY, ring: canary, CONFIG}
assets:
  pump:
    name: Pump
    metrics:
      temperature: {from: zigbee/probe, unit: degC}
      power: {from: zigbee/plug, unit: W}
    actions:
      stop:
        to: zigbee/plug
        set: {state: "OFF"}
        proof: {metric: power, below: 5, within: 20s}
    verdicts:
      - {model: heat, deadline: 10s}
      - {rule: "temperature > 90", label: alarm}
    policy:
      - {when: alarm, do: stop, mode: advise}
"""
MODEL = "{shadow: 20 windows, probation: 20, max_latency: 5s, alarm_rate: [0, 0.2]}"
CONFIG = "config: {may: [assets, models], probation: 3s}"


@dataclass
class Plant:
    """One of each."""

    folder: Path
    days: dict[str, int] = field(default_factory=dict)
    text: str = FILE
    every: str = "1h"

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.gateway = self.folder / "gateway"
        self.gateway.mkdir()
        self.keys = self.folder / "keys"
        self.pub = self.folder / "pub"
        offers.begin(self.author(), 2, 3)
        self.server = StaticServer(self.pub, self.folder / "certificates")
        heat.package(self.gateway / "old", "1.0.0")
        shutil.copy(self.pub / "metadata" / "1.root.json", self.gateway / "root.json")
        shutil.copy(self.server.ca_file, self.gateway / "ca.pem")
        self.write()

    def write(self, port: int = 1, *, model: str = MODEL, config: str = CONFIG) -> str:
        """The gateway's file."""
        places = {"PORT": str(port), "URL": self.server.url, "MODEL": model, "CONFIG": config}
        text = self.text
        for name, value in {**places, "EVERY": self.every}.items():
            text = text.replace(name, value)
        self.file.write_text(text)
        return text

    def __enter__(self) -> Self:
        self.server.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.server.__exit__(kind, error, traceback)

    @property
    def file(self) -> Path:
        return self.gateway / "gateway.yaml"

    @property
    def state(self) -> Path:
        """What the gateway received."""
        return self.gateway / "updates"

    def author(self, days_ago: float = 0, keys: Path | None = None) -> Author:
        """The author, with the keys in a folder, maybe long ago."""
        now_ms = time.time_ns() // 1_000_000 - round(days_ago * 86_400_000)
        return Author(self.pub, Keyring([keys or self.keys]), now_ms, self.days)

    def offer(self, version: str = "1.1.0", on: float = 91.0, **more: Any) -> str:
        """Offer a version of the model; its sha256."""
        terms = more.pop("terms", Terms())
        package = heat.package(self.folder / f"package-{version}", version, on, **more)
        return offers.add_model(self.author(), package, "heat", terms).sha256

    def offer_package(self, package: Path, terms: Terms = TERMS) -> str:
        """Offer a package that was made; its sha256."""
        return offers.add_model(self.author(), package, "heat", terms).sha256

    def offer_config(self, text: str, place: str = "gateway/here", terms: Terms = TERMS) -> str:
        """Offer a configuration; its sha256."""
        file = self.folder / "offered.yaml"
        file.write_text(text)
        return offers.add_config(self.author(), file, place, terms).sha256

    def visit(self, *, dry: bool = False) -> dict[str, Any]:
        """One visit, in this process."""
        self.server.counted()
        now_ms = time.time_ns() // 1_000_000
        said: dict[str, Any] = visited(self.file, self.state, now_ms, dry=dry, pace=HURRIED)
        return said

    def delivered(self) -> str:
        """Version of the package that is delivered; empty without one."""
        found = delivery.package(self.state, "heat")
        return found.name.partition("-")[0] if found and found.is_file() else ""

    def configured(self) -> str:
        """The received configuration that is in force."""
        current = delivery.configuration(self.state)
        return current.read_text() if current.exists() else ""

    def installed(self) -> dict[str, str]:
        """Everything that the gateway works with, by name: what an attack must not change."""
        kept = [*(self.state / "models").rglob("*.tar"), *(self.state / "config").glob("*")]
        found = {
            str(file.relative_to(self.state)): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in kept
        }
        link = delivery.package(self.state, "heat")
        return found | {"link": link.name if link else ""}

    def told(self) -> list[str]:
        """Events that wait for the daemon, oldest first."""
        file = self.state / "record.json"
        record = json.loads(file.read_text()) if file.exists() else {"untold": []}
        return [told["event"] for told in record["untold"]]

    def metadata(self, name: str) -> Path:
        """A file of the repository's metadata."""
        return self.pub / "metadata" / name

    def target(self, sha256: str) -> Path:
        """The file of an offer, where the server has it."""
        (found,) = self.pub.rglob(f"{sha256}.*")
        return found
