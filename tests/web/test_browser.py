"""The page in a real Chromium: what people see, do by keyboard, and what a screen reader is told.

With ``EDGE_GATEWAY_PICTURES=docs/pictures`` the pictures of the docs are taken anew.
"""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gateway.core.times import rfc3339
from tests.daemon.test_explain import channels, heat
from tests.fakes.authority import Authority
from tests.fakes.daemon import Daemon
from tests.fakes.mosquitto import PROGRAM, Mosquitto
from tests.fakes.page import PASSWORD, PUMP, Page, people
from tests.fakes.ports import free_port
from tests.fakes.waiting import wait_until
from tests.fakes.zigbee import PLUG, Zigbee, device, numeric
from tests.models import make

try:
    from playwright.sync_api import sync_playwright
except ImportError:
    pytest.skip("needs playwright", allow_module_level=True)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-headless-shell")
if CHROMIUM is None:
    pytest.skip("needs chromium", allow_module_level=True)

AXE = (Path(__file__).parent / "axe/axe.min.js").read_text()
PICTURES = os.environ.get("EDGE_GATEWAY_PICTURES", "")
SHOWN = (
    *("assets-desktop-light", "asset-desktop-light", "asset-phone-dark"),
    *("gateway-desktop-dark", "configuration-problems"),
)
WAIT_MS = 30_000
MACHINES = {
    "pump-3": "Coolant pump 3",
    "fan-1": "Fan 1",
    "freezer-2": "Freezer 2",
    "press-1": "Press 1",
    "compressor": "Compressor",
}
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Tab:
    """One tab, and everything it asked for and complained about."""

    def __init__(self, tab: Any, url: str) -> None:
        self.tab = tab
        self.url = url
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.forgiven: tuple[str, ...] = ()
        """What the browser says of answers that are meant to be so."""
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.on("pageerror", lambda error: self.complaints.append(str(error)))
        tab.on("console", self._hear)
        tab.set_default_timeout(WAIT_MS)

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def violations(self) -> list[str]:
        """What axe finds."""
        self.tab.evaluate(AXE)
        found = self.tab.evaluate("async () => (await axe.run()).violations")
        return [f"{one['id']}: {node['html'][:150]}" for one in found for node in one["nodes"]]

    def wide(self) -> bool:
        """It has to be moved sideways."""
        script = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
        return bool(self.tab.evaluate(script))

    def tab_to(self, name: str) -> None:
        """Press Tab until a button or link has the focus."""
        for _ in range(80):
            self.tab.keyboard.press("Tab")
            if self.tab.evaluate("document.activeElement.textContent.trim()") == name:
                return
        raise AssertionError(name)


@contextmanager
def opened(chromium: Any, url: str, size: str = "desktop", scheme: str = "light") -> Iterator[Tab]:
    width, height = SIZES[size]
    context = chromium.new_context(
        viewport={"width": width, "height": height},
        color_scheme=scheme,
        reduced_motion="reduce",
        ignore_https_errors=True,  # whose certificates are ours
    )
    tab = Tab(context.new_page(), url)
    yield tab
    context.close()
    assert [one for one in tab.asked if not one.startswith(url + "/")] == []
    found = (one for one in tab.complaints if not any(word in one for word in tab.forgiven))
    assert list(found) == []


@pytest.fixture(scope="module")
def plant(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A gateway with five machines, one of them in trouble."""
    if PROGRAM is None:
        pytest.skip("needs mosquitto")
    with ExitStack() as stack:
        broker = Mosquitto(tmp_path_factory.mktemp("mosquitto")).start()
        stack.callback(broker.kill)
        probes = _probes()
        zigbee = stack.enter_context(Zigbee(broker.port, PLUG, *probes))
        web = free_port()
        folder = tmp_path_factory.mktemp("gateway")
        heat(folder)
        _life(folder)
        daemon = Daemon(folder, _configuration(broker.port, web))
        stack.enter_context(daemon)
        zigbee.online()
        _live(zigbee, daemon)
        wait_until(lambda: daemon.logged("page_started"), "the page is there")
        yield f"http://127.0.0.1:{web}"


def _probes() -> list[dict[str, object]]:
    names = [f"{id_} probe" for id_ in MACHINES]
    probes = [device(9 + at, name, numeric("temperature")) for at, name in enumerate(names)]
    return [*probes, device(8, "press-1 plug", numeric("power"))]


def _life(folder: Path) -> None:
    """Hours left = 500 - 4 temperature."""
    nodes = [
        make.node("ReduceMean", "window rows", "mean", keepdims=0),
        make.node("MatMul", "mean weights", "worn"),
        make.node("Add", "worn most", "score"),
    ]
    constants = [
        make.tensor("rows", [1], np.int64),
        make.tensor("weights", [[-4.0]]),
        make.tensor("most", [[500.0]]),
    ]
    make.write(
        folder / "life",
        make.Recipe(
            make.model(nodes, constants, window=("n", 2, 1)),
            rows=2,
            channels=1,
            outputs=({"tensor": "score", "meaning": "rul", "unit": "h"},),
            task="rul",
        ),
        input=channels(("temperature", "degC"), rows=2),
        decision={"raises": "below", "levels": [{"label": "worn", "on": 24, "off": 48}]},
    )


def _configuration(port: int, web: int) -> str:
    assets = "".join(_machine(id_, name) for id_, name in MACHINES.items())
    return f"""
gateway: {{id: here, name: Plant north}}
brokers: {{local: {{host: 127.0.0.1, port: {port}}}}}
sources: {{zigbee: {{bridge: zigbee2mqtt, broker: local}}}}
store: {{path: gateway.db, min_free_bytes: 1MiB}}
log: {{level: debug, format: json}}
web: {{listen: "127.0.0.1:{web}", guest: operator}}
models: {{heat: {{package: package}}, life: {{package: life}}}}
assets:{assets}"""


def _machine(id_: str, name: str) -> str:
    model = {"press-1": "heat", "freezer-2": "life"}.get(id_)
    models = f"\n      - {{model: {model}}}" if model else ""
    power = "\n      power: {from: zigbee/press-1 plug, unit: W}" if model == "heat" else ""
    return f"""
  {id_}:
    name: {name}
    metrics:
      temperature: {{from: zigbee/{id_} probe, unit: degC}}{power}
    actions:
      stop: {{to: zigbee/plug, set: {{state: "OFF"}}}}
    verdicts:{models}
      - {{rule: "temperature > 90", label: alarm}}
    policy:
      - {{when: alarm, do: stop, mode: act}}
"""


def _live(zigbee: Zigbee, daemon: Daemon) -> None:
    """An hour that takes a moment."""
    machines = [id_ for id_ in MACHINES if id_ != "compressor"]
    for step in range(40):
        for at, id_ in enumerate(machines):
            hot = 55 + step if id_ == "pump-3" else 41 + at * 6 + (step * 7 + at) % 5 * 0.3
            zigbee.tell(f"{id_} probe", temperature=hot)
            if id_ == "press-1":
                zigbee.tell("press-1 plug", power=900 + step * 3 % 40)
    zigbee.tell("pump-3 probe", temperature=95.5)
    wait_until(lambda: zigbee.orders, "the pump is stopped")
    zigbee.tell("press-1 plug", power=1400)
    zigbee.tell("press-1 probe", temperature=85)
    zigbee.peer.publish("zigbee2mqtt/press-1 probe", "{nonsense")
    wait_until(lambda: daemon.rows("SELECT 1 FROM reject"), "the reject")
    explained = "SELECT DISTINCT asset FROM decision WHERE explanation <> ''"
    wait_until(lambda: len(daemon.rows(explained)) == 2, "why")


def _picture(tab: Tab, name: str) -> None:
    if PICTURES and name in SHOWN:
        tab.tab.screenshot(path=f"{PICTURES}/{name}.png", full_page=True)


def _explained(tab: Any) -> Any:
    """Words, bars and curves are there."""
    tab.locator(".u-wrap").first.wait_for()
    return tab.locator(".bars .bar").nth(1)


LOOKS = [(size, scheme) for size in SIZES for scheme in ("light", "dark")]
PLACES: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "assets": ("#/", lambda tab: tab.locator(".card.alert").first),
    "rule": ("#/asset/pump-3", lambda tab: tab.locator(".u-wrap").first),
    "asset": ("#/asset/press-1", _explained),
    "gateway": ("#/gateway", lambda tab: tab.get_by_role("region", name="Versions")),
    "configuration": ("#/configuration", lambda tab: tab.get_by_text("this file would load")),
}


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_view_is_for_everybody(chromium: Any, plant: str, size: str, scheme: str) -> None:
    """No finding of axe, no sideways scrolling, nothing from outside, no complaint."""
    with opened(chromium, plant, size, scheme) as tab:
        for name, (place, ready) in PLACES.items():
            tab.tab.goto(f"{plant}/{place}")
            ready(tab.tab).wait_for()
            assert tab.violations() == [], name
            assert not tab.wide(), name
            _picture(tab, f"{name}-{size}-{scheme}")


def test_the_worst_asset_is_the_first(chromium: Any, plant: str) -> None:
    with opened(chromium, plant) as tab:
        tab.tab.goto(plant)
        tab.tab.locator(".card.alert, .card.seen").nth(1).wait_for()
        names = tab.tab.locator(".card h2").all_inner_texts()
        assert set(names[:2]) == {"Coolant pump 3", "Press 1"}
        assert set(names) == set(MACHINES.values())


def test_a_model_s_verdict_is_told_in_words_and_bars_with_the_life_that_remains(
    chromium: Any, plant: str
) -> None:
    with opened(chromium, plant) as tab:
        tab.tab.goto(f"{plant}/#/asset/press-1")
        tab.tab.get_by_text("temperature 85 degC, usually 35 to 45: 53 %").wait_for()
        assert tab.tab.locator(".bars .bar").count() == 2
        curve = tab.tab.get_by_role("img", name="temperature: ")
        curve.wait_for()
        assert "usually 35 to 45" in (curve.get_attribute("aria-label") or "")
        tab.tab.get_by_text("judged alarm").first.wait_for()
        tab.tab.get_by_text("raised: alarm").first.wait_for()
        tab.tab.goto(f"{plant}/#/asset/freezer-2")
        tab.tab.get_by_text("Remaining life (life)").wait_for()
        assert re.search(r"2\d\d(\.\d)? h", tab.tab.locator(".tiles").first.inner_text())
        tab.tab.goto(f"{plant}/#/asset/fan-1")
        curve = tab.tab.get_by_role("img", name="temperature: ")
        curve.wait_for()
        assert "nine in ten" not in (curve.get_attribute("aria-label") or "")  # of forty


def test_the_gateway_tells_versions_and_rejects_with_their_payloads(
    chromium: Any, plant: str
) -> None:
    with opened(chromium, plant) as tab:
        tab.tab.goto(f"{plant}/#/gateway")
        table = tab.tab.get_by_role("region", name="Versions")
        table.wait_for()
        text = table.inner_text()
        assert all(word in text for word in ("heat", "life", "1.0.0", "active"))
        tab.tab.locator("summary").first.focus()
        tab.tab.keyboard.press("Enter")
        tab.tab.get_by_text("{nonsense").wait_for()
        assert tab.violations() == []


LANE = dict.fromkeys(("seq", "sent", "refused", "skipped", "lost"), 2) | dict.fromkeys(
    ("left", "done_s", "error")
)
SINKS = {
    "state": "running",
    "sinks": {
        "hq": {
            "kind": "http",
            "bytes_today": 1_855_201,
            "budget": 20_000_000,
            "lanes": {
                "live": LANE | {"state": "send", "waits": "rate", "left": 41, "done_s": 79},
                "events": LANE | {"state": "ask", "waits": "backoff", "error": "timed out"},
            },
        }
    },
}
SLOT = {"holder": "b", "epoch": 3, "role": "standby", "line": ["a", "b"], "assets": ["pump"]}
ASKED = dict.fromkeys(("asked", "answered"), 12)
BIG = {"state": "opened", "error": "503", "calls_left": 4, "took_ms": 212, "counters": ASKED}
CAUSE = {
    "model": "heat",
    "what": "temperature",
    "usual": 50.0,
    "now": 53.5,
    "shift_sd": 3.4,
    "text": "temperature is about 53.5 degC, and was 50 degC (+3.4 sd): look at the sensor",
}


def test_clouds_drift_and_the_fleet_are_told(chromium: Any, tmp_path: Path) -> None:
    with Page(tmp_path) as page, opened(chromium, page.url) as tab:
        drift = {"asset": "pump", "state": "raised", "causes": [CAUSE]}
        page.tell("asset/pump/maintenance", drift)
        page.tell("sync", SINKS)
        fleet = {"site": "plant", "member": "a", "slots": {"a": SLOT}}
        counters = {"zigbee/json": 3, "model:heat/answered": 9}
        page.tell("health", {"fleet": fleet, "inference": {"big": BIG}, "counters": counters})
        tab.tab.goto(f"{page.url}/#/gateway")
        told = {
            "Clouds that are told": "out of reach: timed out",
            "Clouds that are asked": "opened: 503",
            "Fleet plant, seen by a": "standby",
            "What is not where it was": "3.4 sd",
            "By reason, since the database was made": "zigbee/json",
        }
        for name, words in told.items():
            region = tab.tab.get_by_role("region", name=name)
            region.wait_for()
            assert words in region.inner_text()
        assert tab.violations() == []
        tab.tab.get_by_role("link", name="pump").click()
        tab.tab.get_by_text("look at the sensor").wait_for()
        assert "Commanded by" in tab.tab.locator(".tiles").first.inner_text()
        assert tab.violations() == []
        tab.forgiven = ("503",)  # there is no database


def test_everything_is_done_by_keyboard(chromium: Any, plant: str) -> None:
    with opened(chromium, plant) as tab:
        tab.tab.goto(plant)
        tab.tab.locator(".card").first.wait_for()
        tab.tab_to("Coolant pump 3")
        tab.tab.keyboard.press("Enter")
        tab.tab.get_by_role("button", name="Acknowledge").wait_for()
        tab.tab.locator("button:enabled", has_text="Acknowledge").wait_for()
        tab.tab_to("Acknowledge")
        tab.tab.keyboard.press("Enter")
        tab.tab.locator(".deeds").get_by_text("acknowledge: done").wait_for()
        tab.tab.get_by_text("alert, acknowledged").first.wait_for()
        said = tab.tab.locator("#said").inner_text()
        assert said == "acknowledge: done"
        tab.tab.get_by_label("Reason").first.focus()
        tab.tab.keyboard.type("new seal")
        tab.tab.keyboard.press("Enter")
        tab.tab.locator(".deeds").get_by_text("override: done").wait_for()
        tab.tab.locator("button:enabled", has_text="Release").wait_for()
        tab.tab_to("Release")
        tab.tab.keyboard.press("Enter")
        tab.tab.locator("button:disabled", has_text="Release").wait_for()


def test_a_mistake_in_the_file_is_shown_while_it_is_typed(chromium: Any, plant: str) -> None:
    with opened(chromium, plant) as tab:
        tab.tab.goto(f"{plant}/#/configuration")
        tab.tab.get_by_text("this file would load").wait_for()
        text = tab.tab.locator("textarea")
        text.fill(text.input_value().replace("verdicts:", "verdict:", 1))
        tab.tab.get_by_text("did you mean 'verdicts'?").first.wait_for()
        assert tab.violations() == []
        _picture(tab, "configuration-problems")


def test_signing_in_and_out(chromium: Any, tmp_path: Path) -> None:
    with Page(tmp_path, accounts=people(tmp_path)) as page, opened(chromium, page.url) as tab:
        tab.tab.goto(page.url)
        tab.tab.get_by_label("Name").fill("vera")
        assert tab.violations() == []
        tab.tab.get_by_label("Password").fill(PASSWORD)
        tab.tab.keyboard.press("Enter")
        tab.tab.get_by_role("link", name="Pump").click()
        tab.tab.get_by_role("heading", name="Timeline").wait_for()
        assert not tab.tab.get_by_role("heading", name="Decide").is_visible()
        tab.tab.get_by_role("button", name="Sign out").click()
        tab.tab.get_by_label("Password").wait_for()
        tab.forgiven = ("503", "401")  # there is no database; what was asked before the end


def test_signing_in_over_tls(chromium: Any, tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path / "certs", "plant").issue("page", "IP:127.0.0.1")
    given = {"cert_file": str(certificate), "key_file": str(key), "accounts": people(tmp_path)}
    with Page(tmp_path, **given) as page, opened(chromium, page.url) as tab:
        tab.tab.goto(page.url)
        tab.tab.get_by_label("Name").fill("anna")
        tab.tab.get_by_label("Password").fill(PASSWORD)
        tab.tab.keyboard.press("Enter")
        tab.tab.get_by_role("link", name="Pump").wait_for()
        (cookie,) = tab.tab.context.cookies()
        assert (cookie["secure"], cookie["httpOnly"]) == (True, True)


def test_a_hundred_assets_and_one_that_raises_an_alert(chromium: Any, tmp_path: Path) -> None:
    assets = {f"pump-{at}": {**PUMP, "name": f"Pump {at}"} for at in range(100)}
    with Page(tmp_path, assets=assets) as page, opened(chromium, page.url) as tab:
        for id_ in assets:
            page.tell(f"asset/{id_}/state", {"label": "normal", "alert": False, "score": 0.1})
        tab.tab.goto(page.url)
        tab.tab.locator(".card.normal").nth(99).wait_for()
        told = {"label": "alarm", "alert": True, "score": 3, "ts": rfc3339(0)}
        page.tell("asset/pump-57/state", told)
        tab.tab.locator(".card.alert").wait_for()
        assert tab.tab.locator(".card h2").first.inner_text() == "Pump 57"
        assert tab.tab.locator("#said").inner_text() == "alert: Pump 57"


def test_a_lost_connection_is_said_and_found_again(chromium: Any, tmp_path: Path) -> None:
    with opened(chromium, f"http://127.0.0.1:{(port := free_port())}") as tab:
        with Page(tmp_path, port=port) as page:
            tab.tab.goto(page.url)
            tab.tab.get_by_text("live").wait_for()
        tab.tab.get_by_text("connection lost").wait_for()
        with Page(tmp_path, port=port):
            tab.tab.get_by_text("live").wait_for()
        tab.forgiven = ("net::ERR",)
